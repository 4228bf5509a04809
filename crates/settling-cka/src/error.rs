use std::fmt;

/// One of the two feature matrices that are compared.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// The first, `x`.
    X,
    /// The second, `y`.
    Y,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::X => "x",
            Self::Y => "y",
        })
    }
}

/// Why rows, or another accumulator, were refused. Whatever refused them is as it was before the call.
///
/// [`kind`](Error::kind) says what sort of problem it is; the message says what was expected and what was found where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Fault);

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `x` and `y` have not the same number of rows.
    RowsDiffer,
    /// A width is not that of the rows before.
    WidthDiffers,
    /// A matrix has no columns.
    NoFeatures,
    /// An element, or a sum given to [`Cka::from_sums`](crate::Cka::from_sums), is NaN or infinite.
    NotFinite,
    /// An element is beyond ±2^200, so that its fourth power may overflow. No f32 is.
    TooLarge,
}

impl Error {
    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.0 {
            Fault::RowsDiffer { .. } => ErrorKind::RowsDiffer,
            Fault::WidthDiffers { .. } => ErrorKind::WidthDiffers,
            Fault::NoFeatures { .. } => ErrorKind::NoFeatures,
            Fault::NotFinite { .. } | Fault::SumNotFinite { .. } => ErrorKind::NotFinite,
            Fault::TooLarge { .. } => ErrorKind::TooLarge,
        }
    }
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Fault {
    #[error(
        "x has {x} rows and y has {y}: row i of both must be the same observation, so pass as many rows of each"
    )]
    RowsDiffer { x: usize, y: usize },
    #[error(
        "{side} has {found} features, but {expected} in the rows before: one accumulator compares one pair of sites"
    )]
    WidthDiffers { side: Side, expected: usize, found: usize },
    #[error("{side} has no features: expected at least one column")]
    NoFeatures { side: Side },
    #[error(
        "{side} is {value} at row {row}, column {col}: expected finite numbers; look for an overflow upstream"
    )]
    NotFinite { side: Side, row: usize, col: usize, value: f64 },
    #[error(
        "{side} is {value:e} at row {row}, column {col}: expected magnitudes up to 2^200 (1.6e60); \
         divide {side} by a power of two, CKA does not depend on it"
    )]
    TooLarge { side: Side, row: usize, col: usize, value: f64 },
    #[error(
        "{name} is {value}: expected a finite number; look for an overflow where it was summed"
    )]
    SumNotFinite { name: &'static str, value: f64 },
}
