//! What is in a checkpoint: its tensors, what model it is of, and one weight.
//!
//! Needs: a folder with config.json and weights in safetensors or PyTorch's .bin.
//! Run:   cargo run -p settling-checkpoint --example list_tensors -- FOLDER
//!        such as crates/settling-checkpoint/tests/models/neox
//! Gives: a line for each tensor, and the norm of what the first MLP writes with.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_checkpoint::Checkpoint;
use settling_core::{Component, TensorSource};
use settling_models::CanonicalNames;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder with a checkpoint")?;
    let checkpoint = Checkpoint::open(folder)?;
    // Only the heads of the files have been read.
    for meta in checkpoint.tensors() {
        println!("{:>5} {:?} {}", meta.dtype, meta.shape, meta.name);
    }

    // Names differ between families and wrappers; a block of a weight is found by what it is.
    let architecture = checkpoint.architecture()?;
    let source = CanonicalNames::new(&checkpoint, &architecture);
    let block = architecture.write_weight(0, Component::Mlp);
    let weight = block.cut(&source.read(&block.name)?)?;
    let norm = weight.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    println!("the MLP of layer 0 writes with {} {:?}, norm {norm:.4}", block.name, block.shape);
    Ok(())
}
