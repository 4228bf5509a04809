//! The settings of GPT-NeoX.

use crate::families::{GptNeox, RopeScaling};

use super::rope::Rope;
use super::settings::{Settings, unsupported};
use crate::error::Error;

pub(super) fn gpt_neox(settings: &Settings<'_>) -> Result<GptNeox, Error> {
    // The exact one.
    settings.expect("hidden_act", &["gelu"])?;
    let context = settings.size("max_position_embeddings")?;
    let rope = Rope::read(settings, context)?;
    if rope.scaling != RopeScaling::Default {
        return unsupported(format!(
            "the rotary embedding is scaled ({:?}): expected none of `rope_scaling`",
            rope.scaling
        ));
    }
    // Before transformers 5 these had names of their own.
    let theta = rope.theta.or(settings.optional_number("rotary_emb_base")?);
    let share = rope.partial.or(settings.optional_number("rotary_pct")?);
    let defaults = GptNeox::default();
    Ok(GptNeox {
        vocab_size: settings.size("vocab_size")?,
        hidden_size: settings.size("hidden_size")?,
        num_hidden_layers: settings.size("num_hidden_layers")?,
        num_attention_heads: settings.size("num_attention_heads")?,
        intermediate_size: settings.size("intermediate_size")?,
        max_position_embeddings: context,
        rotary_pct: share.unwrap_or(defaults.rotary_pct),
        rotary_emb_base: theta.unwrap_or(defaults.rotary_emb_base),
        layer_norm_eps: settings
            .optional_number("layer_norm_eps")?
            .unwrap_or(defaults.layer_norm_eps),
        use_parallel_residual: settings
            .flag("use_parallel_residual", defaults.use_parallel_residual)?,
        attention_bias: settings.flag("attention_bias", defaults.attention_bias)?,
        tie_word_embeddings: settings.flag("tie_word_embeddings", defaults.tie_word_embeddings)?,
    })
}
