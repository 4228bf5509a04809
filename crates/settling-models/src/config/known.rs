//! The settings of configurations that are not read: by name, those without effect on a forward
//! pass that is not training, and those that have none with one value.
//!
//! The names are those of the configuration classes of transformers 4.37, 4.57 and 5.24
//! (`PretrainedConfig` and the class of each family) and of older published files. What is read
//! needs no entry, and `null` none either: it is what a class has that lacks the setting.

use std::fmt;

/// What is known of settings that are not read.
pub(super) struct Known {
    pub(super) without_effect: &'static [&'static str],
    /// With the value that changes nothing.
    pub(super) neutral: &'static [(&'static str, Neutral)],
}

/// The value with which a setting changes nothing, besides `null`.
#[derive(Clone, Copy)]
pub(super) enum Neutral {
    Flag(bool),
    One,
    /// An empty list or object.
    Nothing,
    /// Likewise; what is there says how weights are packed.
    Unquantized,
}

impl fmt::Display for Neutral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::One => f.write_str("1"),
            Self::Nothing | Self::Unquantized => f.write_str("null"),
        }
    }
}

use Neutral::{Flag, Nothing, One, Unquantized};

/// Of every family.
pub(super) const EVERYWHERE: Known = Known {
    without_effect: &[
        // Where the file comes from, and which software reads it.
        "_commit_hash",
        "_name_or_path",
        "auto_map",
        "custom_pipelines",
        "num_steps",
        "name_or_path",
        "tokenizer_class",
        "transformers.js_config",
        "transformers_version",
        "unsloth_fixed",
        "unsloth_version",
        // How it is computed; what, is the same up to rounding.
        "_attn_implementation",
        "_attn_implementation_autoset",
        "_attn_implementation_internal",
        "_flash_attn_2_enabled",
        "output_past",
        "attn_implementation",
        "chunk_size_feed_forward",
        "dtype",
        "gradient_checkpointing",
        "pretraining_tp",
        "torch_dtype",
        "torchscript",
        "use_bfloat16",
        "use_cache",
        // What is returned besides.
        "output_attentions",
        "output_hidden_states",
        "return_dict",
        "tie_last_hidden_states",
        "use_return_dict",
        "xla_device",
        // Training: how weights began, and what is dropped at random.
        "attention_dropout",
        "attention_probs_dropout_prob",
        "attn_pdrop",
        "classifier_dropout",
        "embd_pdrop",
        "hidden_dropout",
        "hidden_dropout_prob",
        "initializer_range",
        "resid_pdrop",
        "tf_legacy_loss",
        // Tokens with a name: they are rows of the embedding like others.
        "bos_token_id",
        "cls_token_id",
        "decoder_start_token_id",
        "eos_token_id",
        "eos_token_ids",
        "mask_token_id",
        "pad_token_id",
        "pad_token_ids",
        "sep_token_id",
        "unk_token_id",
        // That it is a causal model, which all families here are.
        "is_decoder",
        // Heads for other tasks than the next token.
        "_num_labels",
        "finetuning_task",
        "id2label",
        "label2id",
        "num_labels",
        "prefix",
        "problem_type",
        "task_specific_params",
        // How text is generated.
        "bad_words_ids",
        "begin_suppress_tokens",
        "diversity_penalty",
        "do_sample",
        "early_stopping",
        "encoder_no_repeat_ngram_size",
        "exponential_decay_length_penalty",
        "forced_bos_token_id",
        "forced_eos_token_id",
        "length_penalty",
        "max_length",
        "max_new_tokens",
        "min_length",
        "no_repeat_ngram_size",
        "num_beam_groups",
        "num_beams",
        "num_return_sequences",
        "output_scores",
        "remove_invalid_values",
        "repetition_penalty",
        "return_dict_in_generate",
        "suppress_tokens",
        "temperature",
        "top_k",
        "top_p",
        "typical_p",
    ],
    neutral: &[
        // A model with an encoder, or one that is none.
        ("add_cross_attention", Flag(false)),
        ("cross_attention_hidden_size", Nothing),
        ("is_causal", Flag(true)),
        ("is_encoder_decoder", Flag(false)),
        ("tie_encoder_decoder", Flag(false)),
        // Weights that are not what they seem.
        ("per_layer_config", Nothing),
        ("pruned_heads", Nothing),
        ("quantization_config", Unquantized),
        // Arithmetic of relatives.
        ("alibi", Flag(false)),
        ("attn_logit_softcapping", Nothing),
        ("clip_qkv", Nothing),
        ("embedding_multiplier", One),
        ("final_logit_softcapping", Nothing),
        ("logit_scale", One),
        ("logits_scaling", One),
        ("residual_multiplier", One),
        ("sliding_window", Nothing),
        ("use_sliding_window", Flag(false)),
    ],
};

/// Of models that do not normalize queries and keys.
pub(super) const QUERIES_AS_THEY_ARE: Known = Known {
    without_effect: &[],
    neutral: &[
        ("qk_layernorm", Flag(false)),
        ("qk_norm", Flag(false)),
        ("use_qk_norm", Flag(false)),
    ],
};

/// Of GPT-NeoX, whose MLP has biases.
pub(super) const GPT_NEOX: Known =
    Known { without_effect: &[], neutral: &[("mlp_bias", Flag(true))] };

/// Of GPT-2: the length of its mask before transformers 4, which reads `n_positions`; the order in
/// which half precision is left; the head of another class, and how files of 2019 named it. All
/// maps have biases.
pub(super) const GPT2: Known = Known {
    without_effect: &[
        "n_ctx",
        "n_special",
        "predict_special_tokens",
        "reorder_and_upcast_attn",
        "summary_activation",
        "summary_first_dropout",
        "summary_proj_to_labels",
        "summary_type",
        "summary_use_proj",
    ],
    neutral: &[("attention_bias", Flag(true)), ("mlp_bias", Flag(true))],
};

/// Of Llama: names that conversions of Llama 1 and the trainer of SmolLM have left.
pub(super) const LLAMA: Known = Known {
    without_effect: &["is_llama_config", "max_sequence_length"],
    neutral: &[("rope_interleaved", Flag(false))],
};

/// Of Mistral, which has no biases.
pub(super) const MISTRAL: Known = Known {
    without_effect: &[],
    neutral: &[("attention_bias", Flag(false)), ("mlp_bias", Flag(false))],
};

/// Of OLMo, whose attention may have biases.
pub(super) const OLMO: Known = Known { without_effect: &[], neutral: &[("mlp_bias", Flag(false))] };

/// Of Pico: how it was trained; and what every configuration has, while its output embedding is
/// never another's. It has no biases.
pub(super) const PICO: Known = Known {
    without_effect: &["batch_size", "tie_word_embeddings"],
    neutral: &[("attention_bias", Flag(false)), ("mlp_bias", Flag(false))],
};

/// Of rotary embedding.
pub(super) const ROTARY: Known =
    Known { without_effect: &[], neutral: &[("factor", One), ("attention_factor", One)] };
