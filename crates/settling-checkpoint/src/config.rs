use serde::Deserialize;
use serde_json::json;
use settling_core::GptNeox;

use crate::error::{Error, ErrorKind};

/// The part of a `config.json` that a forward pass depends on, in the spellings of transformers 4 and 5.
#[derive(Deserialize)]
struct Raw {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f64>,
    use_parallel_residual: Option<bool>,
    attention_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
    // transformers 4
    rotary_pct: Option<f64>,
    rotary_emb_base: Option<f64>,
    rope_scaling: Option<serde_json::Value>,
    // transformers 5
    rope_parameters: Option<RopeParameters>,
}

#[derive(Deserialize)]
struct RopeParameters {
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
}

/// Reads the architecture of a GPT-NeoX model from the text of its `config.json`, as transformers 4 or 5 writes it.
///
/// Settings that older files leave out have transformers' defaults (parallel residual, attention biases, untied embeddings).
///
/// ```
/// use settling_checkpoint::parse_gpt_neox;
///
/// let config = parse_gpt_neox(r#"{
///     "model_type": "gpt_neox", "hidden_act": "gelu", "vocab_size": 50304, "hidden_size": 512, "num_hidden_layers": 6,
///     "num_attention_heads": 8, "intermediate_size": 2048, "max_position_embeddings": 2048,
///     "rotary_pct": 0.25, "rotary_emb_base": 10000, "use_parallel_residual": true
/// }"#)?;
/// assert_eq!(config.rotary_dims(), 16);
/// assert!(parse_gpt_neox(r#"{"model_type": "bert"}"#).unwrap_err().to_string().contains("`bert`"));
/// # Ok::<(), settling_checkpoint::Error>(())
/// ```
///
/// # Errors
///
/// If the text is not JSON, describes another architecture or a variant that is not supported (another activation function,
/// scaled rotary embedding), lacks a size, or its sizes do not fit each other.
pub fn parse_gpt_neox(text: &str) -> Result<GptNeox, Error> {
    let fault = |error: serde_json::Error| Error::new(ErrorKind::Config, error.to_string());
    let json: serde_json::Value = serde_json::from_str(text).map_err(fault)?;
    let unsupported =
        |message: String| Err(Error::new(ErrorKind::UnsupportedArchitecture, message));
    match json.get("model_type").and_then(serde_json::Value::as_str) {
        Some("gpt_neox") => {}
        Some(other) => {
            return unsupported(format!("the architecture is `{other}`: expected `gpt_neox`"));
        }
        None => {
            return Err(Error::new(
                ErrorKind::Config,
                "there is no `model_type`: is this a model's config.json?",
            ));
        }
    }
    let raw: Raw = serde_json::from_value(json).map_err(fault)?;
    if let Some(other) = raw.hidden_act.as_deref().filter(|&name| name != "gelu") {
        return unsupported(format!(
            "the activation function is `{other}`: expected `gelu`, the exact one"
        ));
    }
    let rope = raw.rope_parameters.as_ref();
    if let Some(other) =
        rope.and_then(|rope| rope.rope_type.as_deref()).filter(|&name| name != "default")
    {
        return unsupported(format!(
            "the rotary embedding is of type `{other}`: expected `default`"
        ));
    }
    if raw.rope_scaling.as_ref().is_some_and(|scaling| !scaling.is_null()) {
        return unsupported(
            "the rotary embedding is scaled (`rope_scaling`): expected none".to_owned(),
        );
    }
    let defaults = GptNeox::default();
    let config = GptNeox {
        vocab_size: raw.vocab_size,
        hidden_size: raw.hidden_size,
        num_hidden_layers: raw.num_hidden_layers,
        num_attention_heads: raw.num_attention_heads,
        intermediate_size: raw.intermediate_size,
        max_position_embeddings: raw.max_position_embeddings,
        rotary_pct: rope
            .and_then(|rope| rope.partial_rotary_factor)
            .or(raw.rotary_pct)
            .unwrap_or(defaults.rotary_pct),
        rotary_emb_base: rope
            .and_then(|rope| rope.rope_theta)
            .or(raw.rotary_emb_base)
            .unwrap_or(defaults.rotary_emb_base),
        layer_norm_eps: raw.layer_norm_eps.unwrap_or(defaults.layer_norm_eps),
        use_parallel_residual: raw.use_parallel_residual.unwrap_or(defaults.use_parallel_residual),
        attention_bias: raw.attention_bias.unwrap_or(defaults.attention_bias),
        tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(defaults.tie_word_embeddings),
    };
    config.validate().map_err(|error| Error::new(ErrorKind::Config, error.to_string()))?;
    Ok(config)
}

/// The `config.json` of a model with f32 weights, in the spelling of Pythia's own files, which every transformers reads.
#[must_use]
pub fn gpt_neox_json(config: &GptNeox) -> String {
    let json = json!({
        "architectures": ["GPTNeoXForCausalLM"],
        "model_type": "gpt_neox",
        "hidden_act": "gelu",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_position_embeddings,
        "rotary_pct": config.rotary_pct,
        "rotary_emb_base": config.rotary_emb_base,
        "layer_norm_eps": config.layer_norm_eps,
        "use_parallel_residual": config.use_parallel_residual,
        "attention_bias": config.attention_bias,
        "tie_word_embeddings": config.tie_word_embeddings,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "torch_dtype": "float32",
    });
    format!("{json:#}\n")
}
