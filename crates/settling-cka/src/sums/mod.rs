//! From rows to the sums that CKA is made of: by features, or by pairs of rows.

pub(crate) mod gram;
pub(crate) mod grid;
pub(crate) mod stream;
