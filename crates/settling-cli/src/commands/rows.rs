//! `settling rows`: a batch of Pythia's training data, of whose 600 GB the 4 MB are fetched that
//! are needed.

use std::path::PathBuf;

use indicatif::MultiProgress;
use settling::core::{Step, TokenBatch};
use settling::hub::training_data;
use settling::tokens::write_npy;

use crate::exit::{Exit, Failure, Outcome};
use crate::hub;

/// Fetches a batch of Pythia's training data.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: the network, or HF_ENDPOINT. Of the 600 GB of the data set the 4 MB are fetched that are
       needed.
Gives: a .npy file of uint16, one sequence per row, 2,049 tokens per row: what `settling study
       --tokens` takes.")]
pub(crate) struct Args {
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

pub(crate) fn run(args: Args) -> Outcome {
    let tokens = training_data(&hub::from_env(&MultiProgress::new())?, &args.dataset)?;
    let batch = tokens.batch(args.step, 1024)?;
    let (rows, width) = (usize::from(args.rows), batch.width());
    let batch = TokenBatch::new(batch.ids()[..rows * width].to_vec(), width)?;
    write_npy(&args.out, &batch).map_err(|error| Failure::output(&args.out, &error))?;
    println!(
        "batch {} of {}: {rows} rows of {width} tokens in {}",
        args.step,
        args.dataset,
        args.out.display()
    );
    Ok(Exit::Done)
}
