//! How singular values were found.

use std::fmt;

/// How singular values were found. Part of the answer, so that a number can be traced to it.
///
/// [`as_str`](Self::as_str) and `Display` give the names in brackets.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// No element differs from zero, or there is none, or a product cancels to zeros: nothing was
    /// decomposed (`zero`).
    Zero,
    /// Roots of the eigenvalues of the Gram matrix of the shorter side (`gram`).
    Gram,
    /// Reduction to bidiagonal form, whose singular values are found by bisection (`svd`).
    Svd,
    /// The same of the triangular factor of the matrix with its columns reversed, after the result
    /// of [`Svd`](Self::Svd) failed its check (`svd_reversed`).
    SvdReversed,
}

impl Method {
    /// The name, in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zero => "zero",
            Self::Gram => "gram",
            Self::Svd => "svd",
            Self::SvdReversed => "svd_reversed",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
