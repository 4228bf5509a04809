//! The checkpoints of a model on the Hugging Face hub, and a few bytes of one.
//!
//! Needs: the network, or HF_ENDPOINT.
//! Run:   cargo run -p settling-hub --example list_steps -- EleutherAI/pythia-70m-deduped
//! Gives: the steps, how large they are, and what a checkpoint has: no weights are downloaded.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_core::{CheckpointSeries, TensorSource};
use settling_hub::{Hub, HubSeries, Suite};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let id = std::env::args().nth(1).ok_or("expected OWNER/NAME of a model")?;
    if let Some(suite) = Suite::for_model(&id) {
        println!("of the suite {}, with {}", suite.name, suite.models.join(", "));
    }
    // HF_HOME, HF_TOKEN, HF_HUB_OFFLINE and their relatives mean what they mean to Python.
    let series = HubSeries::open(&Hub::from_env()?, &id)?;
    let steps = series.steps()?;
    println!("{} steps, {:.1} GB of weights", steps.len(), series.size() as f64 / 1e9);

    // By ranges of bytes: the head of the file is some kilobytes.
    let last = *steps.last().ok_or("a series has a step")?;
    let checkpoint = series.open_remote(last)?;
    println!("step {last} has {} tensors:", checkpoint.tensors().len());
    for meta in checkpoint.tensors().iter().take(5) {
        println!("{:>5} {:?} {}", meta.dtype, meta.shape, meta.name);
    }
    Ok(())
}
