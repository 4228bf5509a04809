//! The tables as CSV: what a row is, and how it is written and read.

pub(crate) mod mcc;
pub(crate) mod record;
pub(crate) mod settling;
pub(crate) mod summary;
pub(crate) mod table;
