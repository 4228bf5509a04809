use std::fmt;

use crate::cka::Undefined;

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

/// Why rows, or another accumulator, were refused. Whatever refused them is as it was before the
/// call.
///
/// [`kind`](Error::kind) says what sort of problem it is; the message says what was expected and
/// what was found where.
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
    /// Two accumulators differ in their arithmetic or in the draws of their null.
    OptionsDiffer,
    /// There are not as many sites as in the rows before, or none.
    SitesDiffer,
    /// A given matrix is not the Gram matrix of a kernel: not square, not symmetric, or a negative
    /// squared distance.
    NotAKernel,
    /// The number has no value for these rows: [`Error::undefined`] says why.
    Undefined,
}

impl Error {
    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
    }

    /// Why the number has no value, if that is the problem.
    #[must_use]
    pub fn undefined(&self) -> Option<Undefined> {
        match self.0 {
            Fault::Undefined(reason) => Some(reason),
            _ => None,
        }
    }
}

impl From<Undefined> for Error {
    fn from(reason: Undefined) -> Self {
        Fault::Undefined(reason).into()
    }
}

impl Fault {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::RowsDiffer { .. } | Self::SiteRowsDiffer { .. } => ErrorKind::RowsDiffer,
            Self::WidthDiffers { .. } => ErrorKind::WidthDiffers,
            Self::NoFeatures { .. } => ErrorKind::NoFeatures,
            Self::NotFinite { .. } | Self::SumNotFinite { .. } => ErrorKind::NotFinite,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::OptionsDiffer { .. } => ErrorKind::OptionsDiffer,
            Self::SitesDiffer { .. } => ErrorKind::SitesDiffer,
            Self::NotSquare { .. } | Self::NotSymmetric { .. } | Self::NegativeDiagonal { .. } => {
                ErrorKind::NotAKernel
            }
            Self::Undefined(_) => ErrorKind::Undefined,
            Self::AtSite { fault, .. } => fault.kind(),
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
    #[error(
        "an accumulator with {found} products and {found_draws} draws of a null cannot be added to one with {expected} products \
         and {expected_draws} draws: make both alike"
    )]
    OptionsDiffer {
        expected: &'static str,
        expected_draws: usize,
        found: &'static str,
        found_draws: usize,
    },
    #[error(
        "{side} has {found} sites, but {expected} were expected: pass the same sites every time"
    )]
    SitesDiffer { side: Side, expected: String, found: usize },
    #[error(
        "{found} rows, but the first site of x has {expected}: row i of all sites must be the same observation"
    )]
    SiteRowsDiffer { expected: usize, found: usize },
    #[error("the Gram matrix of {side} is {rows} x {cols}: expected as many columns as rows")]
    NotSquare { side: Side, rows: usize, cols: usize },
    #[error(
        "the Gram matrix of {side} is not symmetric: {above} at row {row}, column {col}, and {below} at row {col}, column {row}"
    )]
    NotSymmetric { side: Side, row: usize, col: usize, above: f64, below: f64 },
    #[error(
        "the centred Gram matrix of {side} has {value} on its diagonal at row {row}: expected the squared distance of that row \
         from the mean, so the matrix is that of no kernel"
    )]
    NegativeDiagonal { side: Side, row: usize, value: f64 },
    #[error(transparent)]
    Undefined(Undefined),
    #[error("site {index} of {side}: {fault}")]
    AtSite { side: Side, index: usize, fault: Box<Self> },
}
