//! The code in README.md is compiled and run as a documentation test of this package.
#![doc = include_str!("../README.md")]
