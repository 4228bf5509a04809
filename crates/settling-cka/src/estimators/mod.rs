//! The estimators: linear CKA, that of kernels, and what else papers report.

pub(crate) mod accumulator;
pub(crate) mod cca;
pub(crate) mod kernel;
pub(crate) mod linear;
pub(crate) mod matrix;
pub(crate) mod minibatch;
pub(crate) mod procrustes;
pub(crate) mod similarity;
