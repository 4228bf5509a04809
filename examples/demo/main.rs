//! The whole study on a suite that it trains first: two small GPT-NeoX models, on the Rust source
//! code of this workspace's own dependencies, which every machine that has built it has.
//!
//! Needs: libtorch (`cargo xtask libtorch` once); no network.
//! Run:   cargo xtask demo [--quick] [--out DIR]
//! Gives: DIR/suite/<model>/step<N>/{config.json,model.safetensors}, DIR/suite/{tokenizer.json,
//!        training.npy,last_batch.npy}, and in DIR/results what `settling study` writes: records,
//!        tables, manifest, figure and report. Run again, it reuses what is finished.

mod corpus;
mod pretrain;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use settling::capture::Device;
use settling::core::BoxError;
use settling_cli::Exit;
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
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo(args: &Args) -> Result<Exit, BoxError> {
    let started = Instant::now();
    let suite = args.out.join("suite");
    std::fs::create_dir_all(&suite)
        .map_err(|error| format!("cannot create {}: {error}", suite.display()))?;
    let recipe = if args.quick { pretrain::QUICK } else { pretrain::FULL };

    let text = read_documents(&corpus::dependencies()?, "rs", recipe.corpus_bytes, pretrain::SEED)?;
    let data = pretrain::prepare(&text, &recipe, &suite)?;
    for size in &pretrain::SIZES {
        pretrain::train(size, &recipe, &data, &suite, args.device)?;
    }
    println!("suite     {} ({:.0} s)", suite.display(), started.elapsed().as_secs_f64());

    // What anyone would type.
    let models = pretrain::SIZES.map(|size| size.name).join(",");
    let (rows, out) = (suite.join(pretrain::LAST_BATCH), args.out.join("results"));
    let (device, batch) = (args.device.to_string(), pretrain::BATCH_ROWS.to_string());
    let mut study =
        vec!["settling".into(), "study".into(), "--suite".into(), suite.into_os_string()];
    study.extend(["--tokens".into(), rows.into_os_string(), "--out".into(), out.into_os_string()]);
    for (name, value) in [
        ("--models", models.as_str()),
        ("--positions", "all"),
        ("--device", &device),
        ("--micro-batch", &batch),
    ] {
        study.extend([name.into(), value.into()]);
    }
    let exit = settling_cli::run(study);
    if exit == Exit::Done {
        println!("took      {:.0} s", started.elapsed().as_secs_f64());
    }
    Ok(exit)
}
