//! The one error of this crate.

use std::fmt;

use crate::undefined::{Side, Undefined};

/// Why rows, or another accumulator, were refused. Whatever refused them is as it was before the
/// call.
///
/// [`kind`](Error::kind) says what sort of problem it is; the message says what was expected and
/// what was found where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    undefined: Option<Undefined>,
}

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
    /// An element is beyond ±2^900, so that sums may overflow. No f32 is.
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
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), undefined: None }
    }

    pub(crate) fn rows_differ(x: usize, y: usize) -> Self {
        let message = format!(
            "x has {x} rows and y has {y}: row i of both must be the same observation, so pass as many rows of each"
        );
        Self::new(ErrorKind::RowsDiffer, message)
    }

    pub(crate) fn width_differs(side: Side, expected: usize, found: usize) -> Self {
        let message = format!(
            "{side} has {found} features, but {expected} in the rows before: one accumulator compares one pair of sites"
        );
        Self::new(ErrorKind::WidthDiffers, message)
    }

    pub(crate) fn sites_differ(side: Side, expected: &str, found: usize) -> Self {
        let message = format!(
            "{side} has {found} sites, but {expected} were expected: pass the same sites every time"
        );
        Self::new(ErrorKind::SitesDiffer, message)
    }

    pub(crate) fn sum_not_finite(name: &str, value: f64) -> Self {
        let message = format!(
            "{name} is {value}: expected a finite number; look for an overflow where it was summed"
        );
        Self::new(ErrorKind::NotFinite, message)
    }

    pub(crate) fn undefined_draws(draws: &dyn fmt::Display, reason: Undefined) -> Self {
        let message = format!(
            "{draws}; an interval of the others would not be that of samples like these: take more rows, or rows of which fewer are equal"
        );
        Self { message, ..Self::from(reason) }
    }

    /// The same error of one site of several.
    pub(crate) fn at_site(self, side: Side, index: usize) -> Self {
        Self { message: format!("site {index} of {side}: {}", self.message), ..self }
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Why the number has no value, if that is the problem.
    #[must_use]
    pub fn undefined(&self) -> Option<Undefined> {
        self.undefined
    }
}

impl From<Undefined> for Error {
    fn from(reason: Undefined) -> Self {
        Self { undefined: Some(reason), ..Self::new(ErrorKind::Undefined, reason.to_string()) }
    }
}
