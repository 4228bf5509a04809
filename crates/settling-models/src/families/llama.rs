//! Llama and its relatives.

use super::activation::Activation;
use super::layout::{Layout, Values};
use super::rope_scaling::RopeScaling;
use super::setting::{Shown, settings};
use super::validate::{self, check};
use crate::error::Error;
use crate::sizes::ModelSizes;

/// The architecture of a language model like Llama: all that its forward pass depends on besides
/// weights.
///
/// Llama, Mistral, OLMo, OLMo 2, SmolLM, TinyLlama, Amber and Pico are all of this form: rotary
/// position embedding of whole heads, attention and then a gated MLP, each with a residual
/// connection, no position embedding. They differ in what the fields say. Field names are those of
/// Hugging Face's `LlamaConfig` where it has the field.
///
/// ```
/// use settling_models::Llama;
///
/// let smollm_135m = Llama {
///     vocab_size: 49_152,
///     hidden_size: 576,
///     num_hidden_layers: 30,
///     num_attention_heads: 9,
///     num_key_value_heads: 3,
///     head_dim: 64,
///     intermediate_size: 1536,
///     max_position_embeddings: 2048,
///     tie_word_embeddings: true,
///     ..Llama::default()
/// };
/// smollm_135m.validate()?;
/// let elements = |(_, shape): (String, Vec<usize>)| shape.iter().product::<usize>();
/// let sizes = smollm_135m.parameters().into_iter().map(elements);
/// assert_eq!(sizes.sum::<usize>(), 134_515_008);
/// # Ok::<(), settling_models::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Llama {
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// The width of the residual stream, D.
    pub hidden_size: usize,
    /// The number of layers.
    pub num_hidden_layers: usize,
    /// The number of attention heads, counted by their queries.
    pub num_attention_heads: usize,
    /// The number of heads of keys and values; divides `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// The width of one head. Heads times this need not be D.
    pub head_dim: usize,
    /// The width of the MLP.
    pub intermediate_size: usize,
    /// What the MLP does to the output of its gate.
    pub hidden_act: Activation,
    /// The context length: how many tokens are fed at most.
    pub max_position_embeddings: usize,
    /// How many tokens back a position attends to, itself included, if not to all.
    pub sliding_window: Option<usize>,
    /// The base of the rotary frequencies.
    pub rope_theta: f64,
    /// How the rotary frequencies are stretched.
    pub rope_scaling: RopeScaling,
    /// Which dimensions of a head are rotated together.
    pub rotary_pairs: RotaryPairs,
    /// The kind of normalization.
    pub norm: LlamaNorm,
    /// Added to the mean square, or to the variance.
    pub norm_eps: f64,
    /// Whether the output of a component is normalized before it is added (OLMo 2), or the input
    /// before it is read.
    pub post_norm: bool,
    /// Whether queries and keys are normalized, each over all heads at once, before they are
    /// rotated (OLMo 2).
    pub qk_norm: bool,
    /// The absolute value at which queries, keys and values are clipped, if they are (OLMo).
    pub clip_qkv: Option<f64>,
    /// Whether the four projections of Attention have biases.
    pub attention_bias: bool,
    /// Whether the three projections of the MLP have biases.
    pub mlp_bias: bool,
    /// Whether the output embedding is the input embedding.
    pub tie_word_embeddings: bool,
    /// What the tensors are called.
    pub names: LlamaNames,
}

/// Which dimensions of a head are rotated together. The same weights give another model under the
/// other rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RotaryPairs {
    /// Dimension i with i + head_dim / 2, as in Hugging Face's models.
    Halves,
    /// Dimension 2 i with 2 i + 1, as in Meta's code and in Pico.
    Neighbors,
}

/// How a model like [`Llama`] normalizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LlamaNorm {
    /// Division by the root of the mean square, times a weight.
    Rms,
    /// LayerNorm without weights or biases (OLMo).
    WeightlessLayerNorm,
}

/// What the tensors of a model like [`Llama`] are called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LlamaNames {
    /// As in Hugging Face's transformers: `model.layers.0.self_attn.v_proj.weight`.
    Transformers,
    /// As in Pico: `layers.0.attention.v_proj.weight`.
    Pico,
}

macro_rules! shown_by_debug {
    ($($choice:ty),*) => {
        $(impl Shown for $choice {
            fn shown(&self) -> String {
                format!("{self:?}")
            }
        })*
    };
}

shown_by_debug!(RopeScaling, RotaryPairs, LlamaNorm, LlamaNames);

impl Default for Llama {
    /// Llama's settings with the sizes left at zero, to be filled in.
    fn default() -> Self {
        Self {
            vocab_size: 0,
            hidden_size: 0,
            num_hidden_layers: 0,
            num_attention_heads: 0,
            num_key_value_heads: 0,
            head_dim: 0,
            intermediate_size: 0,
            hidden_act: Activation::Silu,
            max_position_embeddings: 0,
            sliding_window: None,
            rope_theta: 10_000.0,
            rope_scaling: RopeScaling::Default,
            rotary_pairs: RotaryPairs::Halves,
            norm: LlamaNorm::Rms,
            norm_eps: 1e-6,
            post_norm: false,
            qk_norm: false,
            clip_qkv: None,
            attention_bias: false,
            mlp_bias: false,
            tie_word_embeddings: false,
            names: LlamaNames::Transformers,
        }
    }
}

impl Llama {
    /// Checks that the sizes fit each other.
    ///
    /// # Errors
    ///
    /// If a size is zero or beyond any model, the heads of keys and values do not divide the heads,
    /// a head has an odd number of dimensions, a real number is out of its range, or the settings
    /// are combined in a way that has no names for its weights.
    pub fn validate(&self) -> Result<(), Error> {
        validate::layers("num_hidden_layers", self.num_hidden_layers)?;
        validate::sizes(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("sliding_window", self.sliding_window.unwrap_or(1)),
        ])?;
        let all_heads = self.num_attention_heads.saturating_mul(self.head_dim);
        validate::sizes(&[("num_attention_heads * head_dim", all_heads)])?;
        validate::divides(
            ("num_key_value_heads", self.num_key_value_heads),
            ("num_attention_heads", self.num_attention_heads),
        )?;
        check(self.head_dim.is_multiple_of(2), || {
            format!("head_dim = {} is odd: rotary embedding turns pairs", self.head_dim)
        })?;
        validate::positive(&[
            ("rope_theta", self.rope_theta),
            ("norm_eps", self.norm_eps),
            ("clip_qkv", self.clip_qkv.unwrap_or(1.0)),
        ])?;
        self.rope_scaling.validate()?;
        validate::angles(
            ("rope_theta", self.rope_theta),
            self.head_dim,
            self.rope_scaling.factor(),
            self.max_position_embeddings,
        )?;
        let plain = !(self.post_norm || self.qk_norm || self.attention_bias || self.mlp_bias)
            && self.norm == LlamaNorm::Rms;
        check(plain || self.names == LlamaNames::Transformers, || {
            "Pico has RMSNorm before each component and no biases; other settings were given".into()
        })?;
        check(!(self.norm != LlamaNorm::Rms && (self.post_norm || self.qk_norm)), || {
            "norms of outputs, queries and keys have weights; LayerNorm without was given".into()
        })
    }

    /// Every weight of a checkpoint: its name and its shape, in the order of the forward pass.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let (d, wide) = (self.hidden_size, self.intermediate_size);
        let queries = self.num_attention_heads * self.head_dim;
        let key_values = self.num_key_value_heads * self.head_dim;
        let pico = self.names == LlamaNames::Pico;
        let pick = |transformers: &'static str, ours: &'static str| {
            if pico { ours } else { transformers }
        };
        let body = self.layout().body;
        let mut list = Vec::new();
        let mut add = |name: String, shape: &[usize]| list.push((name, shape.to_vec()));
        add(self.layout().input_embedding.to_owned(), &[self.vocab_size, d]);
        let norms = self.norm == LlamaNorm::Rms;
        for layer in 0..self.num_hidden_layers {
            let name = |module: &str, kind: &str| format!("{body}layers.{layer}.{module}.{kind}");
            if norms && !self.post_norm {
                add(name(pick("input_layernorm", "attention_norm"), "weight"), &[d]);
            }
            for (projection, outputs, inputs) in [
                ("q_proj", queries, d),
                ("k_proj", key_values, d),
                ("v_proj", key_values, d),
                ("o_proj", d, queries),
            ] {
                let module = format!("{}.{projection}", pick("self_attn", "attention"));
                add(name(&module, "weight"), &[outputs, inputs]);
                if self.attention_bias {
                    add(name(&module, "bias"), &[outputs]);
                }
            }
            if self.qk_norm {
                add(name("self_attn.q_norm", "weight"), &[queries]);
                add(name("self_attn.k_norm", "weight"), &[key_values]);
            }
            if norms {
                // Of Attention's output in a model that normalizes outputs, of the MLP's input in
                // others.
                add(name(pick("post_attention_layernorm", "swiglu_norm"), "weight"), &[d]);
            }
            for (module, outputs, inputs) in [
                (pick("mlp.gate_proj", "swiglu.w_0"), wide, d),
                (pick("mlp.up_proj", "swiglu.w_1"), wide, d),
                (pick("mlp.down_proj", "swiglu.w_2"), d, wide),
            ] {
                add(name(module, "weight"), &[outputs, inputs]);
                if self.mlp_bias {
                    add(name(module, "bias"), &[outputs]);
                }
            }
            if self.post_norm {
                add(name("post_feedforward_layernorm", "weight"), &[d]);
            }
        }
        if norms {
            add(format!("{body}{}.weight", pick("norm", "output_norm")), &[d]);
        }
        if !self.tie_word_embeddings {
            add(self.layout().output_embedding[0].to_owned(), &[self.vocab_size, d]);
        }
        list
    }

    /// Every field and its value.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        settings!(self: vocab_size, hidden_size, num_hidden_layers, num_attention_heads, num_key_value_heads, head_dim, intermediate_size, hidden_act, max_position_embeddings, sliding_window, rope_theta, rope_scaling, rotary_pairs, norm, norm_eps, post_norm, qk_norm, clip_qkv, attention_bias, mlp_bias, tie_word_embeddings, names)
    }

    pub(crate) fn sizes(&self) -> ModelSizes {
        ModelSizes {
            layers: self.num_hidden_layers,
            width: self.hidden_size,
            heads: self.num_attention_heads,
            key_value_heads: self.num_key_value_heads,
            head_dim: self.head_dim,
            mlp_width: self.intermediate_size,
            vocabulary_rows: self.vocab_size,
            context: self.max_position_embeddings,
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        let transformers = Layout {
            body: "model.",
            layers: "layers.",
            attention: "self_attn.o_proj",
            mlp: "mlp.down_proj",
            value: "self_attn.v_proj",
            values: Values::Separate,
            transposed: false,
            input_embedding: "model.embed_tokens.weight",
            output_embedding: &["lm_head.weight"],
            buffers: &["rotary_emb.inv_freq"],
        };
        match self.names {
            LlamaNames::Transformers => transformers,
            LlamaNames::Pico => Layout {
                body: "",
                attention: "attention.o_proj",
                mlp: "swiglu.w_2",
                value: "attention.v_proj",
                input_embedding: "embedding_proj.weight",
                output_embedding: &["de_embedding_proj.weight"],
                buffers: &["rope._freqs_cis"],
                ..transformers
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Llama {
        Llama {
            vocab_size: 32,
            hidden_size: 16,
            num_hidden_layers: 1,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 4,
            intermediate_size: 64,
            max_position_embeddings: 8,
            ..Llama::default()
        }
    }

    #[test]
    fn misfits_are_named() {
        tiny().validate().unwrap();
        let message = |bad: Llama| bad.validate().unwrap_err().to_string();
        assert!(message(Llama { num_key_value_heads: 3, ..tiny() }).contains("does not divide"));
        assert!(message(Llama { head_dim: 5, ..tiny() }).contains("odd"));
        assert!(message(Llama { sliding_window: Some(0), ..tiny() }).contains("sliding_window"));
        assert!(message(Llama { clip_qkv: Some(-8.0), ..tiny() }).contains("clip_qkv"));
        let many = 1 << 27;
        let wide = Llama { num_attention_heads: many, head_dim: many, ..tiny() };
        assert!(message(wide).contains("num_attention_heads * head_dim"));
        assert!(
            message(Llama { names: LlamaNames::Pico, qk_norm: true, ..tiny() }).contains("Pico")
        );
        let weightless = Llama { norm: LlamaNorm::WeightlessLayerNorm, post_norm: true, ..tiny() };
        assert!(message(weightless).contains("LayerNorm"));
        let scaled = |rope_scaling: RopeScaling| message(Llama { rope_scaling, ..tiny() });
        assert!(scaled(RopeScaling::Linear { factor: f64::NAN }).contains("factor"));
        let llama3 = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 4.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8192,
        };
        assert!(scaled(llama3).contains("below high_freq_factor"));
    }

    #[test]
    fn heads_need_not_add_up_to_the_width() {
        let model = Llama { head_dim: 6, ..tiny() };
        model.validate().unwrap();
        let list = model.parameters();
        let shape = |end: &str| &list.iter().find(|(name, _)| name.ends_with(end)).unwrap().1;
        assert_eq!(*shape("q_proj.weight"), [24, 16]);
        assert_eq!(*shape("v_proj.weight"), [12, 16]);
        assert_eq!(*shape("o_proj.weight"), [16, 24]);
    }
}
