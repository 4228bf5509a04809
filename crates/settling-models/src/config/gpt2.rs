//! The settings of GPT-2.

use crate::families::Gpt2;

use super::settings::{Settings, unsupported};
use crate::error::Error;

pub(super) fn gpt2(settings: &Settings<'_>) -> Result<Gpt2, Error> {
    // Two names of one function.
    settings.expect("activation_function", &["gelu_new", "gelu_pytorch_tanh"])?;
    if settings.flag("add_cross_attention", false)? {
        return unsupported("`add_cross_attention` is true: expected a model without an encoder");
    }
    let (width, defaults) = (settings.size("n_embd")?, Gpt2::default());
    Ok(Gpt2 {
        vocab_size: settings.size("vocab_size")?,
        n_positions: settings.size("n_positions")?,
        n_embd: width,
        n_layer: settings.size("n_layer")?,
        n_head: settings.size("n_head")?,
        n_inner: settings.optional_size("n_inner")?.unwrap_or(width.saturating_mul(4)),
        layer_norm_epsilon: settings
            .optional_number("layer_norm_epsilon")?
            .unwrap_or(defaults.layer_norm_epsilon),
        scale_attn_weights: settings.flag("scale_attn_weights", defaults.scale_attn_weights)?,
        scale_attn_by_inverse_layer_idx: settings
            .flag("scale_attn_by_inverse_layer_idx", defaults.scale_attn_by_inverse_layer_idx)?,
        tie_word_embeddings: settings.flag("tie_word_embeddings", defaults.tie_word_embeddings)?,
    })
}
