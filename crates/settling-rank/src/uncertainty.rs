//! Bounds of the errors of singular values.

/// Bounds of the errors of singular values, or of their squares, as fractions of the largest;
/// beside zeros, as they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Uncertainty {
    pub(crate) of: Quantity,
    /// A bound of each error.
    pub(crate) each: f64,
    /// A bound of the root of the sum of the squares of all errors.
    pub(crate) together: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quantity {
    Values,
    Squares,
}
