//! The families of models, one file each: sizes, names and shapes of tensors, and the layout by
//! which the rest of the crate finds a head in them.

mod activation;
mod gpt2;
mod layout;
mod llama;
mod neox;
mod rope_scaling;
mod setting;
mod spelling;
mod validate;

pub use activation::Activation;
pub use gpt2::Gpt2;
pub(crate) use layout::Layout;
pub use llama::{Llama, LlamaNames, LlamaNorm, RotaryPairs};
pub use neox::GptNeox;
pub use rope_scaling::RopeScaling;
pub(crate) use spelling::{ambiguous, canonical};
pub(crate) use validate::is_positive_f32;
