//! The whole study on a suite that it trains first: two small GPT-NeoX models, on the Rust source
//! code of this workspace's own dependencies, which every machine that has built it has.
//!
//! Needs: libtorch (`cargo xtask libtorch` once); no network. Run: cargo xtask demo [--quick]
//! [--out DIR] Gives: <out>/suite/<model>/step<N>/{config.json,model.safetensors},
//! <out>/suite/{tokenizer.json,training.npy, last_batch.npy}, and in <out>/results the records, the
//! MCC table, the manifest, the figure and the report. Run again, it reuses what is finished.

#[macro_use]
#[path = "../support/print.rs"]
mod print;
mod corpus;
mod pretrain;
#[path = "../support/mod.rs"]
mod support;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use settling::Protocol;
use settling::capture::{Device, Precision};
use settling::core::Positions;
use settling_testkit::read_documents;

/// Trains a small suite of language models, then studies how their layers settle.
#[derive(Parser)]
struct Args {
    /// Folder for the suite and the results
    #[arg(long, default_value = "demo")]
    out: PathBuf,
    /// A few dozen steps instead of a thousand: shows that everything works, not what layers do
    #[arg(long)]
    quick: bool,
    /// Where the models run: auto, cpu or cuda:N
    #[arg(long, default_value = "auto")]
    device: Device,
}

fn main() -> ExitCode {
    match demo(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => support::fail(error.as_ref()),
    }
}

fn demo(args: &Args) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let suite = args.out.join("suite");
    std::fs::create_dir_all(&suite)
        .map_err(|error| format!("cannot create {}: {error}", suite.display()))?;
    let recipe = if args.quick { pretrain::QUICK } else { pretrain::FULL };

    let text = read_documents(&corpus::dependencies()?, "rs", recipe.corpus_bytes, pretrain::SEED)?;
    let data = pretrain::prepare(&text, &recipe, &suite)?;
    let mut models = Vec::new();
    for size in &pretrain::SIZES {
        pretrain::train(size, &recipe, &data, &suite, args.device)?;
        models.push(size.name.to_owned());
    }
    println!("suite     {} ({:.0} s)", suite.display(), started.elapsed().as_secs_f64());

    let mut protocol = Protocol::corrected();
    protocol.rows.positions = Positions::All;
    support::run(&support::Plan {
        tokens: support::Tokens::File(suite.join(pretrain::LAST_BATCH)),
        place: support::Place::Folder(suite),
        pattern: None,
        models,
        out: args.out.join("results"),
        steps: None,
        allow: Vec::new(),
        device: args.device,
        precision: Precision::F32,
        micro_batch: Some(pretrain::BATCH_ROWS),
        quiet: false,
        only_plan: false,
        shard: None,
        reference_memory: 1 << 30,
        protocols: vec![protocol],
        training: None,
    })?;
    println!("took      {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
