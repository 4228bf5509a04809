//! What a language model is besides its weights: its family and sizes, the names and shapes of its
//! tensors, and where in them the weight of each layer and attention head is.
//!
//! # Should you use this crate?
//!
//! Yes, if you have a `config.json` or tensors with the names that Hugging Face's transformers
//! gives, and want to know which tensor is which part of the model: the output projection of a
//! layer, the value projection of one attention head inside a fused matrix. It reads text and
//! names, and opens no files: `settling-checkpoint` does, and `settling-capture` runs the model.
//!
//! ```
//! use settling_models::parse_config;
//!
//! let model = parse_config(
//!     r#"{"model_type": "gpt_neox", "hidden_act": "gelu", "vocab_size": 50304, "hidden_size": 512,
//!         "num_hidden_layers": 6, "num_attention_heads": 8, "intermediate_size": 2048,
//!         "max_position_embeddings": 2048}"#,
//! )?;
//! // The value projection of head 1 in the fused matrix of layer 0: 64 rows of 1536.
//! let value = model.value_weight(0, 1);
//! assert_eq!(value.name, "gpt_neox.layers.0.attention.query_key_value.weight");
//! assert_eq!((value.stored_shape(), value.outputs), ([1536, 512], 320..384));
//! # Ok::<(), settling_models::Error>(())
//! ```
//!
//! | question | answer |
//! |---|---|
//! | What model does a `config.json` describe? | [`parse_config`]: an [`Architecture`] |
//! | How large is it? | [`Architecture::sizes`] |
//! | Which tensors has it, of which shapes? | [`Architecture::parameters`]; held to a file by [`Inventory`] |
//! | Where is the weight of a layer or head? | [`Architecture::write_weight`] and its neighbours: a [`WeightBlock`] |
//! | What if a file spells the names in another way? | [`CanonicalNames`] |
#![forbid(unsafe_code)]

mod architecture;
mod config;
mod error;
mod gpt2;
mod inventory;
mod layout;
mod llama;
mod names;
mod neox;
mod source;
mod validate;
mod weight_block;

pub use architecture::{Architecture, ModelSizes};
pub use config::parse_config;
pub use error::{Error, ErrorKind};
pub use gpt2::Gpt2;
pub use inventory::{Inventory, WrongShape};
pub use llama::{Llama, LlamaNames, LlamaNorm, RopeScaling, RotaryPairs};
pub use names::CanonicalNames;
pub use neox::GptNeox;
pub use source::ModelSource;
pub use weight_block::WeightBlock;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
