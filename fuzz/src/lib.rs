//! The bodies of the fuzz targets. The tests `mutations.rs` of the crates run them too, on golden
//! files changed at random.

pub mod checkpoint;
pub mod tokens;
