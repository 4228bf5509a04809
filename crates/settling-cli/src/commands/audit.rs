//! `settling audit`: whether the checkpoints of a run are what their names say.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use settling::checkpoint::{
    Audit, AuditReport, HubCache, StepDirectories, StepPattern, paper_steps, pythia_steps,
};

use crate::allow::{self, Allow};
use crate::exit::{Exit, Failure, Outcome};
use crate::part::PartArgs;
use crate::places::Inputs;

/// Audits the checkpoints of a run.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: a folder with one folder per step, a model's folder in a Hugging Face cache, or with --hub
       the name of a model on the hub, of which nothing is downloaded.
Gives: a table of the steps, the findings, the verdict. A finding is a note, suspect or broken, and
       has a name, in brackets at its end. It exits with 3 if one is suspect or broken that --allow
       does not name: exactly then a study refuses the checkpoints, too.

  settling audit runs/a
  settling audit runs/a --allow changed-settings,512
  settling audit runs/a --pattern 'checkpoint-{N}' --json audit.json
  settling audit --hub EleutherAI/pythia-70m-deduped --expect pythia")]
pub(crate) struct Args {
    /// Folder with one folder per step, or models--OWNER--NAME of a Hugging Face cache
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
    #[command(flatten)]
    part: PartArgs,
    /// Which steps should be there: those of Pythia, or the 27 of the paper [default: any]
    #[arg(long)]
    expect: Option<Expect>,
    /// What may be, separated by commas: names of findings (unknown-tensors, zero-weights, ...), or
    /// steps that may have the same weights as another
    #[arg(long, value_delimiter = ',')]
    allow: Vec<Allow>,
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

pub(crate) fn run(args: Args) -> Outcome {
    let expected = match args.expect {
        Some(Expect::Pythia) => pythia_steps(),
        Some(Expect::Paper) => paper_steps(),
        None => Vec::new(),
    };
    if args.part.part.is_some() && args.folder.as_ref().is_none_or(|folder| is_cache(folder)) {
        return Err(Failure::usage("--part is for folders with one folder per step").into());
    }
    let audit = allow::audit(&args.allow)?.expect(expected).distances(!args.hashes_only);
    let inputs = args.folder.iter().fold(Inputs::new(), Inputs::checkpoints);
    inputs.keep("--json", &args.json)?;
    let report = match (&args.folder, &args.hub) {
        (Some(folder), _) => {
            let pattern = args.pattern.clone().unwrap_or_default();
            if is_cache(folder) {
                audit.run_on_files(&HubCache::open(folder, &pattern)?)?
            } else {
                let series = StepDirectories::open_with(folder, &pattern)?;
                audit.run_on_files(&args.part.of_each(series))?
            }
        }
        (None, id) => on_hub(&audit, id.as_deref().unwrap_or_default(), args.pattern.as_ref())?,
    };
    print!("{report}");
    if let Some(path) = &args.json {
        std::fs::write(path, report.to_json()).map_err(|error| Failure::output(path, &error))?;
    }
    let Some(how) = allow::how_to_go_on(&report) else { return Ok(Exit::Done) };
    eprintln!("{how}");
    Ok(Exit::Input)
}

/// Whether the folder is a model's in a cache of the hub.
fn is_cache(folder: &Path) -> bool {
    folder.join("refs").is_dir()
}

#[cfg(feature = "hub")]
fn on_hub(
    audit: &Audit,
    id: &str,
    pattern: Option<&StepPattern>,
) -> Result<AuditReport, Box<dyn std::error::Error>> {
    use settling::hub::{Hub, HubSeries};

    let series = HubSeries::builder(&Hub::from_env()?, id).pattern(pattern.cloned()).open()?;
    Ok(audit.run_listing(series.full_listing())?)
}

#[cfg(not(feature = "hub"))]
fn on_hub(
    _: &Audit,
    _: &str,
    _: Option<&StepPattern>,
) -> Result<AuditReport, Box<dyn std::error::Error>> {
    Err(Failure::usage(super::missing::NO_HUB).into())
}
