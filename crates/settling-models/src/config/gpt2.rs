//! The settings of GPT-2.

use crate::families::Gpt2;

use super::activation;
use super::settings::Settings;
use crate::error::Error;

pub(super) fn gpt2(settings: &Settings<'_>) -> Result<Gpt2, Error> {
    let defaults = Gpt2::default();
    // transformers reads the names of other families too.
    let width = settings.size_of(&["n_embd", "hidden_size"])?;
    Ok(Gpt2 {
        vocab_size: settings.size("vocab_size")?,
        n_positions: settings.size_of(&["n_positions", "max_position_embeddings"])?,
        n_embd: width,
        n_layer: settings.size_of(&["n_layer", "num_hidden_layers"])?,
        n_head: settings.size_of(&["n_head", "num_attention_heads"])?,
        n_inner: settings.optional_size("n_inner")?.unwrap_or(width.saturating_mul(4)),
        activation_function: activation::read(
            settings,
            "activation_function",
            defaults.activation_function,
        )?,
        layer_norm_epsilon: settings
            .number_or("layer_norm_epsilon", defaults.layer_norm_epsilon)?,
        scale_attn_weights: settings.flag("scale_attn_weights", defaults.scale_attn_weights)?,
        scale_attn_by_inverse_layer_idx: settings
            .flag("scale_attn_by_inverse_layer_idx", defaults.scale_attn_by_inverse_layer_idx)?,
        tie_word_embeddings: settings.flag("tie_word_embeddings", defaults.tie_word_embeddings)?,
    })
}
