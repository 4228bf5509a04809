//! Token rows to evaluate a language model on, from where they lie: `.npy`, Megatron `.bin`,
//! Parquet, or text that you tokenize.
//!
//! # Should you use this crate?
//!
//! Yes, to hand token rows to `settling` or `settling-capture`. Whatever is a
//! [`TokenSource`](settling_core::TokenSource) reads rows as they are asked for, however large the
//! file.
//!
//! | you have | use |
//! |---|---|
//! | an array of NumPy | [`NpyTokens`]; of activations, no tokens: [`NpyMatrix`] |
//! | training data of Pythia or another Megatron run: `.bin` and `.idx`, whole or in shards | [`MegatronTokens`] |
//! | batches by training step in Parquet | `ParquetTokens`, with the feature `parquet` |
//! | text files, JSON lines | [`read_text_files`], [`read_json_lines`] and [`Tokenizer::pack`] |
//! | bytes on a server | your own [`ReadRange`]: this crate opens no sockets |
//!
//! For tokenization at scale use the `tokenizers` crate itself, and save an array from NumPy. Call
//! [`check_vocabulary`] on rows from elsewhere before a model sees them.
//!
//! # What rows are
//!
//! Token ids, one sequence per row, all rows equally long. A row of T + 1 tokens for a context of T
//! has T inputs and T targets; its last token is a target only. A `.npy` file of them holds one
//! array of shape (rows, T) or (rows, T + 1), in integers of any type. In Python:
//!
//! ```python
//! import numpy, transformers
//! tokenizer = transformers.AutoTokenizer.from_pretrained("EleutherAI/pythia-70m")
//! ids = tokenizer(open("text.txt").read(), add_special_tokens=False).input_ids
//! T = 2048
//! ids = numpy.array(ids[: len(ids) // (T + 1) * (T + 1)], "int32")
//! numpy.save("rows.npy", ids.reshape(-1, T + 1))
//! ```
//!
//! In Rust: [`Tokenizer::pack`] and [`write_npy`], which the example `rows_of_text` puts together.
//!
//! # Crate features
//!
//! None is on by default, and none changes what the others do.
//!
//! * **parquet**: `ParquetTokens`, through the `parquet` crate without Arrow. Adds about a minute
//!   to a first build.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
mod megatron;
mod npy;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod ranges;
mod text;

pub use error::{Error, ErrorKind};
pub use megatron::{MegatronTokens, TokenType};
pub use npy::{NpyMatrix, NpyTokens, write_npy};
#[cfg(feature = "parquet")]
pub use parquet_rows::{ParquetStep, ParquetTokens};
pub use ranges::Shards;
// What the constructors here take.
pub use settling_core::{LocalFile, ReadRange};
pub use text::{Document, Tokenizer, check_vocabulary, read_json_lines, read_text_files};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
