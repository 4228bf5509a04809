//! Fetches a batch of Pythia's training data as a .npy file: of its 600 GB, the 4 MB that are
//! needed.
//!
//! Needs: the network, or HF_ENDPOINT; nothing of libtorch itself (the examples are one package,
//! and its others do). Run: cargo run --release --example last_batch -- --out rows.npy [--step
//! 142999] [--rows 128] Gives: an array of uint16, a row a sequence, 2,049 tokens a row: what
//! `study --tokens` takes.

#[macro_use]
#[path = "support/print.rs"]
mod print;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use settling::core::{Step, TokenBatch};
use settling::hub::{Hub, training_data};
use settling::tokens::write_npy;

/// Fetches a batch of Pythia's training data.
#[derive(Parser)]
struct Args {
    /// The data set: in the order of training, in shards
    #[arg(long, default_value = "EleutherAI/pile-deduped-pythia-preshuffled")]
    dataset: String,
    /// The batch, from 0; the checkpoint of step N has seen those before N. The last one that
    /// Pythia was trained on is the default
    #[arg(long, default_value = "142999")]
    step: Step,
    /// How many of its 1,024 rows, from the first on; the paper took 128
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u16).range(1..=1024))]
    rows: u16,
    /// The file
    #[arg(long)]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let tokens = training_data(&Hub::from_env()?, &args.dataset)?;
    let batch = tokens.batch(args.step, 1024)?;
    let (rows, width) = (usize::from(args.rows), batch.width());
    let batch = TokenBatch::new(batch.ids()[..rows * width].to_vec(), width)?;
    write_npy(&args.out, &batch)?;
    println!(
        "batch {} of {}: {rows} rows of {width} tokens in {}",
        args.step,
        args.dataset,
        args.out.display()
    );
    Ok(())
}
