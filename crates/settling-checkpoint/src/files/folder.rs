//! Where the files of a checkpoint come from: a folder of this machine, or named bytes from
//! anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use settling_core::ReadRange;

use super::source::Source;
use crate::error::{Error, ErrorKind};

/// No `config.json` or index is larger than this.
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

    pub(crate) fn is_file(&self) -> bool {
        matches!(self, Self::Local(path) if path.is_file())
    }

    /// The names of its files and folders, or none if it cannot be listed; in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Local(path) => fs::read_dir(path).map_or_else(
                |_| Vec::new(),
                |entries| {
                    let names = entries.flatten().map(|entry| entry.file_name());
                    names.map(|name| name.to_string_lossy().into_owned()).collect()
                },
            ),
            Self::Files { files, .. } => files.keys().cloned().collect(),
        };
        names.sort_unstable();
        names
    }

    pub(crate) fn open(&self, name: &str) -> Result<Source, Error> {
        match self {
            Self::Local(path) => Source::open(path.join(name)),
            Self::Files { path, files } => {
                let path = path.join(name);
                let Some(bytes) = files.get(name) else {
                    return Err(Error::at(ErrorKind::MissingFile, &path, "is not among the files"));
                };
                Ok(Source::new(&path, Arc::clone(bytes)))
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
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            let message = "is UTF-16, by its byte order mark: expected UTF-8";
            return Err(Error::at(ErrorKind::Format, &path, message));
        }
        let mut text =
            String::from_utf8(bytes).map_err(|error| Error::at(ErrorKind::Format, &path, error))?;
        // What editors on Windows write before UTF-8 is no part of the text.
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        Ok(text)
    }
}
