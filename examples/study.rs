//! Studies models: of a local suite, folders `<suite>/<model>/step<N>` with `config.json` and weights in safetensors or PyTorch's
//! `.bin`; or of the Hugging Face hub.
//!
//! Needs: libtorch (`cargo xtask libtorch` once).
//! Run:   cargo run --release --example study -- --suite DIR --models a,b --tokens rows.npy --out DIR
//!        cargo run --release --example study -- --hub --models EleutherAI/pythia-70m-deduped --steps paper --tokens rows.npy --out DIR
//!        (`last_batch` makes the rows)
//! Gives: records.csv, mcc.csv, settling.csv, summary.csv, manifest.json, the audit of every model's checkpoints, main.svg and main.png
//!        (of several protocols main-<protocol>.svg, .png), and report.html with every figure, in the output folder, and a short table.
//!        Run again, it computes only what is missing; a process that was ended, by Ctrl-C or otherwise, leaves whole steps.
//! Exits: 0, or 2 for wrong usage, 3 for bad input, 4 if the model cannot be run, 5 if results cannot be written or the network fails.

mod support;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use settling::capture::{Device, Precision};
use settling::checkpoint::{StepPattern, paper_steps};
use settling::core::{Positions, Step};
use settling::{Protocol, Shard};

/// Studies how the layers of models settle over training.
#[derive(Parser)]
struct Args {
    /// Folder with one folder a model, each with one folder `step<N>` a checkpoint
    #[arg(long, required_unless_present = "hub", conflicts_with = "hub")]
    suite: Option<PathBuf>,
    /// The models are repositories of the Hugging Face hub, such as EleutherAI/pythia-70m-deduped. HF_HOME, HF_TOKEN,
    /// HF_HUB_OFFLINE and their relatives mean what they mean to Python
    #[arg(long)]
    hub: bool,
    /// Remove weights that were downloaded when they have been studied
    #[arg(long, requires = "hub")]
    delete_after: bool,
    /// How the folders or revisions of the checkpoints are named: `checkpoint-{N}`, `step{N}-tokens{*}B`, ... [default: step{N}, or as
    /// a known suite of the hub names them]
    #[arg(long)]
    pattern: Option<StepPattern>,
    /// The models, separated by commas: names of folders of the suite, or repositories
    #[arg(long, value_delimiter = ',', required = true)]
    models: Vec<String>,
    /// Token rows: .npy, int32, int64 or uint16, T or T+1 tokens a row (the last of T+1 is a target only)
    #[arg(long)]
    tokens: PathBuf,
    /// Folder for the results; run again with it to resume
    #[arg(long)]
    out: PathBuf,
    /// Steps to study, separated by commas, or `paper` for its 27; the last step is always among them [default: all]
    #[arg(long, value_parser = steps)]
    steps: Option<Steps>,
    /// Compute the I-th of N shares of each model's steps only, as in 1/4, into the same folder as the others; when all are done, run
    /// without it for the tables. Each share needs the last checkpoint
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Steps that may have the same weights as another, separated by commas
    #[arg(long, value_delimiter = ',')]
    allow: Vec<Step>,
    /// How many token rows to use, under every protocol [default: as many as it says]
    #[arg(long)]
    sequences: Option<usize>,
    /// Token positions that are observations, under every protocol: last, all, every:K or index:I [default: those it says]
    #[arg(long)]
    positions: Option<Positions>,
    /// Show nothing but warnings and errors
    #[arg(long, short)]
    quiet: bool,
    /// Where the model runs: auto, cpu, cuda:N or mps
    #[arg(long, default_value = "auto")]
    device: Device,
    /// Its arithmetic: f32, f64, bf16 or f16
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// Sequences that run at once: bounds memory, changes no result beyond rounding [default: what suits the device]
    #[arg(long)]
    micro_batch: Option<usize>,
    /// GiB that the activations of the last checkpoint may take. If they take more, it runs again beside every other checkpoint:
    /// slower, and the same numbers
    #[arg(long, default_value_t = 4)]
    reference_memory: usize,
    /// The protocols, separated by commas, in one pass: corrected, published, both, or a file FILE.toml (docs/METHOD.md)
    #[arg(long, value_delimiter = ',', default_value = "corrected", value_parser = protocols)]
    protocol: Vec<Protocols>,
    /// Token rows in the order of training, for protocols that take gradients on them (published): .npy, or .bin with .idx
    #[arg(long, requires = "batch_size", conflicts_with = "training_data")]
    training_tokens: Option<PathBuf>,
    /// How many of these rows are a batch
    #[arg(long, requires = "training_tokens")]
    batch_size: Option<usize>,
    /// The same of Pythia from the hub, 1,024 rows a batch: EleutherAI/pile-deduped-pythia-preshuffled
    #[arg(long, requires = "hub")]
    training_data: Option<String>,
}

impl Args {
    fn protocols(&self) -> Vec<Protocol> {
        let mut protocols: Vec<Protocol> =
            self.protocol.iter().flat_map(|Protocols(some)| some.clone()).collect();
        for protocol in &mut protocols {
            let rows = &mut protocol.rows;
            rows.sequences = self.sequences.or(rows.sequences);
            rows.positions = self.positions.unwrap_or(rows.positions);
        }
        protocols
    }

    fn training(&self) -> Option<support::Training> {
        match (&self.training_tokens, &self.training_data) {
            (Some(rows), _) => Some(support::Training::File {
                rows: rows.clone(),
                batch_rows: self.batch_size.unwrap_or_default(),
            }),
            (None, Some(dataset)) => Some(support::Training::Hub { dataset: dataset.clone() }),
            (None, None) => None,
        }
    }
}

#[derive(Clone)]
struct Protocols(Vec<Protocol>);

fn protocols(name: &str) -> Result<Protocols, String> {
    if name == "both" {
        return Ok(Protocols(vec![Protocol::corrected(), Protocol::published()]));
    }
    let protocol = match Protocol::named(name) {
        Some(protocol) => protocol,
        None if name.ends_with(".toml") => {
            Protocol::read(name).map_err(|error| error.to_string())?
        }
        None => return Err("expected corrected, published, both, or a file FILE.toml".to_owned()),
    };
    Ok(Protocols(vec![protocol]))
}

#[derive(Clone)]
struct Steps(Vec<Step>);

fn steps(text: &str) -> Result<Steps, String> {
    if text == "paper" {
        return Ok(Steps(paper_steps()));
    }
    let steps =
        text.split(',').map(|step| step.parse().map_err(|error| format!("`{step}`: {error}")));
    steps.collect::<Result<_, _>>().map(Steps)
}

fn main() -> ExitCode {
    let args = Args::parse();
    let (protocols, training) = (args.protocols(), args.training());
    let place = match args.suite {
        Some(suite) => support::Place::Folder(suite),
        None => support::Place::Hub { delete_after: args.delete_after },
    };
    let plan = support::Plan {
        place,
        pattern: args.pattern,
        models: args.models,
        tokens: args.tokens,
        out: args.out,
        steps: args.steps.map(|steps| steps.0),
        quiet: args.quiet,
        shard: args.shard,
        allow: args.allow,
        device: args.device,
        precision: args.precision,
        micro_batch: args.micro_batch,
        reference_memory: args.reference_memory.saturating_mul(1 << 30),
        protocols,
        training,
    };
    match support::run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => support::fail(error.as_ref()),
    }
}
