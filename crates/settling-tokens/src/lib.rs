//! Token rows to evaluate a language model on: `.npy` files, or text that you tokenise.
//!
//! # Should you use this crate?
//!
//! Yes, to hand token rows to `settling` or `settling-capture`. [`NpyTokens`] reads rows from a `.npy` file as they are asked
//! for, however large the file. [`Tokenizer`] trains a byte-level BPE on text of your own, or reads a `tokenizer.json`, and
//! packs documents into rows. For tokenisation at scale use the `tokenizers` crate itself, and save an array from NumPy.
//!
//! A row of T + 1 tokens for a context of T has T inputs and T targets; its last token is a target only.
#![forbid(unsafe_code)]

mod bpe;
mod error;
mod megatron;
mod megatron_index;
mod npy;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod ranges;
mod source_tree;
mod text;
mod vocabulary;

pub use bpe::{END_OF_TEXT, Tokenizer};
pub use error::{Error, ErrorKind};
pub use megatron::{MegatronTokens, TokenType};
pub use npy::{NpyTokens, write_npy};
#[cfg(feature = "parquet")]
pub use parquet_rows::{ParquetStep, ParquetTokens};
pub use ranges::{LocalFile, ReadRange, Shards};
pub use source_tree::{Document, SourceTree, read_documents};
pub use text::{read_json_lines, read_text_files};
pub use vocabulary::check_vocabulary;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
