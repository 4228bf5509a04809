//! The families of models as transformers writes them: tests/models/make.py.

use std::path::{Path, PathBuf};

use settling_checkpoint::Checkpoint;
use settling_core::{Component, TensorSource};
use settling_models::{
    Architecture, CanonicalNames, Gpt2, GptNeox, Inventory, Llama, LlamaNorm, RopeScaling,
    WeightBlock,
};

const FOLDERS: [&str; 9] =
    ["gpt2", "gpt2_bare", "llama", "llama_v4", "mistral", "neox", "neox_v4", "olmo", "olmo2"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

#[test]
fn the_settings_of_every_folder_are_understood() {
    let neox = GptNeox {
        vocab_size: 16,
        hidden_size: 8,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        intermediate_size: 12,
        max_position_embeddings: 8,
        ..GptNeox::default()
    };
    let llama = Llama {
        vocab_size: 16,
        hidden_size: 8,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 4,
        head_dim: 2,
        intermediate_size: 12,
        max_position_embeddings: 8,
        ..Llama::default()
    };
    let grouped = Llama { num_key_value_heads: 2, ..llama.clone() };
    let gpt2 = Gpt2 {
        vocab_size: 16,
        n_positions: 8,
        n_embd: 8,
        n_layer: 2,
        n_head: 2,
        n_inner: 32,
        ..Gpt2::default()
    };
    let llama3 = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 4,
    };
    let expected: [Architecture; 9] = [
        Architecture::Gpt2(gpt2.clone()),
        Architecture::Gpt2(Gpt2 { n_inner: 12, ..gpt2 }),
        Architecture::Llama(Llama {
            head_dim: 4,
            attention_bias: true,
            mlp_bias: true,
            tie_word_embeddings: true,
            rope_theta: 500_000.0,
            rope_scaling: llama3,
            ..grouped.clone()
        }),
        Architecture::Llama(Llama {
            rope_scaling: RopeScaling::Linear { factor: 2.0 },
            ..llama.clone()
        }),
        Architecture::Llama(Llama { sliding_window: Some(4), ..grouped.clone() }),
        Architecture::GptNeox(neox.clone()),
        Architecture::GptNeox(neox),
        Architecture::Llama(Llama {
            norm: LlamaNorm::WeightlessLayerNorm,
            norm_eps: 1e-5,
            clip_qkv: Some(8.0),
            ..llama
        }),
        Architecture::Llama(Llama { norm_eps: 1e-5, post_norm: true, qk_norm: true, ..grouped }),
    ];
    for (name, expected) in FOLDERS.into_iter().zip(expected) {
        let found = Checkpoint::open(folder(name)).unwrap().architecture().unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_tensor_is_accounted_for() {
    for name in FOLDERS {
        let checkpoint = Checkpoint::open(folder(name)).unwrap();
        let inventory = Inventory::new(checkpoint.tensors(), &checkpoint.architecture().unwrap());
        assert!(inventory.is_complete() && inventory.unknown.is_empty(), "{name}: {inventory}");
        // Pythia's files carry a mask, its filling and the rotary frequencies of each layer.
        assert_eq!(inventory.buffers.len(), if name == "neox_v4" { 6 } else { 0 }, "{name}");
        assert_eq!(inventory.weights.len() + inventory.buffers.len(), checkpoint.tensors().len());
    }
}

#[test]
fn weights_of_heads_are_those_that_the_modules_use() {
    let mut compared = 0;
    for name in FOLDERS {
        let checkpoint = Checkpoint::open(folder(name)).unwrap();
        let architecture = checkpoint.architecture().unwrap();
        let source = CanonicalNames::new(&checkpoint, &architecture);
        let heads = Checkpoint::open_file(folder(name).join("heads.safetensors")).unwrap();
        let mut check = |block: WeightBlock, expected: String| {
            let found = block.cut(&source.read(&block.name).unwrap()).unwrap();
            let wanted = heads.read(&expected).unwrap();
            assert_eq!(wanted.shape(), [block.outputs.len(), block.inputs.len()], "{expected}");
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(&wanted.to_f32().unwrap()), "{name}: {expected}");
            compared += 1;
        };
        let sizes = architecture.sizes();
        for layer in 0..sizes.layers {
            for head in 0..sizes.heads {
                check(architecture.value_weight(layer, head), format!("{layer}.{head}.value"));
                check(architecture.output_weight(layer, head), format!("{layer}.{head}.output"));
            }
            for component in Component::ALL {
                let expected = format!("{layer}.{component}");
                check(architecture.write_weight(layer, component), expected);
            }
        }
        assert_eq!(heads.tensors().len(), sizes.layers * (2 * sizes.heads + 2), "{name}");
    }
    assert_eq!(compared, 2 * (2 * (7 * 4 + 2 * 2) + 9 * 2));
}

#[test]
fn a_checkpoint_of_another_model_is_found_out() {
    let checkpoint = Checkpoint::open(folder("llama")).unwrap();
    let Architecture::Llama(mut other) = checkpoint.architecture().unwrap() else { panic!() };
    other.num_key_value_heads = 4;
    other.num_hidden_layers = 20;
    other.tie_word_embeddings = false;
    let inventory = Inventory::new(checkpoint.tensors(), &Architecture::Llama(other));
    assert!(!inventory.is_complete());
    assert_eq!(inventory.wrong_shape.len(), 2 * 4, "weights and biases of keys and values");
    assert_eq!(inventory.missing.len(), 18 * 16 + 1);
    let text = inventory.to_string();
    let line = "wrong shape: model.layers.0.self_attn.k_proj.weight [8, 8], expected [16, 8]\n";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("missing: and 279 more\n"), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}
