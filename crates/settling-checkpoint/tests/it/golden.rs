//! Checkpoints that Hugging Face transformers wrote: tests/golden/make.py.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use settling_checkpoint::Checkpoint;
use settling_core::{Dtype, TensorSource};
use settling_models::{Architecture, GptNeox};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn config() -> GptNeox {
    GptNeox {
        vocab_size: 24,
        hidden_size: 8,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 16,
        max_position_embeddings: 6,
        rotary_pct: 0.5,
        rotary_emb_base: 20_000.0,
        use_parallel_residual: false,
        ..GptNeox::default()
    }
}

#[test]
fn values_are_those_of_pytorch_in_every_type() {
    let expected: BTreeMap<String, BTreeMap<String, Vec<f32>>> =
        serde_json::from_str(&std::fs::read_to_string(folder("expected.json")).unwrap()).unwrap();
    for (name, dtype) in
        [("f32", Dtype::F32), ("f16", Dtype::F16), ("bf16", Dtype::Bf16), ("sharded", Dtype::F32)]
    {
        let checkpoint = Checkpoint::open(folder(name)).unwrap();
        let values = &expected[if name == "sharded" { "f32" } else { name }];
        assert!(values.len() >= 10);
        for (tensor, first) in values {
            let data = checkpoint.read(tensor).unwrap();
            assert_eq!(data.dtype(), dtype);
            assert_eq!(data.to_f32().unwrap()[..3], first[..], "{name} {tensor}");
        }
    }
    assert!(Checkpoint::open(folder("sharded")).unwrap().files().count() > 1);
}

#[test]
fn every_weight_of_the_architecture_is_there_in_its_shape() {
    for name in ["f32", "f16", "bf16", "sharded"] {
        let checkpoint = Checkpoint::open(folder(name)).unwrap();
        assert_eq!(checkpoint.architecture().unwrap(), Architecture::GptNeox(config()));
        let mut listed: Vec<_> = checkpoint
            .tensors()
            .iter()
            .map(|meta| (meta.name.clone(), meta.shape.clone()))
            .collect();
        let mut expected = config().parameters();
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected, "{name}");
    }
}
