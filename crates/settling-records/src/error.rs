//! The one error of this crate.

#[cfg(feature = "parquet")]
use settling_core::BoxError;

/// Why a table could not be read or written. The message names the line (of Parquet, the row) and
/// the column.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file could not be read or written.
    Io,
    /// The columns are not those of this schema version.
    Schema,
    /// A cell does not hold what its column asks for.
    Cell,
    /// Two rows give the same number.
    Twice,
    /// A Parquet file is cut, damaged, or not as this crate wrote it.
    Damaged,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    #[cfg(feature = "parquet")]
    pub(crate) fn caused(kind: ErrorKind, doing: &str, cause: impl Into<BoxError>) -> Self {
        Self::new(kind, format!("{doing}: {}", cause.into()))
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
