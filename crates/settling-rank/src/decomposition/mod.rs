//! From a matrix, or a product that is not formed, to singular values that have passed their checks.

pub(crate) mod eigenvalues;
mod gram;
mod jacobi;
mod ladder;
pub(crate) mod product;
mod qr;
pub(crate) mod scaled;
pub(crate) mod spectrum;
pub(crate) mod svd;
