//! The bytes of one file, from wherever they come.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use settling_core::{LocalFile, ReadRange};

use crate::error::{Error, ErrorKind};

/// The bytes of one file, and what to call it.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    bytes: Arc<dyn ReadRange>,
}

impl Source {
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        let file = LocalFile::open(&path).map_err(|error| Error::io("open", &path, error))?;
        Ok(Self { path, bytes: Arc::new(file) })
    }

    pub(crate) fn new(path: &Path, bytes: Arc<dyn ReadRange>) -> Self {
        Self { path: path.to_path_buf(), bytes }
    }

    pub(crate) fn in_memory(path: impl AsRef<Path>, bytes: Vec<u8>) -> Self {
        Self::new(path.as_ref(), Arc::new(bytes))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len()
    }

    /// The first bytes, `length` or as many as there are.
    pub(crate) fn start(&self, length: u64) -> Result<Vec<u8>, Error> {
        self.read("read", 0, length.min(self.len()))
    }

    /// The `length` bytes at `start`, or an error that says what was being done.
    pub(crate) fn read(&self, doing: &str, start: u64, length: u64) -> Result<Vec<u8>, Error> {
        if length == 0 {
            return Ok(Vec::new());
        }
        let end = start.checked_add(length).filter(|&end| end <= self.len()).ok_or_else(|| {
            let message =
                format!("cannot {doing}: no {length} bytes at byte {start} of {}", self.len());
            Error::at(ErrorKind::Format, &self.path, message)
        })?;
        let bytes = self
            .bytes
            .read_range(start..end)
            .map_err(|error| Error::io(doing, &self.path, error))?;
        if bytes.len() as u64 != length {
            let message = format!("{length} bytes were asked for, {} came", bytes.len());
            return Err(Error::at(ErrorKind::Io, &self.path, message));
        }
        Ok(bytes)
    }
}
