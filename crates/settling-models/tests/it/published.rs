//! What published models say of themselves: tests/published.

use std::path::Path;

use settling_core::{Dtype, TensorMeta};
use settling_models::{
    Architecture, Inventory, LlamaNames, LlamaNorm, RopeScaling, RotaryPairs, parse_config,
};

fn published(name: &str) -> Architecture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/published/{name}.json"));
    parse_config(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn published_models_have_their_published_number_of_parameters() {
    for (name, expected) in [
        ("pythia-160m", 162_322_944_u64),
        ("tinyllama-1.1b", 1_100_048_384),
        ("smollm2-135m", 134_515_008),
        ("amber", 6_738_415_616),
        ("llama-3.2-1b", 1_235_814_400),
        ("mistral-7b-v0.1", 7_241_732_096),
        ("olmo-1b", 1_176_764_416),
        ("olmo-2-0425-1b", 1_484_916_736),
        ("gpt2", 124_439_808),
        ("alias-gpt2-small", 124_439_808),
        ("pico-decoder-tiny", 11_282_784),
    ] {
        let shapes = published(name).parameters().into_iter().map(|(_, shape)| shape);
        let sizes = shapes.map(|shape| shape.iter().product::<usize>() as u64);
        assert_eq!(sizes.sum::<u64>(), expected, "{name}");
    }
}

#[test]
fn what_sets_published_models_apart_is_read() {
    let llama = |name: &str| match published(name) {
        Architecture::Llama(llama) => llama,
        other => panic!("{name} is {other:?}"),
    };
    let smollm2 = llama("smollm2-135m");
    assert_eq!((smollm2.rope_theta, smollm2.tie_word_embeddings), (100_000.0, true));
    assert_eq!(llama("mistral-7b-v0.1").sliding_window, Some(4096));
    assert_eq!(llama("olmo-1b").norm, LlamaNorm::WeightlessLayerNorm);
    assert_eq!((llama("olmo-1b").norm_eps, llama("olmo-1b").clip_qkv), (1e-5, None));
    let olmo2 = llama("olmo-2-0425-1b");
    assert!(olmo2.post_norm && olmo2.qk_norm && olmo2.norm == LlamaNorm::Rms);
    let pico = llama("pico-decoder-tiny");
    assert_eq!((pico.names, pico.rotary_pairs), (LlamaNames::Pico, RotaryPairs::Neighbors));
    assert_eq!(pico.num_key_value_heads, 4);
    let llama3 = RopeScaling::Llama3 {
        factor: 32.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8192,
    };
    assert_eq!(llama("llama-3.2-1b").rope_scaling, llama3);
    let Architecture::Gpt2(alias) = published("alias-gpt2-small") else { panic!("no GPT-2") };
    assert!(alias.scale_attn_by_inverse_layer_idx && alias.tie_word_embeddings);
    assert_eq!(alias.n_inner, 3072);
}

fn meta(name: &str, shape: &[usize]) -> TensorMeta {
    TensorMeta { name: name.to_owned(), dtype: Dtype::F32, shape: shape.to_vec() }
}

#[test]
fn the_tensors_of_pico_are_recognised_in_their_wrapper() {
    // As its modules are called: the names of one layer, and those outside layers.
    let (d, wide, rows) = (96, 384, 50_304);
    let layer: [(&str, &[usize]); 9] = [
        ("attention.q_proj", &[d, d]),
        ("attention.k_proj", &[32, d]),
        ("attention.v_proj", &[32, d]),
        ("attention.o_proj", &[d, d]),
        ("swiglu.w_0", &[wide, d]),
        ("swiglu.w_1", &[wide, d]),
        ("swiglu.w_2", &[d, wide]),
        ("attention_norm", &[d]),
        ("swiglu_norm", &[d]),
    ];
    let mut tensors = vec![
        meta("pico_decoder.embedding_proj.weight", &[rows, d]),
        meta("pico_decoder.output_norm.weight", &[d]),
        meta("pico_decoder.de_embedding_proj.weight", &[rows, d]),
    ];
    for number in 0..12 {
        let name = |module| format!("pico_decoder.layers.{number}.{module}.weight");
        tensors.extend(layer.map(|(module, shape)| meta(&name(module), shape)));
    }
    let pico = published("pico-decoder-tiny");
    let inventory = Inventory::new(&tensors, &pico);
    assert!(inventory.is_complete() && inventory.unknown.is_empty(), "{inventory}");
    assert_eq!(inventory.parameters(), 11_282_784);
    // Three heads of queries share one of keys and values.
    assert_eq!(pico.value_weight(0, 2).outputs, 0..8);
    assert_eq!(pico.value_weight(0, 3).outputs, 8..16);
    assert_eq!(pico.value_weight(0, 11).outputs, 24..32);
    assert_eq!(pico.output_weight(0, 11).inputs, 88..96);
}

#[test]
fn names_out_of_files_are_shown_on_one_line() {
    let architecture = published("gpt2");
    let long = "x".repeat(70_000);
    let strange = ["../x", "a\nb", "\0", "\u{202e}abc", "\u{1b}[31m", "", &long];
    let tensors = strange.map(|name| meta(name, &[]));
    let inventory = Inventory::new(&tensors, &architecture);
    assert_eq!(inventory.unknown, tensors);
    let text = inventory.to_string();
    assert!(text.contains(r"unknown: a\nb f32 []"), "{text}");
    assert!(!text.contains(['\0', '\u{202e}', '\u{1b}']), "{text:?}");
    assert!(
        text.len() < 3000 && text.lines().filter(|line| line.starts_with("unknown")).count() == 7
    );
}

#[test]
fn a_tied_output_embedding_may_be_in_the_file() {
    let architecture = published("smollm2-135m");
    let all = |list: Vec<(String, Vec<usize>)>| -> Vec<TensorMeta> {
        list.iter().map(|(name, shape)| meta(name, shape)).collect()
    };
    let mut tensors = all(architecture.parameters());
    assert!(Inventory::new(&tensors, &architecture).is_complete());
    tensors.push(meta("lm_head.weight", &[49_152, 576]));
    let inventory = Inventory::new(&tensors, &architecture);
    assert!(inventory.is_complete() && inventory.unknown.is_empty(), "{inventory}");
    tensors.last_mut().unwrap().shape[0] = 7;
    assert_eq!(Inventory::new(&tensors, &architecture).wrong_shape.len(), 1);

    // Of tensors that share memory, safetensors' `save_model` writes one: here under that name.
    tensors.last_mut().unwrap().shape[0] = 49_152;
    tensors.retain(|meta| meta.name != architecture.input_embedding());
    let inventory = Inventory::new(&tensors, &architecture);
    assert!(inventory.is_complete() && inventory.unknown.is_empty(), "{inventory}");
    assert_eq!(inventory.parameters(), 134_515_008);
    tensors.pop();
    let missing = Inventory::new(&tensors, &architecture).missing;
    assert_eq!(missing[0].0, architecture.input_embedding());
}
