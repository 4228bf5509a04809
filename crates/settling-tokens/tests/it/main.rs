//! The public interface.

mod damage;
mod megatron;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod text;
mod tokenizer;
