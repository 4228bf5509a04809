//! Where the files of a checkpoint come from: a folder of this machine, or named bytes from
//! anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use settling_core::{LocalFile, ReadRange};

use crate::error::{Error, ErrorKind};

/// A `config.json` or an index larger than this is none.
const LONGEST_TEXT: u64 = 100_000_000;

#[derive(Debug)]
pub(crate) enum Folder {
    Local(PathBuf),
    Files { path: PathBuf, files: BTreeMap<String, Arc<dyn ReadRange>> },
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Local(path) | Self::Files { path, .. } => path,
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Local(path) => path.join(name).is_file(),
            Self::Files { files, .. } => files.contains_key(name),
        }
    }

    pub(crate) fn exists(&self) -> bool {
        match self {
            Self::Local(path) => path.is_dir(),
            Self::Files { .. } => true,
        }
    }

    pub(crate) fn open(&self, name: &str) -> Result<Source, Error> {
        match self {
            Self::Local(path) => Source::open(path.join(name)),
            Self::Files { path, files } => {
                let path = path.join(name);
                let Some(bytes) = files.get(name) else {
                    return Err(Error::at(ErrorKind::MissingFile, &path, "is not among the files"));
                };
                Ok(Source { path, bytes: Arc::clone(bytes) })
            }
        }
    }

    pub(crate) fn read_text(&self, name: &str) -> Result<String, Error> {
        let path = self.path().join(name);
        let bytes = match self {
            Self::Local(_) => fs::read(&path).map_err(|error| Error::io("read", &path, error))?,
            Self::Files { .. } => {
                let source = self.open(name)?;
                if source.len() > LONGEST_TEXT {
                    let message = format!("has {} bytes: expected JSON", source.len());
                    return Err(Error::at(ErrorKind::Format, &path, message));
                }
                source.read("read", 0, source.len())?
            }
        };
        String::from_utf8(bytes).map_err(|error| Error::at(ErrorKind::Format, &path, error))
    }
}

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

    /// At most `length` bytes from the start.
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
