//! The paper's study through the API: how the layers of Pythia models settle, under both protocols.
//!
//! `settling study` does more (plans, shards, figures, a report); this is what it calls.
//!
//! Needs: libtorch (`cargo xtask libtorch` once); the network, or what `cargo xtask demo` leaves.
//! Run:   cargo run --release --example study -- --demo demo --out DIR
//!        cargo run --release --example study -- --models 70m,160m --out DIR
//! Gives: in DIR records.csv, mcc.csv, settling.csv, summary.csv, manifest.json; and a short table.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;
use settling::capture::Engine;
use settling::checkpoint::{Audit, StepDirectories, paper_steps};
use settling::core::{CheckpointSeries, Positions, TokenSource};
use settling::hub::{Hub, HubSeries, Suite, training_data};
use settling::models::ModelSource;
use settling::tokens::{NpyTokens, write_npy};
use settling::{ModelStudy, Progress, Protocol, Store, Study, TrainingData, TransformerAdapter};

#[derive(Parser)]
struct Args {
    /// The folder of `cargo xtask demo`: study its suite, without the network
    #[arg(long, conflicts_with = "models")]
    demo: Option<PathBuf>,
    /// Models of the suite pythia-deduped, by their sizes
    #[arg(long, value_delimiter = ',', default_value = "70m")]
    models: Vec<String>,
    /// Folder for the results; run again with it to resume
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let store = Store::open(&args.out)?;
    let (study, models) = match &args.demo {
        Some(folder) => of_demo(store, &folder.join("suite"))?,
        None => of_hub(store, &args.models, &args.out)?,
    };
    let tables = study.write_tables(&models)?;
    println!("model                component  predictor        MCC");
    for row in &tables.mcc_rows {
        let value = row.mcc.as_ref().map_or_else(Clone::clone, |value| format!("{value:>6.2}"));
        println!("{:<20} {:<10} {:<14} {value}", row.model, row.component.name(), row.predictor);
    }
    println!("numbers {}", tables.records_csv.display());
    Ok(())
}

/// The small models of the demo, on the last batch that they were trained on.
fn of_demo(store: Store, suite: &Path) -> Result<(Study, Vec<ModelStudy>), Box<dyn Error>> {
    let mut protocol = Protocol::corrected();
    protocol.rows.positions = Positions::All;
    let study = Study::new(store, [protocol])?;
    let rows = NpyTokens::open(suite.join("last_batch.npy"))?;
    let mut models = Vec::new();
    for name in ["neox-0.6m", "neox-1.7m"] {
        let series = StepDirectories::open(suite.join(name))?;
        // Published checkpoints have not always been what their names say.
        let audit = Audit::new().distances(false).run_on_files(&series)?;
        if let Some(finding) = audit.refusals().next() {
            return Err(format!("{name}: {finding}").into());
        }
        models.push(observe(&study, name, &series, &rows)?.with_audit(audit));
    }
    Ok((study, models))
}

/// The paper's models, steps, rows and protocols, from the hub.
fn of_hub(
    store: Store,
    sizes: &[String],
    out: &Path,
) -> Result<(Study, Vec<ModelStudy>), Box<dyn Error>> {
    const BATCH: usize = 1024;
    let hub = Hub::from_env()?;
    let suite = Suite::named("pythia-deduped").ok_or("a suite that is known by its name")?;
    let dataset = suite.training_data.as_deref().ok_or("it is known what Pythia was trained on")?;

    // The published protocol takes gradients on batches of the training.
    let training = TrainingData::new(training_data(&hub, dataset)?, BATCH)?;
    let study = Study::new(store, [Protocol::corrected(), Protocol::published()])?
        .with_training(training)
        .with_steps(paper_steps());
    let data = training_data(&hub, dataset)?;
    let first = (data.rows() / BATCH - 1) * BATCH;
    // Beside the results that depend on them.
    let file = out.join("tokens.npy");
    write_npy(&file, &data.read_rows(first..first + 128)?)?;
    let rows = NpyTokens::open(&file)?;
    let mut models = Vec::new();
    for size in sizes {
        let id = suite.model(size).ok_or_else(|| format!("no model is told by `{size}`"))?;
        let series = HubSeries::builder(&hub, id).steps(paper_steps()).delete_after(true).open()?;
        let audit = Audit::new().run_listing(series.listing())?;
        if let Some(finding) = audit.refusals().next() {
            return Err(format!("{id}: {finding}").into());
        }
        let name = id.rsplit('/').next().unwrap_or(id);
        models.push(observe(&study, name, &series, &rows)?.with_audit(audit));
    }
    Ok((study, models))
}

/// Plans and studies one model.
fn observe<C>(
    study: &Study,
    name: &str,
    series: &C,
    rows: &impl TokenSource,
) -> Result<ModelStudy, settling::Error>
where
    C: CheckpointSeries,
    C::Source: ModelSource,
{
    let adapter = TransformerAdapter::new(Engine::default());
    let plan = study.plan(name, series, &adapter, Some(rows))?;
    println!("{name}: {} of {} steps to compute", plan.missing().len(), plan.steps().len());
    plan.run(&mut |progress| {
        if let Progress::Step { step, .. } = progress {
            eprintln!("{name} step {step}");
        }
    })
}
