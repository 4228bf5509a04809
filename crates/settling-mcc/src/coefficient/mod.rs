//! Tables and the coefficients they have.

pub(crate) mod contingency;
pub(crate) mod convention;
pub(crate) mod mcc;
pub(crate) mod multiclass;
pub(crate) mod weighted;
