use std::fmt;

/// Why there is no spectrum, or no value of a measure.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Repr);

impl Error {
    /// What went wrong, to match on. The message has the particulars.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.0 {
            Repr::NonFinite { .. } => ErrorKind::NonFinite,
            Repr::NoConvergence { .. } => ErrorKind::NoConvergence,
            Repr::Overflow { .. } => ErrorKind::Overflow,
            Repr::Underflow { .. } => ErrorKind::Underflow,
            Repr::Undefined(why) => ErrorKind::Undefined(why),
        }
    }
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
    /// There is one value only, or one above the tolerance: nothing to spread over, no slope to
    /// fit.
    One,
    /// A value in the range to be fitted is zero, or the range ends behind the last value.
    Range,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the matrix has no rows or no columns",
            Self::Zero => "every value is zero",
            Self::One => "it has one value only",
            Self::Range => "a value of the range is zero or missing",
        })
    }
}

#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Repr {
    #[error(
        "expected finite elements, found {value} at row {row}, column {col} (from 0){of}; \
         find out where it came from, or leave this matrix out"
    )]
    NonFinite { row: usize, col: usize, value: String, of: &'static str },
    #[error(
        "no singular values of this {rows} x {cols} matrix passed the check of their squared sum against the squared \
         norm of the matrix, by any method; please report the matrix"
    )]
    NoConvergence { rows: usize, cols: usize },
    #[error(
        "the largest singular value of this {rows} x {cols} matrix is greater than the largest f64; \
         divide the matrix by a power of two first"
    )]
    Overflow { rows: usize, cols: usize },
    #[error(
        "the largest singular value of this {rows} x {cols} product is below the smallest normal f64; \
         multiply a factor by a power of two first"
    )]
    Underflow { rows: usize, cols: usize },
    #[error("the measure is undefined: {0}")]
    Undefined(Undefined),
}
