//! Every setting of an architecture bears on the result: the golden models would show a forward
//! pass that overlooks one.

use crate::support::{File, architecture, relative_error};
use settling_capture::{Options, Transformer};
use settling_models::{Architecture, Gpt2, GptNeox, Llama, RopeScaling, RotaryPairs};

fn logits(architecture: &Architecture, weights: &File, case: &str) -> Vec<f32> {
    settling_capture::set_threads(1);
    let model = Transformer::load(architecture, weights, &Options::default()).unwrap();
    model.logits(&File::expected(case).tokens()).unwrap()
}

/// Fails unless the logits of the golden weights move by far more than golden.rs tolerates when
/// `change` is made.
fn matters(case: &str, what: &str, change: impl Fn(&mut Architecture)) {
    let mut changed = architecture(case);
    change(&mut changed);
    assert_ne!(changed, architecture(case), "{case}: {what}");
    let mut weights = File::read(case, "model.safetensors");
    if changed.is_tied() {
        weights.tensors.retain(|meta| meta.name != changed.output_embedding());
    }
    let error =
        relative_error(&logits(&changed, &weights, case), &File::expected(case).f32("logits"));
    assert!(error > 1e-4, "{case}: {what} moves logits by {error:e} only");
}

fn neox(case: &str, what: &str, change: impl Fn(&mut GptNeox)) {
    matters(case, what, |architecture| match architecture {
        Architecture::GptNeox(model) => change(model),
        _ => unreachable!(),
    });
}

fn llama(case: &str, what: &str, change: impl Fn(&mut Llama)) {
    matters(case, what, |architecture| match architecture {
        Architecture::Llama(model) => change(model),
        _ => unreachable!(),
    });
}

fn gpt2(case: &str, what: &str, change: impl Fn(&mut Gpt2)) {
    matters(case, what, |architecture| match architecture {
        Architecture::Gpt2(model) => change(model),
        _ => unreachable!(),
    });
}

#[test]
fn of_gpt_neox() {
    for case in ["parallel", "sequential"] {
        neox(case, "residual", |model| model.use_parallel_residual ^= true);
        neox(case, "base", |model| model.rotary_emb_base *= 2.0);
        neox(case, "eps", |model| model.layer_norm_eps /= 2.0);
    }
    neox("parallel", "all dimensions", |model| model.rotary_pct = 1.0);
    neox("parallel", "two dimensions", |model| model.rotary_pct = 0.4);
    neox("parallel", "no dimension", |model| model.rotary_pct = 0.0);
    neox("parallel", "heads", |model| model.num_attention_heads = 3);
    neox("parallel", "tied", |model| model.tie_word_embeddings = true);
    neox("parallel", "biases", |model| model.attention_bias = false);
}

#[test]
fn of_llama() {
    for case in ["llama", "llama_plain", "mistral", "olmo", "olmo2", "pico"] {
        llama(case, "base", |model| model.rope_theta *= 2.0);
        llama(case, "eps", |model| model.norm_eps *= 64.0);
        llama(case, "pairs", |model| {
            model.rotary_pairs = match model.rotary_pairs {
                RotaryPairs::Halves => RotaryPairs::Neighbors,
                _ => RotaryPairs::Halves,
            };
        });
        llama(case, "window of all but one", |model| model.sliding_window = Some(11));
        llama(case, "clipping", |model| model.clip_qkv = Some(0.5));
    }
    for case in ["llama", "llama_plain"] {
        llama(case, "scaling", |model| model.rope_scaling = RopeScaling::Default);
    }
    llama("llama", "linear scaling", |model| {
        model.rope_scaling = RopeScaling::Linear { factor: 4.0 };
    });
    llama("llama", "bounds of the ramp", |model| {
        let RopeScaling::Llama3 { low_freq_factor, .. } = &mut model.rope_scaling else {
            unreachable!()
        };
        *low_freq_factor = 0.6;
    });
    llama("llama", "biases of attention", |model| model.attention_bias = false);
    llama("llama", "biases of the MLP", |model| model.mlp_bias = false);
    llama("mistral", "no window", |model| model.sliding_window = None);
    llama("mistral", "another window", |model| model.sliding_window = Some(5));
    llama("olmo", "no clipping", |model| model.clip_qkv = None);
}

#[test]
fn of_gpt2() {
    for case in ["gpt2", "gpt2_plain"] {
        gpt2(case, "scale", |model| model.scale_attn_weights ^= true);
        gpt2(case, "scale by layer", |model| model.scale_attn_by_inverse_layer_idx ^= true);
        gpt2(case, "eps", |model| model.layer_norm_epsilon /= 2.0);
    }
    gpt2("gpt2_plain", "tied", |model| model.tie_word_embeddings = true);
}

/// No golden model leaves the scores unscaled. With heads of 4 the scale is a half, which queries
/// can bear as well, exactly.
#[test]
fn scores_of_gpt2_may_be_left_unscaled() {
    for case in ["gpt2", "gpt2_plain"] {
        let Architecture::Gpt2(mut model) = architecture(case) else { unreachable!() };
        assert_eq!(model.n_embd / model.n_head, 4);
        model.scale_attn_weights = false;
        let mut weights = File::read(case, "model.safetensors");
        for layer in 0..model.n_layer {
            let name = format!("transformer.h.{layer}.attn.c_attn");
            let width = model.n_embd;
            // Queries are the first third of the columns.
            weights.scale(&format!("{name}.weight"), 0.5, |index| index % (3 * width) < width);
            weights.scale(&format!("{name}.bias"), 0.5, |index| index < width);
        }
        let found = logits(&Architecture::Gpt2(model), &weights, case);
        let error = relative_error(&found, &File::expected(case).f32("logits"));
        assert!(error <= 1e-5, "{case}: {error:e}");
    }
}
