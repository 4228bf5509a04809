//! The one error of this crate.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// Why tokens could not be read, made or written. The message names the file and the place in it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
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
    /// A tokenizer could not be read or applied.
    Tokenizer,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An error of something below, after what was being done.
    pub(crate) fn caused(kind: ErrorKind, doing: &str, cause: impl fmt::Display) -> Self {
        Self::new(kind, format!("{doing}: {cause}"))
    }

    pub(crate) fn at(kind: ErrorKind, path: &Path, message: impl fmt::Display) -> Self {
        Self::caused(kind, &path.display().to_string(), message)
    }

    pub(crate) fn io(doing: &str, path: &Path, error: std::io::Error) -> Self {
        Self::caused(ErrorKind::Io, &format!("cannot {doing} {}", path.display()), error)
    }

    pub(crate) fn tokenizer(doing: &str, error: impl fmt::Display) -> Self {
        Self::caused(ErrorKind::Tokenizer, &format!("cannot {doing}"), error)
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Refuses a range of rows that is empty or reaches beyond the last of `available`; `fault` makes
/// the error, which names the file.
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
