use std::fmt;

/// Why a table could not be read or written. The message names the line and the column.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<csv::Error>,
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
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message, source: None }
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
        Self { kind, message: error.to_string(), source: Some(error) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
