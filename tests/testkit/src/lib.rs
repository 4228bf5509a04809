//! What demos and tests need and no user does: a small model that trains, text to train it on, and
//! a tokenizer's training. Not published.
#![forbid(unsafe_code)]

mod config_json;
mod corpus;
#[cfg(feature = "trainer")]
mod forward;
#[cfg(feature = "trainer")]
mod tiny;
mod tokenizer;
#[cfg(feature = "trainer")]
mod trainer;

pub use config_json::gpt_neox_json;
pub use corpus::{Document, SourceTree, read_documents};
#[cfg(feature = "trainer")]
pub use tiny::{TINY_STEPS, tiny_batch, tiny_config, train_tiny};
pub use tokenizer::train_tokenizer;
#[cfg(feature = "trainer")]
pub use trainer::{AdamW, Trainer};
