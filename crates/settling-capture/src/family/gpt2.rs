//! GPT-2: learned positions, weights stored as `(inputs, outputs)`, a fused projection of three
//! blocks.

use settling_models::{Gpt2, ModelSizes};
use tch::Tensor;

use crate::model::attention::{Attention, Projections};
use crate::model::network::{Layer, Network, Norms};
use crate::model::parameters::Parameters;
use crate::model::parts::{Linear, Mlp, Norm, Up};

pub(crate) fn network(
    model: &Gpt2,
    sizes: ModelSizes,
    output_embedding: Option<Tensor>,
    weights: &Parameters,
) -> Network {
    let norm = |name: &str| Norm::layer(weights, name, model.n_embd, model.layer_norm_epsilon);
    let linear = |name: &str| Linear::of(weights, name, true);
    let scale = |layer: usize| {
        let head_dim = (model.n_embd / model.n_head) as f64;
        let by_width = if model.scale_attn_weights { head_dim.powf(-0.5) } else { 1.0 };
        let by_layer = if model.scale_attn_by_inverse_layer_idx { (layer + 1) as f64 } else { 1.0 };
        by_width / by_layer
    };
    let layer = |index: usize| {
        let name = |module: &str| format!("transformer.h.{index}.{module}");
        Layer {
            attention_norms: Norms::before(norm(&name("ln_1"))),
            attention: Attention {
                projections: Projections::Blocks(linear(&name("attn.c_attn"))),
                clip: None,
                scale: scale(index),
                output: linear(&name("attn.c_proj")),
            },
            mlp_norms: Norms::before(norm(&name("ln_2"))),
            mlp: Mlp {
                up: Up::Plain {
                    up: linear(&name("mlp.c_fc")),
                    function: model.activation_function,
                },
                down: linear(&name("mlp.c_proj")),
            },
        }
    };
    let embedding = weights.of("transformer.wte.weight");
    Network {
        sizes,
        position_embedding: Some(weights.of("transformer.wpe.weight")),
        rotary: None,
        window: None,
        parallel: false,
        layers: (0..model.n_layer).map(layer).collect(),
        final_norm: norm("transformer.ln_f"),
        output_embedding,
        embedding,
    }
}
