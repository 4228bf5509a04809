//! Tensors held to an architecture, name by name and shape by shape.

use settling_core::{Dtype, TensorMeta};
use settling_models::{Architecture, GptNeox, Inventory};

fn architecture() -> Architecture {
    let neox = GptNeox {
        vocab_size: 8,
        hidden_size: 4,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 16,
        max_position_embeddings: 8,
        ..GptNeox::default()
    };
    Architecture::new(neox).unwrap()
}

fn tensors(architecture: &Architecture) -> Vec<TensorMeta> {
    let parameters = architecture.parameters().into_iter();
    parameters.map(|(name, shape)| TensorMeta { name, dtype: Dtype::F16, shape }).collect()
}

fn meta(name: &str, shape: &[usize]) -> TensorMeta {
    TensorMeta { name: name.to_owned(), dtype: Dtype::F16, shape: shape.to_vec() }
}

#[test]
fn a_whole_model_has_its_parameters_and_nothing_else() {
    let architecture = architecture();
    let tensors = tensors(&architecture);
    let inventory = Inventory::new(&tensors, &architecture);
    assert!(inventory.is_complete(), "{inventory}");
    assert_eq!(inventory.weights, tensors);
    assert!(inventory.buffers.is_empty() && inventory.unknown.is_empty(), "{inventory}");
    // Two embeddings of 32; in each of two layers 2 norms of 8, 48 + 12, 16 + 4, 64 + 16 and 64 +
    // 4; the last norm of 8.
    assert_eq!(inventory.parameters(), 2 * 32 + 2 * (16 + 60 + 20 + 80 + 68) + 8);
    assert_eq!(inventory.to_string(), "weights: 28, of 560 parameters\n");
}

#[test]
fn each_tensor_is_sorted_by_what_it_is() {
    let architecture = architecture();
    let mut tensors = tensors(&architecture);
    tensors.retain(|meta| meta.name != "gpt_neox.final_layer_norm.bias");
    let place = tensors.iter().position(|meta| meta.name.ends_with("1.attention.dense.weight"));
    tensors[place.unwrap()].shape = vec![4, 5];
    tensors.push(meta("gpt_neox.layers.0.attention.masked_bias", &[]));
    tensors.push(meta("gpt_neox.layers.0.attention.dense.lora_A.weight", &[2, 4]));
    tensors.push(meta("gpt_neox.layers.2.attention.dense.weight", &[4, 4]));
    let inventory = Inventory::new(&tensors, &architecture);
    assert!(!inventory.is_complete());
    assert_eq!(inventory.missing, [("gpt_neox.final_layer_norm.bias".to_owned(), vec![4])]);
    assert_eq!(inventory.wrong_shape.len(), 1);
    assert_eq!(inventory.wrong_shape[0].found.shape, [4, 5]);
    assert_eq!(inventory.wrong_shape[0].expected, [4, 4]);
    let names = |list: &[TensorMeta]| -> Vec<String> {
        list.iter().map(|meta| meta.name.clone()).collect()
    };
    assert_eq!(names(&inventory.buffers), ["gpt_neox.layers.0.attention.masked_bias"]);
    let unknown = [
        "gpt_neox.layers.0.attention.dense.lora_A.weight",
        "gpt_neox.layers.2.attention.dense.weight",
    ];
    assert_eq!(names(&inventory.unknown), unknown);
    let shown = inventory.to_string();
    for line in [
        "missing: gpt_neox.final_layer_norm.bias [4]",
        "wrong shape: gpt_neox.layers.1.attention.dense.weight [4, 5], expected [4, 4]",
        "buffer: gpt_neox.layers.0.attention.masked_bias f16 []",
        "unknown: gpt_neox.layers.2.attention.dense.weight f16 [4, 4]",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} in {shown}");
    }
}

#[test]
fn tensors_keep_their_names_in_the_file() {
    let architecture = architecture();
    let mut tensors = tensors(&architecture);
    for tensor in &mut tensors {
        tensor.name = format!("module.{}", tensor.name);
    }
    let inventory = Inventory::new(&tensors, &architecture);
    assert!(inventory.is_complete(), "{inventory}");
    assert_eq!(inventory.weights, tensors);
}
