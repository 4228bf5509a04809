//! The `config.json` of a model that was trained here.

use serde_json::json;
use settling_models::GptNeox;

/// The `config.json` of a model with f32 weights, in the spelling of Pythia's own files, which
/// every transformers reads.
#[must_use]
pub fn gpt_neox_json(config: &GptNeox) -> String {
    let json = json!({
        "architectures": ["GPTNeoXForCausalLM"],
        "model_type": "gpt_neox",
        "hidden_act": config.hidden_act.to_string(),
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

#[cfg(test)]
mod tests {
    use settling_models::{Architecture, parse_config};

    use super::*;

    #[test]
    fn a_written_config_reads_back() {
        let config = || GptNeox {
            vocab_size: 24,
            hidden_size: 8,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            intermediate_size: 16,
            max_position_embeddings: 6,
            rotary_pct: 0.5,
            rotary_emb_base: 20_000.0,
            use_parallel_residual: false,
            ..GptNeox::default()
        };
        for change in [
            config(),
            GptNeox {
                tie_word_embeddings: true,
                attention_bias: false,
                layer_norm_eps: 1e-6,
                ..config()
            },
            GptNeox { rotary_pct: 0.25, hidden_size: 16, use_parallel_residual: true, ..config() },
        ] {
            assert_eq!(
                parse_config(&gpt_neox_json(&change)).unwrap(),
                Architecture::GptNeox(change)
            );
        }
    }
}
