//! The records of a settling study: one row a number, in a versioned schema, as CSV.
#![forbid(unsafe_code)]
