//! The one error of this crate, and the reasons why a measure has no value.

use std::fmt;

/// Why there is no spectrum, or no value of a measure.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What went wrong: [`Error::kind`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An element of the matrix is NaN or infinite.
    NonFinite,
    /// No method found singular values that pass the run-time check.
    NoConvergence,
    /// The largest singular value is greater than [`f64::MAX`]. Only f64 input with elements near
    /// that limit can do this.
    Overflow,
    /// The largest singular value of a product is positive and less than [`f64::MIN_POSITIVE`],
    /// where digits are lost.
    Underflow,
    /// The measure has no value for this spectrum.
    Undefined(Undefined),
}

/// Why a measure has no value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Undefined {
    /// The matrix has no rows or no columns.
    Empty,
    /// Every singular value (for [`gini`](crate::gini) and [`hoyer`](crate::hoyer): every element)
    /// is zero.
    Zero,
    /// No value is larger than its error: a product whose factors cancel, and what rounding left.
    Noise,
    /// There is one value only, or one above the tolerance: nothing to spread over, no slope to
    /// fit.
    One,
    /// A value in the range to be fitted is zero, or no larger than its error and so may be zero,
    /// or the range ends after the last value.
    Range,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the matrix has no rows or no columns",
            Self::Zero => "every value is zero",
            Self::One => "it has one value only",
            Self::Noise => "no value is larger than its error",
            Self::Range => {
                "a value of the range is missing, zero, or too small to be told from zero"
            }
        })
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// `of` says which matrix it is, where there are several.
    pub(crate) fn not_finite(row: usize, col: usize, value: f64, of: &str) -> Self {
        let message = format!(
            "expected finite elements, found {value} at row {row}, column {col} (from 0){of}; \
             find out where it came from, or leave this matrix out"
        );
        Self::new(ErrorKind::NonFinite, message)
    }

    pub(crate) fn no_convergence(rows: usize, cols: usize) -> Self {
        let message = format!(
            "no singular values of this {rows} x {cols} matrix passed the check of their squared sum against the squared \
             norm of the matrix, by any method; please report the matrix"
        );
        Self::new(ErrorKind::NoConvergence, message)
    }

    pub(crate) fn overflow(rows: usize, cols: usize) -> Self {
        let message = format!(
            "the largest singular value of this {rows} x {cols} matrix is greater than the largest f64; \
             divide the matrix by a power of two first"
        );
        Self::new(ErrorKind::Overflow, message)
    }

    pub(crate) fn underflow(rows: usize, cols: usize) -> Self {
        let message = format!(
            "the largest singular value of this {rows} x {cols} product is below the smallest normal f64; \
             multiply a factor by a power of two first"
        );
        Self::new(ErrorKind::Underflow, message)
    }

    /// What went wrong, to match on. The message has the particulars.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<Undefined> for Error {
    fn from(why: Undefined) -> Self {
        Self::new(ErrorKind::Undefined(why), format!("the measure is undefined: {why}"))
    }
}
