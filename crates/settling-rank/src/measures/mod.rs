//! The measures of a spectrum, and of the elements of a matrix.

pub(crate) mod condition;
pub(crate) mod decay;
pub(crate) mod effective_rank;
pub(crate) mod entries;
pub(crate) mod entropy;
pub(crate) mod measurable;
pub(crate) mod norms;
pub(crate) mod null;
pub(crate) mod ranks;
mod relative;
pub(crate) mod sensitivity;
