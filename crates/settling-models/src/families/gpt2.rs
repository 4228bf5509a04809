//! GPT-2.

use super::activation::Activation;
use super::layout::{Layout, Values};
use super::setting::settings;
use super::validate;
use crate::error::Error;
use crate::sizes::ModelSizes;

/// The architecture of a GPT-2 language model: all that its forward pass depends on besides
/// weights.
///
/// Position embeddings are learned; every linear map has a bias and is stored as `(inputs,
/// outputs)`; query, key and value are one fused map whose outputs are all queries, then all keys,
/// then all values. Field names are those of Hugging Face's `GPT2Config`.
///
/// ```
/// use settling_models::Gpt2;
///
/// let small = Gpt2 {
///     vocab_size: 50_257,
///     n_positions: 1024,
///     n_embd: 768,
///     n_layer: 12,
///     n_head: 12,
///     n_inner: 3072,
///     ..Gpt2::default()
/// };
/// small.validate()?;
/// let sizes = small.parameters().into_iter().map(|(_, shape)| shape.iter().product::<usize>());
/// assert_eq!(sizes.sum::<usize>(), 124_439_808);
/// # Ok::<(), settling_models::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Gpt2 {
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// The context length: rows of the position embedding.
    pub n_positions: usize,
    /// The width of the residual stream, D.
    pub n_embd: usize,
    /// The number of layers.
    pub n_layer: usize,
    /// The number of attention heads; divides `n_embd`.
    pub n_head: usize,
    /// The width of the MLP; 4 D in the published models.
    pub n_inner: usize,
    /// What the MLP does between its two linear maps.
    pub activation_function: Activation,
    /// Added to the variance in LayerNorm.
    pub layer_norm_epsilon: f64,
    /// Whether attention scores are divided by the square root of a head's width.
    pub scale_attn_weights: bool,
    /// Whether the scores of layer l, counted from 0, are divided by l + 1 besides.
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether the output embedding is the input embedding.
    pub tie_word_embeddings: bool,
}

impl Default for Gpt2 {
    /// GPT-2's settings with the sizes left at zero, to be filled in.
    fn default() -> Self {
        Self {
            vocab_size: 0,
            n_positions: 0,
            n_embd: 0,
            n_layer: 0,
            n_head: 0,
            n_inner: 0,
            activation_function: Activation::GeluTanh,
            layer_norm_epsilon: 1e-5,
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: false,
            tie_word_embeddings: true,
        }
    }
}

impl Gpt2 {
    /// Checks that the sizes fit each other.
    ///
    /// # Errors
    ///
    /// If a size is zero or beyond any model, the heads do not divide the width, or
    /// `layer_norm_epsilon` is not positive.
    pub fn validate(&self) -> Result<(), Error> {
        validate::layers("n_layer", self.n_layer)?;
        validate::sizes(&[
            ("vocab_size", self.vocab_size),
            ("n_positions", self.n_positions),
            ("n_embd", self.n_embd),
            ("n_head", self.n_head),
            ("n_inner", self.n_inner),
        ])?;
        validate::divides(("n_head", self.n_head), ("n_embd", self.n_embd))?;
        validate::positive(&[("layer_norm_epsilon", self.layer_norm_epsilon)])
    }

    /// Every weight of a checkpoint: its name and the shape in which it is stored, in the order of
    /// the forward pass.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Vec<usize>)> {
        let (d, wide) = (self.n_embd, self.n_inner);
        let mut list = vec![
            (self.layout().input_embedding.to_owned(), vec![self.vocab_size, d]),
            ("transformer.wpe.weight".to_owned(), vec![self.n_positions, d]),
        ];
        for layer in 0..self.n_layer {
            let mut add = |name: &str, inputs: &[usize], outputs: usize| {
                let name = format!("transformer.h.{layer}.{name}");
                list.push((format!("{name}.weight"), [inputs, &[outputs]].concat()));
                list.push((format!("{name}.bias"), vec![outputs]));
            };
            add("ln_1", &[], d);
            add("attn.c_attn", &[d], 3 * d);
            add("attn.c_proj", &[d], d);
            add("ln_2", &[], d);
            add("mlp.c_fc", &[d], wide);
            add("mlp.c_proj", &[wide], d);
        }
        list.push(("transformer.ln_f.weight".to_owned(), vec![d]));
        list.push(("transformer.ln_f.bias".to_owned(), vec![d]));
        if !self.tie_word_embeddings {
            list.push(("lm_head.weight".to_owned(), vec![self.vocab_size, d]));
        }
        list
    }

    /// Every field and its value.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        settings!(self: vocab_size, n_positions, n_embd, n_layer, n_head, n_inner, activation_function, layer_norm_epsilon, scale_attn_weights, scale_attn_by_inverse_layer_idx, tie_word_embeddings)
    }

    pub(crate) fn sizes(&self) -> ModelSizes {
        ModelSizes {
            layers: self.n_layer,
            width: self.n_embd,
            heads: self.n_head,
            key_value_heads: self.n_head,
            head_dim: self.n_embd / self.n_head,
            mlp_width: self.n_inner,
            vocabulary_rows: self.vocab_size,
            context: self.n_positions,
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            body: "transformer.",
            layers: "h.",
            attention: "attn.c_proj",
            mlp: "mlp.c_proj",
            value: "attn.c_attn",
            values: Values::Blocks,
            transposed: true,
            input_embedding: "transformer.wte.weight",
            output_embedding: &["lm_head.weight"],
            buffers: &[".attn.bias", ".attn.masked_bias"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misfits_are_named() {
        let good = Gpt2 {
            vocab_size: 32,
            n_positions: 8,
            n_embd: 16,
            n_layer: 1,
            n_head: 2,
            n_inner: 64,
            ..Gpt2::default()
        };
        good.validate().unwrap();
        let message = |bad: Gpt2| bad.validate().unwrap_err().to_string();
        assert!(message(Gpt2 { n_head: 3, ..good.clone() }).contains("does not divide n_embd"));
        assert!(message(Gpt2 { n_positions: 0, ..good.clone() }).contains("n_positions"));
        assert!(message(Gpt2 { n_layer: 5000, ..good.clone() }).contains("4096"));
        let infinite = Gpt2 { layer_norm_epsilon: f64::INFINITY, ..good };
        assert!(message(infinite).contains("layer_norm_epsilon"));
    }
}
