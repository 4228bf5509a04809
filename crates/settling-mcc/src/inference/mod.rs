//! How sure one can be: intervals, tests, and what several tables say together.

pub(crate) mod association;
pub(crate) mod bootstrap;
mod concordance;
pub(crate) mod exact;
pub(crate) mod interval;
pub(crate) mod null;
pub(crate) mod permutation;
pub(crate) mod pooling;
