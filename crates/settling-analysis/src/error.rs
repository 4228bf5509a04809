//! The one error of this crate.

/// Why numbers cannot be decided about. The message says what was expected and found, and what to
/// do.
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
    /// A number is NaN or infinite.
    InvalidValue,
    /// The steps of a trajectory do not ascend.
    UnorderedSteps,
    /// Two records give the same number.
    Contradiction,
    /// The definition is 0 / 0 here: a variable is constant, or nothing is left to estimate from.
    Undefined,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
