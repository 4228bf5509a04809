//! GPT-NeoX: Pythia.

use super::activation::Activation;
use super::layout::{Layout, Values};
use super::setting::settings;
use super::validate::{self, check};
use crate::error::Error;
use crate::sizes::ModelSizes;

/// The architecture of a GPT-NeoX language model (the Pythia family): all that its forward pass
/// depends on besides weights.
///
/// A description, not a file: `settling-checkpoint` reads it from `config.json`, `settling-capture`
/// runs it. Field names are those of Hugging Face's `GPTNeoXConfig` where it has the field.
///
/// ```
/// use settling_models::GptNeox;
///
/// let pythia_70m = GptNeox {
///     vocab_size: 50_304,
///     hidden_size: 512,
///     num_hidden_layers: 6,
///     num_attention_heads: 8,
///     intermediate_size: 2048,
///     max_position_embeddings: 2048,
///     ..GptNeox::default()
/// };
/// pythia_70m.validate()?;
/// assert_eq!(pythia_70m.head_dim(), 64);
/// assert_eq!(pythia_70m.rotary_dims(), 16);
/// let elements = |(_, shape): (String, Vec<usize>)| shape.iter().product::<usize>();
/// let sizes = pythia_70m.parameters().into_iter().map(elements);
/// assert_eq!(sizes.sum::<usize>(), 70_426_624);
/// # Ok::<(), settling_models::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GptNeox {
    /// Rows of the embedding: often more than the tokenizer has entries, for padding.
    pub vocab_size: usize,
    /// The width of the residual stream, D.
    pub hidden_size: usize,
    /// The number of layers.
    pub num_hidden_layers: usize,
    /// The number of attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// The width of the MLP; 4 D in Pythia.
    pub intermediate_size: usize,
    /// What the MLP does between its two linear maps.
    pub hidden_act: Activation,
    /// The context length: how many tokens are fed at most.
    pub max_position_embeddings: usize,
    /// The share of each head's dimensions that rotary position embedding turns.
    pub rotary_pct: f64,
    /// The base of the rotary frequencies.
    pub rotary_emb_base: f64,
    /// Added to the variance in LayerNorm.
    pub layer_norm_eps: f64,
    /// Whether Attention and MLP read the same residual stream (`true` in Pythia), or MLP reads
    /// what Attention has written.
    pub use_parallel_residual: bool,
    /// Whether the attention projections have biases.
    pub attention_bias: bool,
    /// Whether the output embedding is the input embedding.
    pub tie_word_embeddings: bool,
}

impl Default for GptNeox {
    /// Pythia's settings with the sizes left at zero, to be filled in.
    fn default() -> Self {
        Self {
            vocab_size: 0,
            hidden_size: 0,
            num_hidden_layers: 0,
            num_attention_heads: 0,
            intermediate_size: 0,
            hidden_act: Activation::Gelu,
            max_position_embeddings: 0,
            rotary_pct: 0.25,
            rotary_emb_base: 10_000.0,
            layer_norm_eps: 1e-5,
            use_parallel_residual: true,
            attention_bias: true,
            tie_word_embeddings: false,
        }
    }
}

impl GptNeox {
    /// Checks that the sizes fit each other.
    ///
    /// # Errors
    ///
    /// If a size is zero, the heads do not divide the width, the rotary dimensions are not even or
    /// exceed a head, or a real number is out of its range.
    pub fn validate(&self) -> Result<(), Error> {
        validate::layers("num_hidden_layers", self.num_hidden_layers)?;
        validate::sizes(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ])?;
        validate::divides(
            ("num_attention_heads", self.num_attention_heads),
            ("hidden_size", self.hidden_size),
        )?;
        check((0.0..=1.0).contains(&self.rotary_pct), || {
            format!("rotary_pct must lie in [0, 1], found {}", self.rotary_pct)
        })?;
        check(self.rotary_dims().is_multiple_of(2), || {
            format!(
                "rotary_pct = {} of a head of {} gives {} rotary dimensions, an odd number",
                self.rotary_pct,
                self.head_dim(),
                self.rotary_dims()
            )
        })?;
        validate::positive(&[
            ("rotary_emb_base", self.rotary_emb_base),
            ("layer_norm_eps", self.layer_norm_eps),
        ])?;
        validate::angles(
            ("rotary_emb_base", self.rotary_emb_base),
            self.rotary_dims(),
            1.0,
            self.max_position_embeddings,
        )
    }

    /// Every field and its value.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        settings!(self: vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, hidden_act, max_position_embeddings, rotary_pct, rotary_emb_base, layer_norm_eps, use_parallel_residual, attention_bias, tie_word_embeddings)
    }

    pub(crate) fn sizes(&self) -> ModelSizes {
        ModelSizes {
            layers: self.num_hidden_layers,
            width: self.hidden_size,
            heads: self.num_attention_heads,
            key_value_heads: self.num_attention_heads,
            head_dim: self.head_dim(),
            mlp_width: self.intermediate_size,
            vocabulary_rows: self.vocab_size,
            context: self.max_position_embeddings,
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            body: "gpt_neox.",
            layers: "layers.",
            attention: "attention.dense",
            mlp: "mlp.dense_4h_to_h",
            value: "attention.query_key_value",
            values: Values::PerHead,
            transposed: false,
            input_embedding: "gpt_neox.embed_in.weight",
            output_embedding: &["embed_out.weight", "lm_head.weight"],
            buffers: &[".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"],
        }
    }

    /// The width of one attention head: D / heads.
    #[must_use]
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    /// How many leading dimensions of each head are rotated: `head_dim * rotary_pct`, truncated.
    #[must_use]
    pub fn rotary_dims(&self) -> usize {
        (self.head_dim() as f64 * self.rotary_pct) as usize
    }

    /// Every weight of a checkpoint: its name on disk and its shape, in the order of the forward
    /// pass.
    ///
    /// Buffers (`attention.bias`, `attention.masked_bias`, `rotary_emb.inv_freq`), which older
    /// files carry along, are not weights and not listed.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let (d, wide) = (self.hidden_size, self.intermediate_size);
        let mut list = vec![(self.layout().input_embedding.to_owned(), vec![self.vocab_size, d])];
        for layer in 0..self.num_hidden_layers {
            let mut add = |name: &str, shape: &[usize]| {
                list.push((format!("gpt_neox.layers.{layer}.{name}"), shape.to_vec()));
            };
            for norm in ["input_layernorm", "post_attention_layernorm"] {
                add(&format!("{norm}.weight"), &[d]);
                add(&format!("{norm}.bias"), &[d]);
            }
            for (linear, outputs, inputs, bias) in [
                ("attention.query_key_value", 3 * d, d, self.attention_bias),
                ("attention.dense", d, d, self.attention_bias),
                ("mlp.dense_h_to_4h", wide, d, true),
                ("mlp.dense_4h_to_h", d, wide, true),
            ] {
                add(&format!("{linear}.weight"), &[outputs, inputs]);
                if bias {
                    add(&format!("{linear}.bias"), &[outputs]);
                }
            }
        }
        list.push(("gpt_neox.final_layer_norm.weight".to_owned(), vec![d]));
        list.push(("gpt_neox.final_layer_norm.bias".to_owned(), vec![d]));
        if !self.tie_word_embeddings {
            list.push(("embed_out.weight".to_owned(), vec![self.vocab_size, d]));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_are_those_of_the_published_models() {
        // vocabulary rows, D, layers, heads, parameters: Pythia's own table.
        for (vocab_size, d, layers, heads, expected) in [
            (50_304, 128, 6, 4, 14_067_712),
            (50_304, 768, 12, 12, 162_322_944),
            (50_304, 2560, 32, 32, 2_775_208_960),
            (50_688, 5120, 36, 40, 11_846_072_320_usize),
        ] {
            let model = GptNeox {
                vocab_size,
                hidden_size: d,
                num_hidden_layers: layers,
                num_attention_heads: heads,
                intermediate_size: 4 * d,
                max_position_embeddings: 2048,
                ..GptNeox::default()
            };
            model.validate().unwrap();
            let sizes =
                model.parameters().into_iter().map(|(_, shape)| shape.iter().product::<usize>());
            assert_eq!(sizes.sum::<usize>(), expected);
        }
    }

    #[test]
    fn misfits_are_named() {
        let good = GptNeox {
            vocab_size: 32,
            hidden_size: 16,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            intermediate_size: 64,
            max_position_embeddings: 8,
            ..GptNeox::default()
        };
        good.validate().unwrap();
        let message = |bad: GptNeox| bad.validate().unwrap_err().to_string();
        assert!(
            message(GptNeox { num_attention_heads: 3, ..good.clone() }).contains("does not divide")
        );
        assert!(
            message(GptNeox { num_hidden_layers: 0, ..good.clone() }).contains("num_hidden_layers")
        );
        assert!(message(GptNeox { rotary_pct: 0.125, ..good.clone() }).contains("odd"));
        assert!(message(GptNeox { rotary_pct: f64::NAN, ..good.clone() }).contains("rotary_pct"));
        assert!(
            message(GptNeox { layer_norm_eps: 0.0, ..good.clone() }).contains("layer_norm_eps")
        );
        assert!(message(GptNeox { hidden_size: usize::MAX, ..good }).contains("2^28"));
    }
}
