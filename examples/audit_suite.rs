//! Audits the checkpoints of a run: are they what their names say?
//!
//! Needs: nothing of libtorch itself (the examples are one package, and its others do). Run: cargo
//! run --release --example audit_suite -- DIR [--pattern 'checkpoint-{N}'] [--expect pythia|paper]
//! [--json FILE] cargo run --release --example audit_suite -- --hub EleutherAI/pythia-70m-deduped
//! Gives: a table of the steps, the findings, the verdict. It fails if something is broken.

#[macro_use]
#[path = "support/print.rs"]
mod print;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use settling::checkpoint::{
    Audit, AuditReport, HubCache, StepDirectories, StepPattern, Verdict, paper_steps, pythia_steps,
};
use settling::core::Step;
use settling::hub::{Hub, HubSeries};

/// Audits the checkpoints of a run: a folder of steps, a model's folder in a Hugging Face cache, or
/// a model of the hub.
#[derive(Parser)]
struct Args {
    /// Folder with one folder a step, or models--OWNER--NAME of a Hugging Face cache
    #[arg(required_unless_present = "hub", conflicts_with = "hub")]
    folder: Option<PathBuf>,
    /// A repository of the Hugging Face hub, audited by the hashes that the hub lists: nothing is
    /// downloaded
    #[arg(long)]
    hub: Option<String>,
    /// How the folders or revisions are named [default: step{N}, or as a known suite of the hub
    /// names them]
    #[arg(long)]
    pattern: Option<StepPattern>,
    /// Which steps should be there: those of Pythia, or the 27 of the paper [default: any]
    #[arg(long)]
    expect: Option<Expect>,
    /// Steps that may be the same as another
    #[arg(long, value_delimiter = ',')]
    allow: Vec<Step>,
    /// Compare hashes only, which takes one pass over the files instead of four
    #[arg(long)]
    hashes_only: bool,
    /// File for the whole report
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Expect {
    Pythia,
    Paper,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(Verdict::Broken) => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<Verdict, Box<dyn std::error::Error>> {
    let expected = match args.expect {
        Some(Expect::Pythia) => pythia_steps(),
        Some(Expect::Paper) => paper_steps(),
        None => Vec::new(),
    };
    let audit = Audit::new()
        .expect(expected)
        .allow(args.allow.iter().copied())
        .distances(!args.hashes_only);
    let pattern = args.pattern.clone().unwrap_or_default();
    let report: AuditReport = match (&args.folder, &args.hub) {
        (Some(folder), _) if folder.join("refs").is_dir() => {
            audit.run_on_files(&HubCache::open(folder, &pattern)?)?
        }
        (Some(folder), _) => audit.run_on_files(&StepDirectories::open_with(folder, &pattern)?)?,
        (None, id) => {
            let id = id.as_deref().unwrap_or_default();
            let hub = Hub::from_env()?;
            let series = HubSeries::builder(&hub, id).pattern(args.pattern.clone()).open()?;
            audit.run_listing(series.full_listing())?
        }
    };
    print!("{report}");
    if let Some(path) = &args.json {
        std::fs::write(path, report.to_json())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(report.verdict())
}
