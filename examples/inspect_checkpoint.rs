//! Shows what is in a checkpoint: the architecture, the weights that a study looks at, and whether
//! all tensors are as they should be.
//!
//! Needs: nothing of libtorch itself (the examples are one package, and its others do). Run: cargo
//! run --release --example inspect_checkpoint -- PATH Gives: settings, weights, and what is missing
//! or unknown. It fails if a weight is missing, has another shape or cannot be read.

#[macro_use]
#[path = "support/print.rs"]
mod print;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use settling::checkpoint::{Checkpoint, ErrorKind};
use settling::core::{Component, TensorSource};
use settling::models::Inventory;
use settling::models::{Architecture, CanonicalNames, WeightBlock};

/// Shows what is in a checkpoint.
#[derive(Parser)]
struct Args {
    /// Folder with config.json and weights, or one file of weights (its config.json is looked for
    /// beside it)
    path: PathBuf,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything is as it should be.
fn run(args: &Args) -> Result<bool, Box<dyn std::error::Error>> {
    let checkpoint = match args.path.is_dir() {
        true => Checkpoint::open(&args.path)?,
        false => Checkpoint::open_file(&args.path)?,
    };
    for file in checkpoint.files() {
        println!("file: {}", file.display());
    }
    let complete = match checkpoint.architecture() {
        Ok(architecture) => show_model(&checkpoint, &architecture),
        // Other tensors than those of a model have no config.json: activations, an optimizer's
        // state.
        Err(error) if error.kind() == ErrorKind::MissingFile => {
            println!("no config.json: tensors only");
            for meta in checkpoint.tensors() {
                println!("{:>6} {:?} {}", meta.dtype, meta.shape, meta.name.escape_debug());
            }
            true
        }
        Err(error) => return Err(error.into()),
    };
    for (name, dtype) in checkpoint.unread() {
        println!("cannot be read: {} {dtype}", name.escape_debug());
    }
    if checkpoint.other_values() > 0 {
        println!("values that are no tensors: {}", checkpoint.other_values());
    }
    Ok(complete)
}

fn show_model(checkpoint: &Checkpoint, architecture: &Architecture) -> bool {
    println!("{architecture:#?}");
    let source = CanonicalNames::new(checkpoint, architecture);
    let show = |layer: usize, role: &str, weight: &WeightBlock| {
        // What is not there is listed below.
        if let Some(meta) = source.tensors().iter().find(|meta| meta.name == weight.name) {
            let [rows, columns] = weight.stored_shape();
            let kind = if weight.transposed { "(inputs, outputs)" } else { "(outputs, inputs)" };
            let name = source.stored_name(&weight.name).escape_debug();
            println!(
                "layer {layer:>2} {role:<9} {:>4} {rows} x {columns} {kind} {name}",
                meta.dtype
            );
        }
    };
    for layer in 0..architecture.sizes().layers {
        show(layer, "value", &architecture.value_weight(layer, 0));
        for component in Component::ALL {
            show(layer, component.name(), &architecture.write_weight(layer, component));
        }
    }
    let inventory = Inventory::new(checkpoint.tensors(), architecture);
    print!("{inventory}");
    inventory.is_complete()
}
