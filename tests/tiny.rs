//! A model that trains in no time, and token rows for it.

use std::fs;
use std::path::Path;

use settling::capture::{AdamW, Device, Trainer};
use settling::checkpoint::{gpt_neox_json, write_safetensors};
use settling::core::{GptNeox, TensorData, TensorSource, TokenBatch};

/// The steps at which it is saved.
pub(crate) const STEPS: [u64; 4] = [0, 1, 4, 12];

pub(crate) fn config() -> GptNeox {
    GptNeox {
        vocab_size: 96,
        hidden_size: 16,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 64,
        max_position_embeddings: 12,
        ..GptNeox::default()
    }
}

pub(crate) fn batch(seed: u32) -> TokenBatch {
    let ids = (0..13 * 10)
        .map(|index: u32| index.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 7)
        .map(|id| id % 96);
    TokenBatch::new(ids.collect(), 13).unwrap()
}

/// Trains it, and saves it as `step<N>` in `folder` at each of [`STEPS`].
pub(crate) fn train(folder: &Path) {
    settling::capture::set_threads(1);
    let mut trainer = Trainer::new(&config(), AdamW::pythia(1e-2, 12), 3, Device::Cpu).unwrap();
    for step in 0..=12 {
        if STEPS.contains(&step) {
            save(&trainer, &folder.join(format!("step{step}")));
        }
        trainer.step(&batch(step as u32)).unwrap();
    }
}

/// Saves the model as transformers would.
fn save(source: &Trainer, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config.json"), gpt_neox_json(&config())).unwrap();
    let tensors: Vec<(String, TensorData<'_>)> = source
        .tensors()
        .iter()
        .map(|meta| (meta.name.clone(), source.read(&meta.name).unwrap()))
        .collect();
    write_safetensors(folder.join("model.safetensors"), &tensors).unwrap();
}
