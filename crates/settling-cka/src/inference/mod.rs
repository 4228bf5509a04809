//! Is it chance, and how sure is it?

pub(crate) mod bootstrap;
pub(crate) mod permutation;
