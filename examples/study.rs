//! Studies models: of a suite on the Hugging Face hub, of any repositories there, or of a local
//! suite, folders `<suite>/<model>/step<N>` with `config.json` and weights in safetensors or
//! PyTorch's `.bin`.
//!
//! Needs: libtorch (`cargo xtask libtorch` once). Run: cargo run --release --example study --
//! --suite pythia-deduped --models 70m,160m,410m,1.4b,2.8b --steps paper \ --protocol both
//! --delete-after --out DIR (the paper's study; with --plan it says what that takes) cargo run
//! --release --example study -- --hub --models OWNER/NAME --tokens rows.npy --out DIR cargo run
//! --release --example study -- --suite FOLDER --models a,b --tokens rows.npy --out DIR Gives:
//! first what it will fetch, compute and write, and how long that takes; then records.csv, mcc.csv,
//! settling.csv, summary.csv, manifest.json, the audit of every model's checkpoints, main.svg and
//! main.png (of several protocols main-<protocol>.svg, .png), and report.html with every figure, in
//! the output folder, and a short table. Run again, it computes only what is missing; a process
//! that was ended, by Ctrl-C or otherwise, leaves whole steps. Exits: 0, or 2 for wrong usage, 3
//! for bad input, 4 if the model cannot be run, 5 if results cannot be written or the network
//! fails.

#[macro_use]
#[path = "support/print.rs"]
mod print;
mod support;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use settling::capture::{Device, Precision};
use settling::checkpoint::{StepPattern, paper_steps};
use settling::core::{Positions, Step};
use settling::hub::Suite;
use settling::{GradientBatches, Protocol, Shard};

/// Studies how the layers of models settle over training.
#[derive(Parser)]
struct Args {
    /// A suite of the hub that is known by its name, such as pythia-deduped, whose models the paper
    /// studied; or a folder with one folder a model, each with one folder `step<N>` a checkpoint.
    /// (A folder that is called as a suite is: ./pythia)
    #[arg(long, required_unless_present = "hub", conflicts_with = "hub")]
    suite: Option<String>,
    /// The models are repositories of the Hugging Face hub, such as EleutherAI/pythia-70m-deduped.
    /// HF_HOME, HF_TOKEN, HF_HUB_OFFLINE and their relatives mean what they mean to Python
    #[arg(long)]
    hub: bool,
    /// Remove weights that were downloaded when they have been studied
    #[arg(long)]
    delete_after: bool,
    /// Say what would be fetched, computed and written, and how long it takes, and stop
    #[arg(long)]
    plan: bool,
    /// How the folders or revisions of the checkpoints are named: `checkpoint-{N}`,
    /// `step{N}-tokens{*}B`, ... [default: step{N}, or as a known suite of the hub names them]
    #[arg(long)]
    pattern: Option<StepPattern>,
    /// The models, separated by commas: names of folders of the suite, repositories, or of a known
    /// suite what tells them apart (70m)
    #[arg(long, value_delimiter = ',', required = true)]
    models: Vec<String>,
    /// Token rows: .npy, int32, int64 or uint16, T or T+1 tokens a row (the last of T+1 is a target
    /// only) [default: of Pythia, the first 128 of the last batch it was trained on, as the paper
    /// took them]
    #[arg(long)]
    tokens: Option<PathBuf>,
    /// Folder for the results; run again with it to resume
    #[arg(long)]
    out: PathBuf,
    /// Steps to study, separated by commas, or `paper` for its 27; the last step is always among
    /// them [default: all]
    #[arg(long, value_parser = steps)]
    steps: Option<Steps>,
    /// Compute the I-th of N shares of each model's steps only, as in 1/4, into the same folder as
    /// the others; when all are done, run without it, or with --merge, for the tables. Each share
    /// needs the last checkpoint
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Compute nothing: write the tables of what shards have computed, or fail if something is
    /// missing
    #[arg(long, conflicts_with = "shard")]
    merge: bool,
    /// Steps that may have the same weights as another, separated by commas
    #[arg(long, value_delimiter = ',')]
    allow: Vec<Step>,
    /// How many token rows to use, under every protocol [default: as many as it says]
    #[arg(long)]
    sequences: Option<usize>,
    /// Token positions that are observations, under every protocol: last, all, every:K or index:I
    /// [default: those it says]
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
    /// Sequences that run at once: bounds memory, changes no result beyond rounding [default: what
    /// suits the device]
    #[arg(long)]
    micro_batch: Option<usize>,
    /// GiB that the activations of the last checkpoint may take. If they take more, it runs again
    /// beside every other checkpoint: slower, and the same numbers
    #[arg(long, default_value_t = 4)]
    reference_memory: usize,
    /// The protocols, separated by commas, in one pass: corrected, published, both, or a file
    /// FILE.toml (docs/METHOD.md)
    #[arg(long, value_delimiter = ',', default_value = "corrected", value_parser = protocols)]
    protocol: Vec<Protocols>,
    /// Token rows in the order of training, for protocols that take gradients on them (published):
    /// .npy, or .bin with .idx
    #[arg(long, requires = "batch_size", conflicts_with = "training_data")]
    training_tokens: Option<PathBuf>,
    /// How many of these rows are a batch
    #[arg(long, requires = "training_tokens")]
    batch_size: Option<usize>,
    /// The same of Pythia from the hub, 1,024 rows a batch, such as
    /// EleutherAI/pile-deduped-pythia-preshuffled [default: that of the suite]
    #[arg(long)]
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

    /// The suite of the hub that is meant, if one is.
    fn known_suite(&self) -> Option<&'static Suite> {
        self.suite.as_deref().and_then(Suite::named)
    }

    /// What the models were trained on, of a suite that is known by its name.
    fn training_data(&self) -> Option<String> {
        let of_suite = || self.known_suite()?.training_data.clone();
        self.training_data.clone().or_else(of_suite)
    }

    fn training(&self) -> Option<support::Training> {
        if let Some(rows) = &self.training_tokens {
            let (rows, batch_rows) = (rows.clone(), self.batch_size.unwrap_or_default());
            return Some(support::Training::File { rows, batch_rows });
        }
        // Looked up only if it is needed.
        let takes = |protocol: &Protocol| protocol.gradients.batches != GradientBatches::Evaluation;
        let needed = self.training_data.is_some() || self.protocols().iter().any(takes);
        let dataset = self.training_data().filter(|_| needed)?;
        Some(support::Training::Hub { dataset })
    }

    fn place(&self) -> Result<support::Place, support::Failure> {
        let place = match (&self.suite, self.known_suite()) {
            (Some(folder), None) => support::Place::Folder(folder.into()),
            _ => support::Place::Hub { delete_after: self.delete_after },
        };
        let on_hub = self.delete_after || self.training_data.is_some();
        if on_hub && matches!(place, support::Place::Folder(_)) {
            let known = Suite::all().iter().map(|suite| suite.name.as_str());
            return Err(support::Failure::usage(format!(
                "--delete-after and --training-data are for suites of the hub, and `{}` is none of them ({}): expected such a \
                 name, or --hub",
                self.suite.as_deref().unwrap_or_default(),
                known.collect::<Vec<_>>().join(", ")
            )));
        }
        Ok(place)
    }

    /// The models by the names of their folders or repositories.
    fn models(&self) -> Result<Vec<String>, support::Failure> {
        let Some(suite) = self.known_suite() else { return Ok(self.models.clone()) };
        let model = |name: &String| {
            let found = suite.model(name).map(str::to_owned);
            found.ok_or_else(|| {
                support::Failure::usage(format!(
                    "no model of {} is told by `{name}`; it has {}",
                    suite.name,
                    suite.models.join(", ")
                ))
            })
        };
        self.models.iter().map(model).collect()
    }

    fn tokens(&self) -> Result<support::Tokens, support::Failure> {
        match (&self.tokens, self.training_data()) {
            (Some(file), _) => Ok(support::Tokens::File(file.clone())),
            (None, Some(dataset)) => Ok(support::Tokens::LastBatch { dataset }),
            (None, None) => Err(support::Failure::usage(
                "--tokens is missing: only of Pythia (--suite pythia-deduped, or --training-data) is it known what the models \
                 were trained on"
                    .to_owned(),
            )),
        }
    }

    fn plan(self) -> Result<support::Plan, support::Failure> {
        let (place, models, tokens) = (self.place()?, self.models()?, self.tokens()?);
        let (protocols, training) = (self.protocols(), self.training());
        Ok(support::Plan {
            place,
            pattern: self.pattern,
            models,
            tokens,
            out: self.out,
            steps: self.steps.map(|steps| steps.0),
            quiet: self.quiet,
            only_plan: self.plan,
            shard: if self.merge { Some(Shard::NONE) } else { self.shard },
            allow: self.allow,
            device: self.device,
            precision: self.precision,
            micro_batch: self.micro_batch,
            reference_memory: self.reference_memory.saturating_mul(1 << 30),
            protocols,
            training,
        })
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
    let done = Args::parse().plan().map_err(Into::into).and_then(|plan| support::run(&plan));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => support::fail(error.as_ref()),
    }
}
