//! The version of the tables.

/// The version of the tables that this crate writes and reads.
pub const SCHEMA: &str = "1";
