//! The forward pass of GPT-NeoX, written down plainly: what a trainer needs.

use std::collections::HashMap;

use settling_models::GptNeox;
use tch::{Device, Kind, Tensor};

/// A GPT-NeoX and its weights, by their names in a checkpoint.
#[derive(Debug)]
pub(crate) struct Forward {
    config: GptNeox,
    weights: HashMap<String, Tensor>,
    /// Of each position and pair of rotated dimensions, `(context + 1, 1, pairs)`.
    cos: Tensor,
    sin: Tensor,
}

impl Forward {
    pub(crate) fn new(config: &GptNeox, weights: HashMap<String, Tensor>) -> Self {
        let device = weights["gpt_neox.embed_in.weight"].device();
        let angles = angles(config, device);
        Self { config: config.clone(), weights, cos: angles.cos(), sin: angles.sin() }
    }

    /// The weight of this name.
    pub(crate) fn weight(&self, name: &str) -> &Tensor {
        &self.weights[name]
    }

    /// `(rows * tokens, vocabulary)` for `ids`, `(rows, tokens)`.
    pub(crate) fn logits(&self, ids: &Tensor) -> Tensor {
        let embedding = self.weight("gpt_neox.embed_in.weight");
        let mut x = Tensor::embedding(embedding, ids, -1, false, false);
        for layer in 0..self.config.num_hidden_layers {
            x = self.layer(&x, &format!("gpt_neox.layers.{layer}"));
        }
        let x = self.norm(&x, "gpt_neox.final_layer_norm").flatten(0, 1);
        x.linear(self.weights.get("embed_out.weight").unwrap_or(embedding), None::<&Tensor>)
    }

    fn layer(&self, x: &Tensor, name: &str) -> Tensor {
        let read = self.norm(x, &format!("{name}.input_layernorm"));
        let attention = self.attention(&read, name);
        let mlp = |x: &Tensor| {
            let read = self.norm(x, &format!("{name}.post_attention_layernorm"));
            let hidden = self.linear(&read, &format!("{name}.mlp.dense_h_to_4h")).gelu("none");
            self.linear(&hidden, &format!("{name}.mlp.dense_4h_to_h"))
        };
        if self.config.use_parallel_residual {
            let mlp = mlp(x);
            x + attention + mlp
        } else {
            let x = x + attention;
            let mlp = mlp(&x);
            x + mlp
        }
    }

    fn attention(&self, x: &Tensor, name: &str) -> Tensor {
        let (heads, head_dim) =
            (self.config.num_attention_heads as i64, self.config.head_dim() as i64);
        let (rows, tokens, _) = x.size3().expect("rows, tokens, width");
        let fused = self.linear(x, &format!("{name}.attention.query_key_value"));
        let parts = fused.view([rows, tokens, heads, 3, head_dim]);
        let [query, key, value] = [0, 1, 2].map(|part| parts.select(3, part));
        let mixed = Tensor::scaled_dot_product_attention(
            &self.rotated(&query).transpose(1, 2),
            &self.rotated(&key).transpose(1, 2),
            &value.transpose(1, 2),
            None::<&Tensor>,
            0.0,
            true,
            (head_dim as f64).powf(-0.5),
            false,
        );
        self.linear(&mixed.transpose(1, 2).flatten(2, 3), &format!("{name}.attention.dense"))
    }

    /// Rotary position embedding of the leading dimensions of `x`, `(rows, tokens, heads,
    /// head_dim)`.
    fn rotated(&self, x: &Tensor) -> Tensor {
        let (tokens, pairs) = (x.size()[1], self.cos.size()[2]);
        let (cos, sin) = (self.cos.narrow(0, 0, tokens), self.sin.narrow(0, 0, tokens));
        let (first, second) = (x.narrow(-1, 0, pairs), x.narrow(-1, pairs, pairs));
        let turned_first = (&first * &cos).addcmul(&second, &-&sin);
        let turned_second = (&second * &cos).addcmul(&first, &sin);
        let rest = x.size()[3] - 2 * pairs;
        let turned = Tensor::cat(&[turned_first, turned_second], -1);
        if rest == 0 { turned } else { Tensor::cat(&[turned, x.narrow(-1, 2 * pairs, rest)], -1) }
    }

    fn linear(&self, x: &Tensor, name: &str) -> Tensor {
        let bias = self.weights.get(&format!("{name}.bias"));
        x.linear(self.weight(&format!("{name}.weight")), bias)
    }

    fn norm(&self, x: &Tensor, name: &str) -> Tensor {
        let [weight, bias] =
            ["weight", "bias"].map(|end| self.weights.get(&format!("{name}.{end}")));
        let width = self.config.hidden_size as i64;
        x.layer_norm([width], weight, bias, self.config.layer_norm_eps, true)
    }
}

/// The angle of each position and pair.
fn angles(config: &GptNeox, device: Device) -> Tensor {
    let (dims, options) = (config.rotary_dims(), (Kind::Float, device));
    let exponents = Tensor::arange_start_step(0, dims as i64, 2, options) / dims as f64;
    let frequencies =
        Tensor::full([1], config.rotary_emb_base, options).pow(&exponents).reciprocal();
    let positions = Tensor::arange(config.max_position_embeddings as i64 + 1, options);
    positions.outer(&frequencies).unsqueeze(1)
}
