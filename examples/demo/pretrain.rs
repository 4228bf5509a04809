//! Trains the models of the demo as Pythia's were, in small, and saves their checkpoints as Hugging
//! Face would.

use std::fs;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use settling::capture::Device;
use settling::core::{BoxError, Step, TokenBatch};
use settling::models::GptNeox;
use settling::tokens::{Tokenizer, write_npy};
use settling_testkit::{AdamW, Document, Trainer, gpt_neox_json, train_tokenizer};

/// One model of the suite.
pub(super) struct Size {
    pub(super) name: &'static str,
    hidden_size: usize,
    learning_rate: f64,
}

pub(super) const SIZES: [Size; 2] = [
    Size { name: "neox-0.6m", hidden_size: 64, learning_rate: 4e-3 },
    Size { name: "neox-1.7m", hidden_size: 128, learning_rate: 2e-3 },
];

/// How long and on how much.
pub(super) struct Recipe {
    pub(super) corpus_bytes: usize,
    steps: u64,
    /// Checkpoints at 0, 1, 2, 4, ... up to 512, and then at every multiple of this.
    every: u64,
}

pub(super) const FULL: Recipe = Recipe { corpus_bytes: 6 << 20, steps: 1000, every: 100 };
pub(super) const QUICK: Recipe = Recipe { corpus_bytes: 1 << 20, steps: 40, every: 10 };

pub(super) const BATCH_ROWS: usize = 16;
pub(super) const LAST_BATCH: &str = "last_batch.npy";
/// Every row in the order of training, `BATCH_ROWS` per step.
const TRAINING: &str = "training.npy";
const CONTEXT: usize = 64;
const VOCABULARY: usize = 2048;
pub(super) const SEED: u64 = 1234;

/// Every batch of the training, in order, each of rows of `CONTEXT + 1` tokens.
pub(super) struct Batches(Vec<TokenBatch>);

/// Trains the tokenizer, tokenises and shuffles the text, and stores tokenizer, training rows and
/// last batch in the suite's folder.
pub(super) fn prepare(
    text: &[Document],
    recipe: &Recipe,
    suite: &Path,
) -> Result<Batches, BoxError> {
    let texts: Vec<&str> = text.iter().map(|document| document.text.as_str()).collect();
    let json = train_tokenizer(&texts, VOCABULARY)?;
    let tokenizer = Tokenizer::from_json(&json)?;
    let rows = tokenizer.pack(&texts, CONTEXT + 1)?;
    let needed = recipe.steps as usize * BATCH_ROWS;
    if rows.rows() < needed {
        return Err(format!("the text gives {} rows; {needed} are needed", rows.rows()).into());
    }
    // Neighbouring rows are of one file; a batch should not be.
    let mut order: Vec<usize> = (0..rows.rows()).collect();
    let mut random = SplitMix64(SEED);
    for end in (1..order.len()).rev() {
        order.swap(end, random.below(end as u64 + 1) as usize);
    }
    let batches = order[..needed].chunks_exact(BATCH_ROWS).map(|chosen| {
        let ids = chosen.iter().flat_map(|&row| rows.row(row).to_vec()).collect();
        TokenBatch::new(ids, CONTEXT + 1)
    });
    let batches = batches.collect::<Result<Vec<_>, _>>()?;
    fs::write(suite.join("tokenizer.json"), json)?;
    let all: Vec<u32> = batches.iter().flat_map(|batch| batch.ids().to_vec()).collect();
    write_npy(suite.join(TRAINING), &TokenBatch::new(all, CONTEXT + 1)?)?;
    write_npy(suite.join(LAST_BATCH), batches.last().ok_or("a training needs at least one step")?)?;
    Ok(Batches(batches))
}

/// Trains one model and saves its checkpoints, unless an earlier run has finished it.
pub(super) fn train(
    size: &Size,
    recipe: &Recipe,
    batches: &Batches,
    suite: &Path,
    device: Device,
) -> Result<(), BoxError> {
    let config = GptNeox {
        vocab_size: VOCABULARY,
        hidden_size: size.hidden_size,
        num_hidden_layers: 6,
        num_attention_heads: 4,
        intermediate_size: 4 * size.hidden_size,
        max_position_embeddings: CONTEXT,
        ..GptNeox::default()
    };
    let folder = suite.join(size.name);
    let finished = folder.join("finished.json");
    let circumstances = serde_json::json!({
        "steps": recipe.steps, "every": recipe.every, "learning_rate": size.learning_rate, "seed": SEED,
        "context": CONTEXT, "batch_rows": BATCH_ROWS, "corpus_bytes": recipe.corpus_bytes,
        "config": gpt_neox_json(&config),
    })
    .to_string();
    if fs::read_to_string(&finished).is_ok_and(|found| found == circumstances) {
        println!("trained   {} (before)", size.name);
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }

    let device = match device {
        Device::Cuda(index) => tch::Device::Cuda(index),
        Device::Mps => tch::Device::Mps,
        _ => tch::Device::Cpu,
    };
    let schedule = AdamW::pythia(size.learning_rate, recipe.steps);
    let mut trainer = Trainer::new(&config, schedule, SEED, device);
    let style = ProgressStyle::with_template("training {bar:32} {pos}/{len}  {eta} left  {msg}")?;
    let bar = ProgressBar::new(recipe.steps).with_style(style);
    save(&trainer, &folder)?;
    let mut losses = Vec::new();
    for batch in &batches.0 {
        losses.push(trainer.step(batch)?);
        let Step(done) = trainer.steps_done();
        if (done.is_power_of_two() && done <= 512)
            || done % recipe.every == 0
            || done == recipe.steps
        {
            save(&trainer, &folder)?;
        }
        bar.set_message(format!("{} loss {:.3}", size.name, losses[losses.len() - 1]));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let tail = &losses[losses.len().saturating_sub(20)..];
    let loss = tail.iter().sum::<f64>() / tail.len() as f64;
    println!(
        "trained   {}: {} steps, loss {:.2} -> {loss:.2} nats per token",
        size.name, recipe.steps, losses[0]
    );
    fs::write(finished, circumstances)?;
    Ok(())
}

fn save(trainer: &Trainer, folder: &Path) -> Result<(), BoxError> {
    trainer.save(&folder.join(format!("step{}", trainer.steps_done())))
}

/// Steele, Lea and Flood 2014: a small generator whose numbers are the same on every machine.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, by multiplication: for our few rows the bias is below 2^-40.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}
