//! The one error of this crate.

use std::fmt::Display;

/// Why there is no figure, or why it could not be stored. The message says what was expected and
/// found.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No row of the tables holds a number that the figure shows.
    NoData,
    /// A row holds what cannot be drawn: a correlation beyond 1, a value that is not finite.
    InvalidRecords,
    /// The picture could not be drawn at the wanted scale.
    Render,
    /// A file could not be written.
    Io,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// `doing: cause`.
    pub(crate) fn caused(kind: ErrorKind, doing: impl Display, cause: impl Display) -> Self {
        Self::new(kind, format!("{doing}: {cause}"))
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
