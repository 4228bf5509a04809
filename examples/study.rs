//! Studies models of a local suite: folders `<suite>/<model>/step<N>` with `config.json` and weights in safetensors or PyTorch's
//! `.bin`.
//!
//! Needs: libtorch (`cargo xtask libtorch` once).
//! Run:   cargo run --release --example study -- --suite DIR --models a,b --tokens rows.npy --out DIR
//! Gives: records.csv, mcc.csv, manifest.json, main.svg and main.png in the output folder, and a short table. Run again, it
//!        computes only what is missing.

mod support;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use settling::Protocol;
use settling::capture::Device;
use settling::checkpoint::StepPattern;
use settling::core::{Positions, Step};

/// Studies how the layers of the models of a local suite settle over training.
#[derive(Parser)]
struct Args {
    /// Folder with one folder a model, each with one folder `step<N>` a checkpoint
    #[arg(long)]
    suite: PathBuf,
    /// How the folders of the checkpoints are named: `step{N}`, `checkpoint-{N}`, `step{N}-tokens{*}B`, ...
    #[arg(long, default_value = "step{N}")]
    pattern: StepPattern,
    /// The models: names of folders of the suite, separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    models: Vec<String>,
    /// Token rows: .npy, int32, int64 or uint16, T or T+1 tokens a row (the last of T+1 is a target only)
    #[arg(long)]
    tokens: PathBuf,
    /// Folder for the results; run again with it to resume
    #[arg(long)]
    out: PathBuf,
    /// Steps to study, separated by commas; the last step of the series is always among them [default: all]
    #[arg(long, value_delimiter = ',')]
    steps: Option<Vec<Step>>,
    /// How many token rows to use [default: all]
    #[arg(long)]
    sequences: Option<usize>,
    /// Token positions that are observations: last, all, every:K or index:I
    #[arg(long, default_value = "last")]
    positions: Positions,
    /// Where the model runs: auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: Device,
    /// Sequences that run at once: bounds memory, changes no result
    #[arg(long, default_value_t = 8)]
    micro_batch: usize,
    /// The protocol
    #[arg(long, default_value = "corrected", value_parser = protocol)]
    protocol: Protocol,
}

fn protocol(name: &str) -> Result<Protocol, String> {
    Protocol::named(name).ok_or_else(|| "expected `corrected`".to_owned())
}

fn main() -> ExitCode {
    let args = Args::parse();
    let plan = support::Plan {
        suite: args.suite,
        pattern: args.pattern,
        models: args.models,
        tokens: args.tokens,
        out: args.out,
        steps: args.steps,
        sequences: args.sequences,
        positions: args.positions,
        device: args.device,
        micro_batch: args.micro_batch,
        protocol: args.protocol,
    };
    match support::run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => support::fail(error.as_ref()),
    }
}
