//! A model that trains in no time, and token rows for it.

use std::path::Path;

use settling_core::TokenBatch;
use settling_models::GptNeox;

use crate::{AdamW, Trainer};

/// The steps at which [`train_tiny`] saves the model.
pub const TINY_STEPS: [u64; 4] = [0, 1, 4, 12];

/// Two layers of width 16, with a context of 12 tokens.
#[must_use]
pub fn tiny_config() -> GptNeox {
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

/// Ten rows of 13 tokens.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "the rows are whole")]
pub fn tiny_batch(seed: u32) -> TokenBatch {
    let ids = (0..13 * 10)
        .map(|index: u32| index.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 7)
        .map(|id| id % 96);
    TokenBatch::new(ids.collect(), 13).expect("whole rows")
}

/// Trains the model on the CPU, and saves it as `step<N>` in `folder` at each of [`TINY_STEPS`].
///
/// # Panics
///
/// If a file cannot be written.
pub fn train_tiny(folder: &Path) {
    tch::set_num_threads(1);
    let mut trainer = Trainer::new(&tiny_config(), AdamW::pythia(1e-2, 12), 3, tch::Device::Cpu);
    for step in 0..=12 {
        if TINY_STEPS.contains(&step) {
            trainer.save(&folder.join(format!("step{step}"))).expect("a folder to write to");
        }
        trainer.step(&tiny_batch(step as u32)).expect("a loss");
    }
}
