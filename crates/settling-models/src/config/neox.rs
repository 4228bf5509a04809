//! The settings of GPT-NeoX.

use crate::families::{GptNeox, RopeScaling};

use super::activation;
use super::rope::{Names, Rope};
use super::settings::{Settings, unsupported};
use crate::error::Error;

/// Before transformers 5 the settings of rotary embedding had names of their own.
const NAMES: Names = Names {
    theta: &["rotary_emb_base", "rope_theta"],
    partial: &["rotary_pct", "partial_rotary_factor"],
};

pub(super) fn gpt_neox(settings: &Settings<'_>) -> Result<GptNeox, Error> {
    let context = settings.size("max_position_embeddings")?;
    let rope = Rope::read(settings, &NAMES, context)?;
    if rope.scaling != RopeScaling::Default {
        return unsupported(format!(
            "the rotary embedding is scaled ({:?}): expected none of `rope_scaling`",
            rope.scaling
        ));
    }
    let defaults = GptNeox::default();
    Ok(GptNeox {
        vocab_size: settings.size("vocab_size")?,
        hidden_size: settings.size("hidden_size")?,
        num_hidden_layers: settings.size("num_hidden_layers")?,
        num_attention_heads: settings.size("num_attention_heads")?,
        intermediate_size: settings.size("intermediate_size")?,
        hidden_act: activation::read(settings, "hidden_act", defaults.hidden_act)?,
        max_position_embeddings: context,
        rotary_pct: rope.partial.unwrap_or(defaults.rotary_pct),
        rotary_emb_base: rope.theta.unwrap_or(defaults.rotary_emb_base),
        layer_norm_eps: settings.number_or("layer_norm_eps", defaults.layer_norm_eps)?,
        use_parallel_residual: settings
            .flag("use_parallel_residual", defaults.use_parallel_residual)?,
        attention_bias: settings.flag("attention_bias", defaults.attention_bias)?,
        tie_word_embeddings: settings.flag("tie_word_embeddings", defaults.tie_word_embeddings)?,
    })
}
