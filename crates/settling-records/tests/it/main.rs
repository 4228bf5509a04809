//! The public interface: what is written reads back, and nothing else does.

mod any_record;
#[cfg(feature = "parquet")]
mod parquet;
mod tables;
