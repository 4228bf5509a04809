//! The sums that CKA is made of, from rows: by features, or by pairs of rows.

pub(crate) mod gram;
pub(crate) mod grid;
pub(crate) mod stream;
