use std::fmt;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a table could not be read or written. The message names the line (of Parquet, the row) and
/// the column.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Cause>,
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
    /// A Parquet file is cut, damaged, or not as this crate wrote it.
    Damaged,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message, source: None }
    }

    #[cfg(feature = "parquet")]
    pub(crate) fn caused(kind: ErrorKind, doing: &str, cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        Self { kind, message: format!("{doing}: {cause}"), source: Some(cause) }
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<csv::Error> for Error {
    fn from(error: csv::Error) -> Self {
        let kind = if error.is_io_error() { ErrorKind::Io } else { ErrorKind::Cell };
        Self { kind, message: error.to_string(), source: Some(error.into()) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}
