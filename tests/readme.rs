//! The code in README.md and in docs/ is compiled and run as documentation tests of this package.
#![doc = include_str!("../README.md")]

/// docs/SCHEMA.md; its Python is run by `it/schema.rs`.
#[doc = include_str!("../docs/SCHEMA.md")]
pub mod schema {}
