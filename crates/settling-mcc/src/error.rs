//! The one error of this crate.

use std::fmt;

/// Why there is no answer. The message says what was expected and found, and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message }
    }

    pub(crate) fn lengths(first: (&str, usize), second: (&str, usize)) -> Self {
        let ((one, length), (other, found)) = (first, second);
        let message = format!(
            "expected one {other} value for each {one} one, found {length} {one} and {found} {other} values; pair them by \
             observation first"
        );
        Self::new(ErrorKind::LengthMismatch, message)
    }

    /// What went wrong, to match on. The message has the particulars.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// What went wrong: [`Error::kind`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Two variables have different numbers of observations.
    LengthMismatch,
    /// A number is not finite, or outside the range that its documentation names.
    InvalidValue,
    /// The counts add up to more than 2^64 - 1.
    TooMany,
    /// The definition is 0 / 0 here: a variable is constant, or nothing is left to estimate from.
    Undefined,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
