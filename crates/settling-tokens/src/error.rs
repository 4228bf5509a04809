use std::fmt;
use std::ops::Range;
use std::path::Path;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why tokens could not be read, made or written. The message names the file and the place in it.
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
    /// A file could not be opened, read or written.
    Io,
    /// A file is not what it should be: another format, another element type, cut, ragged.
    Format,
    /// A token is negative or larger than any id.
    Token,
    /// The rows asked for do not exist, or there is not enough text for one row.
    Rows,
    /// A tokenizer could not be trained, read or applied.
    Tokenizer,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn at(kind: ErrorKind, path: &Path, message: impl fmt::Display) -> Self {
        Self::new(kind, format!("{}: {message}", path.display()))
    }

    pub(crate) fn io(doing: &str, path: &Path, error: std::io::Error) -> Self {
        let message = format!("cannot {doing} {}: {error}", path.display());
        Self { kind: ErrorKind::Io, message, source: Some(error.into()) }
    }

    pub(crate) fn tokenizer(doing: &str, error: Cause) -> Self {
        let message = format!("cannot {doing}: {error}");
        Self { kind: ErrorKind::Tokenizer, message, source: Some(error) }
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Refuses a range of rows that is empty or reaches behind the last of `available`; `fault` says of
/// what.
pub(crate) fn check_rows(
    rows: &Range<usize>,
    available: usize,
    fault: impl FnOnce(ErrorKind, String) -> Error,
) -> Result<(), Error> {
    if rows.start < rows.end && rows.end <= available {
        return Ok(());
    }
    let message =
        format!("rows {}..{} were asked for, {available} are there", rows.start, rows.end);
    Err(fault(ErrorKind::Rows, message))
}
