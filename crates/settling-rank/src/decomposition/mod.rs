//! How singular values are found: of a matrix, or of a product that is not formed.

mod bisection;
pub(crate) mod eigenvalues;
mod gram;
#[cfg(test)]
mod jacobi;
mod ladder;
pub(crate) mod product;
mod qr;
pub(crate) mod spectrum;
pub(crate) mod svd;
