//! What the statistics are computed with.

pub(crate) mod double;
pub(crate) mod normal;
pub(crate) mod random;
