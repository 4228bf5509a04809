//! Llama and its relatives: separate projections, grouped heads of keys and values, rotary
//! embedding of whole heads, a gated MLP.

use settling_models::{Llama, LlamaNames, LlamaNorm, ModelSizes, RopeScaling, RotaryPairs};
use tch::{Kind, TchError, Tensor};

use crate::model::attention::{Attention, Projections};
use crate::model::network::{Layer, Network, Norms};
use crate::model::parameters::Parameters;
use crate::model::parts::{Linear, Mlp, Norm, Rotary, Up, inverse_frequencies};

pub(crate) fn network(
    model: &Llama,
    sizes: ModelSizes,
    output_embedding: Option<Tensor>,
    weights: &Parameters,
    kind: Kind,
) -> Result<Network, TchError> {
    let names = Names::of(model.names);
    let norm = |name: &str| match model.norm {
        LlamaNorm::WeightlessLayerNorm => {
            Norm::Layer { width: model.hidden_size, weight: None, bias: None, eps: model.norm_eps }
        }
        _ => Norm::RootMeanSquare {
            weight: weights.of(&format!("{name}.weight")),
            eps: model.norm_eps,
        },
    };
    let linear = |name: &str| Linear::of(weights, name, false);
    let layer = |index: usize| {
        let name = |module: &str| format!("{}layers.{index}.{module}", names.body);
        let projection = |kind: &str| name(&format!("{}.{kind}_proj", names.attention));
        let of_heads = |which: &str| model.qk_norm.then(|| norm(&name(which)));
        let (attention_norms, mlp_norms) = if model.post_norm {
            (
                Norms::after(norm(&name("post_attention_layernorm"))),
                Norms::after(norm(&name("post_feedforward_layernorm"))),
            )
        } else {
            (
                Norms::before(norm(&name(names.attention_norm))),
                Norms::before(norm(&name(names.mlp_norm))),
            )
        };
        Layer {
            attention_norms,
            attention: Attention {
                projections: Projections::Separate {
                    query: linear(&projection("q")),
                    key: linear(&projection("k")),
                    value: linear(&projection("v")),
                    query_norm: of_heads("self_attn.q_norm"),
                    key_norm: of_heads("self_attn.k_norm"),
                },
                clip: model.clip_qkv.filter(|&limit| limit <= largest(kind)),
                scale: (model.head_dim as f64).powf(-0.5),
                output: linear(&projection("o")),
            },
            mlp_norms,
            mlp: Mlp {
                up: Up::Gated {
                    gate: linear(&name(names.gate)),
                    function: model.hidden_act,
                    up: linear(&name(names.up)),
                },
                down: linear(&name(names.down)),
            },
        }
    };
    let embedding = weights.of(&format!("{}{}.weight", names.body, names.embedding));
    let frequencies = inverse_frequencies(model.rope_theta, model.head_dim, embedding.device())?;
    let frequencies = stretched(&frequencies, model.rope_scaling)?;
    let neighbors = model.rotary_pairs == RotaryPairs::Neighbors;
    Ok(Network {
        sizes,
        position_embedding: None,
        rotary: Some(Rotary { frequencies, neighbors }),
        window: model.sliding_window,
        parallel: false,
        layers: (0..model.num_hidden_layers).map(layer).collect(),
        final_norm: norm(&format!("{}{}", names.body, names.final_norm)),
        output_embedding,
        embedding,
    })
}

/// The largest number that there is. Nothing is clipped at one beyond.
fn largest(kind: Kind) -> f64 {
    match kind {
        Kind::Half => 65_504.0,
        // Of f32, with 8 bits of mantissa for 24.
        Kind::BFloat16 => 2_f64.powi(128) - 2_f64.powi(120),
        _ => f64::from(f32::MAX),
    }
}

/// What the modules are called.
struct Names {
    body: &'static str,
    embedding: &'static str,
    attention_norm: &'static str,
    attention: &'static str,
    mlp_norm: &'static str,
    gate: &'static str,
    up: &'static str,
    down: &'static str,
    final_norm: &'static str,
}

impl Names {
    const fn of(names: LlamaNames) -> Self {
        match names {
            LlamaNames::Pico => Self {
                body: "",
                embedding: "embedding_proj",
                attention_norm: "attention_norm",
                attention: "attention",
                mlp_norm: "swiglu_norm",
                gate: "swiglu.w_0",
                up: "swiglu.w_1",
                down: "swiglu.w_2",
                final_norm: "output_norm",
            },
            _ => Self {
                body: "model.",
                embedding: "embed_tokens",
                attention_norm: "input_layernorm",
                attention: "self_attn",
                mlp_norm: "post_attention_layernorm",
                gate: "mlp.gate_proj",
                up: "mlp.up_proj",
                down: "mlp.down_proj",
                final_norm: "norm",
            },
        }
    }
}

/// The frequencies of a model that was stretched to a longer context, in f32 like themselves.
fn stretched(frequencies: &Tensor, scaling: RopeScaling) -> Result<Tensor, TchError> {
    match scaling {
        RopeScaling::Linear { factor } => frequencies.f_div_scalar(factor),
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_max_position_embeddings,
        } => {
            // How many times a pair turns over the original context, between the two bounds as a
            // share of the way: 1 for whole frequencies, 0 for divided ones. In this order of
            // operations, because that of f32 matters.
            let wavelength = frequencies.f_reciprocal()?.f_mul_scalar(std::f64::consts::TAU)?;
            let share = wavelength
                .f_reciprocal()?
                .f_mul_scalar(original_max_position_embeddings as f64)?
                .f_sub_scalar(low_freq_factor)?
                .f_div_scalar(high_freq_factor - low_freq_factor)?
                .f_clamp(0.0, 1.0)?;
            let rest = share.f_neg()?.f_add_scalar(1.0)?;
            let divided = rest.f_mul(frequencies)?.f_div_scalar(factor)?;
            divided.f_add(&share.f_mul(frequencies)?)
        }
        _ => Ok(frequencies.shallow_clone()),
    }
}
