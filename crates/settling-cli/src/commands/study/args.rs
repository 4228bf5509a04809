//! The command line of a study.

use std::path::PathBuf;

use settling::checkpoint::{StepPattern, paper_steps};
use settling::core::{Positions, Step};
use settling::{GradientBatches, Protocol, Shard};

use super::request::{Place, Request, Training};
use crate::allow::{self, Allow};
use crate::engine::EngineArgs;
use crate::exit::Failure;
use crate::part::PartArgs;
use crate::unique::unique;

const HELP: &str = "\
Needs: checkpoints: of a suite that is known by its name, of any repositories of the Hugging Face
       hub (--hub), or in folders <suite>/<model>/step<N> with config.json and weights in
       safetensors or PyTorch's .bin; and token rows.
Gives: first what it will fetch, compute and write, and how long that takes (--plan stops there);
       then, in the output folder, records.csv and .parquet, mcc.csv, settling.csv, summary.csv,
       manifest.json, the audit of every model's checkpoints, main.svg and main.png (of several
       protocols main-<protocol>.svg and .png), and report.html with every figure; and a short
       table. Run again, it computes only what is missing; a process that was ended, by Ctrl-C or
       otherwise, leaves whole steps.

  The paper's study:
    settling study --suite pythia-deduped --models 70m,160m,410m,1.4b,2.8b --steps paper \\
      --protocol both --delete-after --out DIR
  Any model of the hub:
    settling study --hub --models OWNER/NAME --tokens rows.npy --out DIR
  Checkpoints in folders:
    settling study --suite FOLDER --models a,b --tokens rows.npy --out DIR
  A quarter of it, beside three other processes on the same folder; then once with --merge:
    settling study --suite FOLDER --models a,b --tokens rows.npy --out DIR --shard 1/4

Before anything is computed the checkpoints are audited, as by `settling audit --hashes-only`; with
--hub, by their hashes and configurations, and each when it is fetched. A finding that is suspect or
broken ends the study, unless --allow names it; what was found is in the manifest, the report and the
last lines.

Exits: 0, or 2 for wrong usage, 3 for bad input or such a finding, 4 if a model cannot be
       run, 5 if results cannot be written or the network fails.";

/// Studies how the layers of models settle over training.
#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Args {
    /// A suite of the hub that is known by its name, such as pythia-deduped, whose models the paper
    /// studied; or a folder with one folder per model, each with one folder `step<N>` per
    /// checkpoint. (A folder that has the name of a suite: ./pythia)
    #[arg(long, required_unless_present = "hub", conflicts_with = "hub")]
    pub(super) suite: Option<String>,
    /// The models are repositories of the Hugging Face hub, such as EleutherAI/pythia-70m-deduped.
    /// HF_HOME, HF_TOKEN, HF_HUB_OFFLINE and their relatives mean what they mean to Python
    #[arg(long)]
    hub: bool,
    /// Remove weights that were downloaded when they have been studied
    #[arg(long)]
    pub(super) delete_after: bool,
    /// Say what would be fetched, computed and written, and how long it takes, and stop
    #[arg(long)]
    plan: bool,
    /// How the folders or revisions of the checkpoints are named: `checkpoint-{N}`,
    /// `step{N}-tokens{*}B`, ... [default: step{N}, or as a known suite of the hub names them]
    #[arg(long)]
    pattern: Option<StepPattern>,
    #[command(flatten)]
    part: PartArgs,
    /// The models, separated by commas: names of folders of the suite, repositories, or of a known
    /// suite what tells them apart (70m)
    #[arg(long, value_delimiter = ',', required = true)]
    pub(super) models: Vec<String>,
    /// Token rows: .npy of any integers, T or T+1 tokens per row (the last of T+1 is a
    /// target only) [default: of Pythia, the first 128 of the last batch it was trained on, as the
    /// paper took them]
    #[arg(long)]
    pub(super) tokens: Option<PathBuf>,
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
    /// What the audit may find, separated by commas: names of findings, as they stand in brackets
    /// at their ends (unknown-tensors, zero-weights, changed-settings, ...), or steps that may have
    /// the same weights as another. What it finds besides, and is no note, ends the study before it
    /// begins
    #[arg(long, value_delimiter = ',')]
    allow: Vec<Allow>,
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
    #[command(flatten)]
    engine: EngineArgs,
    /// GiB that the activations of the last checkpoint may take. If they take more, it runs again
    /// beside every other checkpoint: slower, with the same numbers
    #[arg(long, default_value_t = 4)]
    reference_memory: usize,
    /// The protocols, separated by commas, in one pass: corrected, published, both, or a file
    /// FILE.toml
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
    pub(super) training_data: Option<String>,
}

impl Args {
    /// The protocols, with the rows that the command line asks for.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        let mut protocols: Vec<Protocol> =
            self.protocol.iter().flat_map(|some| some.protocols.clone()).collect();
        for protocol in &mut protocols {
            let rows = &mut protocol.rows;
            rows.sequences = self.sequences.or(rows.sequences);
            rows.positions = self.positions.unwrap_or(rows.positions);
        }
        protocols
    }

    /// The batches of the training, where the command line names a file of them.
    pub(super) fn training_file(&self) -> Option<Training> {
        let rows = self.training_tokens.clone()?;
        Some(Training::File { rows, batch_rows: self.batch_size.unwrap_or_default() })
    }

    pub(super) fn request(self) -> Result<Request, Failure> {
        let (place, models, tokens) = (self.place()?, self.models()?, self.tokens()?);
        let (protocols, training) = (self.protocols(), self.training());
        let takes =
            |protocol: &&Protocol| protocol.gradients.batches != GradientBatches::Evaluation;
        if let Some(protocol) = protocols.iter().find(takes).filter(|_| training.is_none()) {
            return Err(Failure::usage(format!(
                "protocol `{0}` takes gradients on batches of the training: name them with --training-tokens and --batch-size, \
                 or of Pythia with --training-data; or take gradients on the evaluation rows, with --protocol FILE.toml, in it \
                 base = '{0}' and gradients.batches = 'evaluation'",
                protocol.name
            )));
        }
        if self.part.part.is_some() && !matches!(place, Place::Folder(_)) {
            return Err(Failure::usage("--part is for checkpoints in folders"));
        }
        let names: Vec<&str> = protocols.iter().map(|protocol| protocol.name.as_str()).collect();
        unique("--protocol", &names)?;
        if let Some(Steps(steps)) = &self.steps {
            unique("--steps", steps)?;
        }
        let files = self.protocol.iter().filter_map(|protocols| protocols.file.clone()).collect();
        Ok(Request {
            place,
            pattern: self.pattern,
            part: self.part,
            models,
            tokens,
            out: self.out,
            steps: self.steps.map(|steps| steps.0),
            quiet: self.quiet,
            only_plan: self.plan,
            shard: if self.merge { Shard::Merge } else { self.shard.unwrap_or_default() },
            audit: allow::audit(&self.allow)?,
            protocol_files: files,
            engine: self.engine.engine(),
            reference_memory: self.reference_memory.saturating_mul(1 << 30),
            protocols,
            training,
        })
    }
}

#[derive(Clone)]
struct Protocols {
    protocols: Vec<Protocol>,
    /// Where they were read.
    file: Option<PathBuf>,
}

fn protocols(name: &str) -> Result<Protocols, String> {
    if name == "both" {
        let protocols = vec![Protocol::corrected(), Protocol::published()];
        return Ok(Protocols { protocols, file: None });
    }
    let (protocol, file) = match Protocol::named(name) {
        Some(protocol) => (protocol, None),
        None if name.ends_with(".toml") => {
            let protocol = Protocol::read(name).map_err(|error| error.to_string())?;
            (protocol, Some(PathBuf::from(name)))
        }
        None => return Err("expected corrected, published, both, or a file FILE.toml".to_owned()),
    };
    Ok(Protocols { protocols: vec![protocol], file })
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
