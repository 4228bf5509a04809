//! The reasons why a number has no value, and the sides that they name.

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

/// Why a number has no value for the rows seen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Undefined {
    /// The definition divides by zero for so few rows.
    #[error("too few rows: expected at least {needed}, found {found}")]
    TooFewRows {
        /// The least number of rows for which the number is defined.
        needed: usize,
        /// The number of rows seen.
        found: usize,
    },
    /// All rows of one side are equal.
    #[error("zero variance: all rows of {0} are equal")]
    ZeroVariance(Side),
    /// The rows of every mini-batch of one side are equal, but not those of different ones: within
    /// batches nothing varies.
    #[error("zero variance: within every mini-batch all rows of {0} are equal")]
    ZeroVarianceInBatches(Side),
    /// The rows of one side are not equal, and differ by less than 2^-900, where a mean is not
    /// exact; or the sums given to [`Cka::from_sums`](crate::Cka::from_sums) are so small that
    /// squares of them vanish.
    #[error(
        "too little variance: the rows of {0} are not equal, but differ by so little that f64 has no digits for it; multiply {0} by a \
         power of two"
    )]
    VarianceTooSmall(Side),
    /// The denominator of the debiased value is not positive, or not known to three digits.
    #[error(
        "the debiased self-similarity of {0} is not positive beyond rounding: its rows are equally far from each other, or all but one of \
         them are equal, or one is millions of times farther away than the others"
    )]
    SelfTermNotPositive(Side),
    /// The numerator of the debiased value is not known to three digits of the denominator.
    #[error(
        "the debiased similarity is lost in rounding: some rows of x and of y are millions of times farther away than the others"
    )]
    CrossTermUnknown,
    /// Nothing varies in a given Gram matrix, or no more than the rounding of its elements, which
    /// are one constant, large beside all differences.
    #[error(
        "the Gram matrix of {0} is constant but for rounding: all its rows are equal, or its features lie too far from zero or its kernel \
         is too wide for the digits of f64; center the features before it is formed, or take rbf_cka"
    )]
    KernelLost(Side),
    /// PWCCA weights the canonical variates, and of equal correlations the variates are any basis
    /// of a space.
    #[error(
        "{0} canonical correlations are equal to rounding, so that the weights of their directions are arbitrary: take SVCCA, which does \
         not weight them"
    )]
    CorrelationsCoincide(usize),
    /// SVCCA leaves out components from one on that is as large as the last that is kept.
    #[error(
        "the last component of {0} that is kept is as large as the first that is left out, so that which of them is kept is arbitrary: \
         keep another share of variance"
    )]
    ComponentsCoincide(Side),
    /// Half of all pairs of rows of one side, or more, are at distance 0, and the median distance
    /// is to be the width of a kernel.
    #[error("the median distance between rows of {0} is 0: give the bandwidth as a distance")]
    ZeroBandwidth(Side),
    /// No singular value decomposition that passes its check was found. No matrix is known that
    /// does this.
    #[error("the singular value decomposition did not converge; please report this")]
    NoConvergence,
    /// A value that lies in [0, 1] by the Cauchy-Schwarz inequality came out more than 10⁻¹²
    /// outside: an error of this crate or of the machine, or a given Gram matrix that is none of a
    /// kernel.
    #[error(
        "a value between 0 and 1 is not: a given matrix is not the Gram matrix of a kernel, or this is an error of settling-cka; then \
         please report it"
    )]
    BoundViolated,
}

impl Undefined {
    /// The side whose rows are the reason, if it is one of the two.
    ///
    /// ```
    /// use settling_cka::{Side, Undefined};
    ///
    /// assert_eq!(Undefined::ZeroVariance(Side::Y).side(), Some(Side::Y));
    /// assert_eq!(Undefined::TooFewRows { needed: 4, found: 3 }.side(), None);
    /// ```
    #[must_use]
    pub fn side(&self) -> Option<Side> {
        match *self {
            Self::ZeroVariance(side)
            | Self::ZeroVarianceInBatches(side)
            | Self::VarianceTooSmall(side)
            | Self::SelfTermNotPositive(side)
            | Self::KernelLost(side)
            | Self::ComponentsCoincide(side)
            | Self::ZeroBandwidth(side) => Some(side),
            Self::TooFewRows { .. }
            | Self::CrossTermUnknown
            | Self::CorrelationsCoincide(_)
            | Self::NoConvergence
            | Self::BoundViolated => None,
        }
    }
}
