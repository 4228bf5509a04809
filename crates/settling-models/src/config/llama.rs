//! The settings of Llama and its relatives.

use crate::families::{Llama, LlamaNames, LlamaNorm, RotaryPairs};

use super::rope::Rope;
use super::settings::{Settings, unsupported};
use crate::error::{Error, ErrorKind};

/// The settings that Llama and its relatives spell alike.
fn common(settings: &Settings<'_>) -> Result<Llama, Error> {
    settings.expect("hidden_act", &["silu"])?;
    let heads = settings.size("num_attention_heads")?;
    let width = settings.size("hidden_size")?;
    let context = settings.size("max_position_embeddings")?;
    let rope = Rope::read(settings, context)?;
    if let Some(partial) = rope.partial.filter(|&partial| partial != 1.0) {
        return unsupported(format!("`partial_rotary_factor` is {partial}: expected 1"));
    }
    let defaults = Llama::default();
    Ok(Llama {
        vocab_size: settings.size("vocab_size")?,
        hidden_size: width,
        num_hidden_layers: settings.size("num_hidden_layers")?,
        num_attention_heads: heads,
        num_key_value_heads: settings.optional_size("num_key_value_heads")?.unwrap_or(heads),
        head_dim: match settings.optional_size("head_dim")? {
            Some(head_dim) => head_dim,
            None => divided(("num_attention_heads", heads), ("hidden_size", width))?,
        },
        intermediate_size: settings.size("intermediate_size")?,
        max_position_embeddings: context,
        rope_theta: rope.theta.unwrap_or(defaults.rope_theta),
        rope_scaling: rope.scaling,
        norm_eps: settings.optional_number("rms_norm_eps")?.unwrap_or(defaults.norm_eps),
        attention_bias: settings.flag("attention_bias", false)?,
        tie_word_embeddings: settings.flag("tie_word_embeddings", false)?,
        ..defaults
    })
}

/// The width of a head that is not given.
fn divided(heads: (&str, usize), width: (&str, usize)) -> Result<usize, Error> {
    if heads.1 == 0 || !width.1.is_multiple_of(heads.1) {
        let message =
            format!("{} = {} does not divide {} = {}", heads.0, heads.1, width.0, width.1);
        return Err(Error::new(ErrorKind::Config, message));
    }
    Ok(width.1 / heads.1)
}

pub(super) fn llama(settings: &Settings<'_>) -> Result<Llama, Error> {
    Ok(Llama { mlp_bias: settings.flag("mlp_bias", false)?, ..common(settings)? })
}

pub(super) fn mistral(settings: &Settings<'_>) -> Result<Llama, Error> {
    // Absent and `null` differ here: the first files lack the setting and mean the default.
    let sliding_window = match settings.has("sliding_window") {
        true => settings.optional_size("sliding_window")?,
        false => Some(4096),
    };
    Ok(Llama { sliding_window, attention_bias: false, ..common(settings)? })
}

pub(super) fn olmo(settings: &Settings<'_>) -> Result<Llama, Error> {
    Ok(Llama {
        norm: LlamaNorm::WeightlessLayerNorm,
        norm_eps: 1e-5,
        clip_qkv: settings.optional_number("clip_qkv")?,
        ..common(settings)?
    })
}

pub(super) fn olmo2(settings: &Settings<'_>) -> Result<Llama, Error> {
    let norm_eps = settings.optional_number("rms_norm_eps")?.unwrap_or(1e-5);
    Ok(Llama { norm_eps, post_norm: true, qk_norm: true, ..common(settings)? })
}

pub(super) fn pico(settings: &Settings<'_>) -> Result<Llama, Error> {
    let heads = settings.size("attention_n_heads")?;
    let width = settings.size("d_model")?;
    Ok(Llama {
        vocab_size: settings.size("vocab_size")?,
        hidden_size: width,
        num_hidden_layers: settings.size("n_layers")?,
        num_attention_heads: heads,
        num_key_value_heads: settings.optional_size("attention_n_kv_heads")?.unwrap_or(heads),
        head_dim: divided(("attention_n_heads", heads), ("d_model", width))?,
        intermediate_size: settings.size("activation_hidden_dim")?,
        max_position_embeddings: settings.size("max_seq_len")?,
        rope_theta: settings.number("position_emb_theta")?,
        rotary_pairs: RotaryPairs::Neighbors,
        norm_eps: settings.number("norm_eps")?,
        names: LlamaNames::Pico,
        ..Llama::default()
    })
}
