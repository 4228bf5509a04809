//! Products, decompositions and random numbers, on one thread each.

pub(crate) mod block;
pub(crate) mod distances;
pub(crate) mod moments;
pub(crate) mod product;
pub(crate) mod random;
pub(crate) mod svd;
pub(crate) mod unit;
