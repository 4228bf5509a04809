use std::fmt;

/// Why a table could not be counted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    predicted: usize,
    actual: usize,
}

impl Error {
    pub(crate) fn lengths(predicted: usize, actual: usize) -> Self {
        Self { predicted, actual }
    }

    /// What went wrong, to match on. The message has the particulars.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::LengthMismatch
    }
}

/// What went wrong: [`Error::kind`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The two variables have different numbers of observations.
    LengthMismatch,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { predicted, actual } = self;
        write!(
            f,
            "expected one actual value for each predicted one, found {predicted} predicted and {actual} actual values; \
             pair them by observation first"
        )
    }
}

impl std::error::Error for Error {}
