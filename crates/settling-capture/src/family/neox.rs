//! GPT-NeoX: a fused projection ordered head by head, rotary embedding of the leading dimensions of
//! each head.

use settling_models::{GptNeox, ModelSizes};
use tch::{TchError, Tensor};

use crate::model::attention::{Attention, Projections};
use crate::model::network::{Layer, Network, Norms};
use crate::model::parameters::Parameters;
use crate::model::parts::{Linear, Mlp, Norm, Rotary, Up, inverse_frequencies};

pub(crate) fn network(
    model: &GptNeox,
    sizes: ModelSizes,
    output_embedding: Option<Tensor>,
    weights: &Parameters,
) -> Result<Network, TchError> {
    let norm = |name: &str| Norm::layer(weights, name, model.hidden_size, model.layer_norm_eps);
    let linear = |name: &str| Linear::of(weights, name, false);
    let layer = |index: usize| {
        let name = |module: &str| format!("gpt_neox.layers.{index}.{module}");
        Layer {
            attention_norms: Norms::before(norm(&name("input_layernorm"))),
            attention: Attention {
                projections: Projections::PerHead(linear(&name("attention.query_key_value"))),
                clip: None,
                scale: (model.head_dim() as f64).powf(-0.5),
                output: linear(&name("attention.dense")),
            },
            // A misnomer: in a parallel layer it normalizes the same stream.
            mlp_norms: Norms::before(norm(&name("post_attention_layernorm"))),
            mlp: Mlp {
                up: Up::Plain {
                    up: linear(&name("mlp.dense_h_to_4h")),
                    function: model.hidden_act,
                },
                down: linear(&name("mlp.dense_4h_to_h")),
            },
        }
    };
    let embedding = weights.of("gpt_neox.embed_in.weight");
    let rotary = match model.rotary_dims() {
        0 => None,
        dims => {
            let frequencies = inverse_frequencies(model.rotary_emb_base, dims, embedding.device())?;
            Some(Rotary { frequencies, neighbors: false })
        }
    };
    Ok(Network {
        sizes,
        position_embedding: None,
        rotary,
        window: None,
        parallel: model.use_parallel_residual,
        layers: (0..model.num_hidden_layers).map(layer).collect(),
        final_norm: norm("gpt_neox.final_layer_norm"),
        output_embedding,
        embedding,
    })
}
