//! The decoder's errors and panics, as errors that name the file.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::errors::ParquetError;

use crate::error::{Error, ErrorKind};

/// What went wrong within [`guarded`].
pub(super) enum Fault {
    Ours(ErrorKind, String),
    Decoder(ParquetError),
}

impl Fault {
    pub(super) fn format(message: impl Into<String>) -> Self {
        Self::Ours(ErrorKind::Format, message.into())
    }
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        Self::Decoder(error)
    }
}

/// Runs what calls the decoder: its errors, and its panics on damaged files, become errors that
/// name the file.
pub(super) fn guarded<T>(name: &str, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Error> {
    let path = Path::new(name);
    // What a panic leaves half-done is dropped: `work` owns or only reads what it uses, and
    // gathered ids are not used.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Fault::Ours(kind, message))) => Err(Error::at(kind, path, message)),
        Ok(Err(Fault::Decoder(ParquetError::External(error)))) => {
            match error.downcast::<io::Error>() {
                Ok(error) if error.kind() == io::ErrorKind::InvalidData => {
                    Err(Error::at(ErrorKind::Format, path, format!("is cut or damaged: {error}")))
                }
                Ok(error) => Err(Error::io("read", path, *error)),
                Err(error) => Err(Error::at(ErrorKind::Format, path, error)),
            }
        }
        Ok(Err(Fault::Decoder(error))) => {
            let message = format!("is no Parquet file, cut or damaged: {error}");
            Err(Error::at(ErrorKind::Format, path, message))
        }
        Err(_) => {
            let message = "is a damaged Parquet file: its decoder panicked";
            Err(Error::at(ErrorKind::Format, path, message))
        }
    }
}
