//! The settings of Llama and its relatives.

use crate::families::{Llama, LlamaNames, LlamaNorm, RotaryPairs};

use super::activation;
use super::rope::{self, Rope};
use super::settings::{Settings, unsupported};
use crate::error::{Error, ErrorKind};

/// The settings that Llama and its relatives spell alike, and all of them read.
fn common(settings: &Settings<'_>) -> Result<Llama, Error> {
    let heads = settings.size("num_attention_heads")?;
    let width = settings.size("hidden_size")?;
    let context = settings.size("max_position_embeddings")?;
    let rope = Rope::read(settings, &rope::NAMES, context)?;
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
        hidden_act: activation::read(settings, "hidden_act", defaults.hidden_act)?,
        max_position_embeddings: context,
        rope_theta: rope.theta.unwrap_or(defaults.rope_theta),
        rope_scaling: rope.scaling,
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
    Ok(Llama {
        norm_eps: settings.number_or("rms_norm_eps", 1e-6)?,
        attention_bias: settings.flag("attention_bias", false)?,
        mlp_bias: settings.flag("mlp_bias", false)?,
        ..common(settings)?
    })
}

pub(super) fn mistral(settings: &Settings<'_>) -> Result<Llama, Error> {
    // Absent and `null` differ here: the first files lack the window and mean the default; and a
    // file without heads of keys and values means eight, not as many as of queries.
    let sliding_window = match settings.entry("sliding_window") {
        Some(_) => settings.optional_size("sliding_window")?,
        None => Some(4096),
    };
    let absent = settings.entry("num_key_value_heads").is_none();
    let model = common(settings)?;
    let heads = model.num_attention_heads;
    if absent && !heads.is_multiple_of(8) {
        let message = format!(
            "there is no `num_key_value_heads`, which stands for 8 in a file of `mistral` and does \
             not divide num_attention_heads = {heads}: give it in a copy of the file"
        );
        return Err(Error::new(ErrorKind::Config, message));
    }
    let num_key_value_heads = if absent { 8 } else { model.num_key_value_heads };
    let norm_eps = settings.number_or("rms_norm_eps", 1e-6)?;
    Ok(Llama { sliding_window, num_key_value_heads, norm_eps, ..model })
}

pub(super) fn olmo(settings: &Settings<'_>) -> Result<Llama, Error> {
    Ok(Llama {
        norm: LlamaNorm::WeightlessLayerNorm,
        norm_eps: 1e-5,
        clip_qkv: settings.optional_number("clip_qkv")?,
        attention_bias: settings.flag("attention_bias", false)?,
        ..common(settings)?
    })
}

pub(super) fn olmo2(settings: &Settings<'_>) -> Result<Llama, Error> {
    Ok(Llama {
        norm_eps: settings.number_or("rms_norm_eps", 1e-5)?,
        attention_bias: settings.flag("attention_bias", false)?,
        post_norm: true,
        qk_norm: true,
        ..common(settings)?
    })
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
