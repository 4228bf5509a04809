//! What a config.json says of a model: its sizes, its sites, and where their weights are.
//!
//! Needs: nothing, or a config.json of GPT-NeoX, Llama and its relatives, or GPT-2.
//! Run:   cargo run -p settling-models --example read_config [-- config.json]
//! Gives: the sizes, and a line for each weight that writes to the residual stream.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_core::Component;
use settling_models::parse_config;

const PYTHIA: &str = r#"{
    "model_type": "gpt_neox", "hidden_act": "gelu", "vocab_size": 50304, "hidden_size": 512,
    "num_hidden_layers": 6, "num_attention_heads": 8, "intermediate_size": 2048,
    "max_position_embeddings": 2048, "rotary_pct": 0.25, "rotary_emb_base": 10000,
    "layer_norm_eps": 1e-5, "use_parallel_residual": true, "tie_word_embeddings": false
}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => PYTHIA.to_owned(),
    };
    let architecture = parse_config(&text)?;
    let sizes = architecture.sizes();
    println!(
        "{} layers of width {}, {} heads of {}",
        sizes.layers, sizes.width, sizes.heads, sizes.head_dim
    );

    let parameters = architecture.parameters();
    let count: usize = parameters.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    println!("{count} parameters in {} tensors", parameters.len());
    for layer in 0..sizes.layers {
        for component in Component::ALL {
            let block = architecture.write_weight(layer, component);
            println!("layer {layer} {component}: {} {:?}", block.name, block.shape);
        }
    }
    Ok(())
}
