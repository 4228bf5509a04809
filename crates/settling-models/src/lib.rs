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
//! | Where is the weight of a layer or head? | [`Architecture::write_weight`] and its neighbors: a [`WeightBlock`] |
//! | What if a file spells the names in another way? | [`CanonicalNames`] |
//! | Are two models the same but for their weights? | [`Architecture::settings`] |
//!
//! # Families
//!
//! | `model_type` | described by | models | queries, keys and values | linear maps stored as |
//! |---|---|---|---|---|
//! | `gpt_neox` | [`GptNeox`] | Pythia, PolyPythias | fused, head after head | (outputs, inputs) |
//! | `gpt2` | [`Gpt2`] | GPT-2, Mistral's small models | fused, all queries first | (inputs, outputs) |
//! | `llama` | [`Llama`] | Llama, SmolLM, TinyLlama, Amber | separate, keys and values may be grouped | (outputs, inputs) |
//! | `mistral` | [`Llama`] | Mistral | the same, attention to a sliding window | (outputs, inputs) |
//! | `olmo` | [`Llama`] | OLMo | the same, may be clipped; [`LlamaNorm::WeightlessLayerNorm`] | (outputs, inputs) |
//! | `olmo2` | [`Llama`] | OLMo 2 | the same, queries and keys normalized | (outputs, inputs) |
//! | `pico_decoder` | [`Llama`] | Pico | the same, under other names: [`LlamaNames::Pico`] | (outputs, inputs) |
#![forbid(unsafe_code)]

mod architecture;
mod config;
mod error;
mod families;
mod sizes;
mod source;
mod tensors;
mod weight_block;

pub use architecture::Architecture;
pub use config::parse_config;
pub use error::{Error, ErrorKind};
pub use families::{
    Activation, Gpt2, GptNeox, Llama, LlamaNames, LlamaNorm, RopeScaling, RotaryPairs,
};
pub use sizes::ModelSizes;
pub use source::ModelSource;
pub use tensors::{CanonicalNames, Inventory, WrongShape};
pub use weight_block::WeightBlock;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
