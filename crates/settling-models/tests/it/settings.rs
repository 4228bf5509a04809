//! Descriptions that are refused, and two that are compared.

use settling_models::{Architecture, ErrorKind, Gpt2, GptNeox, Llama, RopeScaling};

fn llama() -> Llama {
    Llama {
        vocab_size: 32,
        hidden_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        head_dim: 4,
        intermediate_size: 64,
        max_position_embeddings: 8,
        ..Llama::default()
    }
}

#[test]
fn an_architecture_is_made_of_sizes_that_fit() {
    assert_eq!(Architecture::new(llama()).unwrap(), Architecture::Llama(llama()));
    assert!(Architecture::try_from(Llama { head_dim: 3, ..llama() }).is_err());
    for bad in [
        (Architecture::new(GptNeox::default()), Architecture::GptNeox(GptNeox::default())),
        (Architecture::new(Gpt2::default()), Architecture::Gpt2(Gpt2::default())),
        (
            Architecture::new(Llama { num_key_value_heads: 3, ..llama() }),
            Architecture::Llama(Llama { num_key_value_heads: 3, ..llama() }),
        ),
    ] {
        let (error, by_hand) = (bad.0.unwrap_err(), bad.1);
        assert_eq!(error.kind(), ErrorKind::Sizes);
        assert_eq!(by_hand.validate().unwrap_err(), error);
    }
}

#[test]
fn every_field_is_a_setting_and_a_change_of_one_is_seen() {
    let settings = |llama: Llama| Architecture::Llama(llama).settings();
    let before = settings(llama());
    // As many as `Debug` shows fields, and the family.
    let fields = format!("{:#?}", llama()).lines().count() - 2;
    assert_eq!(before.len(), fields + 1);
    let scaled = RopeScaling::Linear { factor: 2.0 };
    for (changed, name, values) in [
        (Llama { rope_theta: 500.0, ..llama() }, "rope_theta", ["10000", "500"]),
        (Llama { sliding_window: Some(4), ..llama() }, "sliding_window", ["none", "4"]),
        (Llama { mlp_bias: true, ..llama() }, "mlp_bias", ["false", "true"]),
        (
            Llama { rope_scaling: scaled, ..llama() },
            "rope_scaling",
            ["Default", "Linear { factor: 2.0 }"],
        ),
    ] {
        let after = settings(changed);
        let differing: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
        assert_eq!(differing.len(), 1, "{name}");
        let (before, after) = differing[0];
        assert_eq!((before.0, before.1.as_str(), after.1.as_str()), (name, values[0], values[1]));
    }
}
