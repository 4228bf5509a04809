//! The one error of this crate.

use std::fmt;

/// Why there is no answer. The message says what was expected and found, and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    undefined: Option<Undefined>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message, undefined: None }
    }

    pub(crate) fn undefined_because(why: Undefined, message: String) -> Self {
        Self { undefined: Some(why), ..Self::new(ErrorKind::Undefined, message) }
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

    /// Why there is no value, if that is the problem.
    #[must_use]
    pub fn undefined(&self) -> Option<Undefined> {
        self.undefined
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
    /// [`Error::undefined`] says which.
    Undefined,
}

/// Why a statistic has no value: [`Error::undefined`]. Of a table, [`Mcc`](crate::Mcc) has the
/// empty margin.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Undefined {
    /// There are fewer than two observations.
    TooFew,
    /// All values of the first variable are equal.
    FirstConstant,
    /// All values of the second variable are equal.
    SecondConstant,
    /// All labels are positive, or all negative.
    OneLabel,
    /// The statistic to be bootstrapped has no value for the data itself.
    Estimate,
    /// The statistic has no value in most resamples.
    Resamples,
    /// The statistic has no value without some unit, as BCa needs it.
    LeftOut,
    /// All resamples lie on one side of the estimate, so that BCa cannot correct its bias.
    OneSided,
    /// The statistic is too skewed for BCa at this level.
    Skewed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
