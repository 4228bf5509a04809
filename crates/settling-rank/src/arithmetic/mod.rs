//! Sums and powers of two that lose nothing.

pub(crate) mod scale;
pub(crate) mod sum;
