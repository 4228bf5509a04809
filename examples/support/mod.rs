//! What the examples share: a study of models from folders or from the hub, from checkpoints to
//! figure.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressDrawTarget};
use settling::capture::{Device, LIBTORCH, Options, Precision};
use settling::checkpoint::StepPattern;
use settling::core::{Step, TensorSource, TokenSource};
use settling::hub::training_data;
use settling::records::Record;
use settling::tokens::{MegatronTokens, NpyTokens, write_npy};
use settling::{
    ModelStudy, Progress, Protocol, Settings, Shard, Store, TrainingData, TransformerSubject,
    remaining, study_model, write_tables,
};

mod downloads;
mod forecast;
mod model;
mod report;
mod some_steps;
mod tables;
mod terminal;

use forecast::{Clock, Forecast, print_plan};
use model::{Fetched, Model};
use tables::{print_audit, print_summary};
pub(crate) use terminal::{Failure, bar, fail};

/// What to study and how.
pub(crate) struct Plan {
    /// Where the checkpoints are.
    pub(crate) place: Place,
    /// How their folders or revisions are named, if that is not `step{N}` or what is known of the
    /// suite.
    pub(crate) pattern: Option<StepPattern>,
    /// The models: names of folders, or of repositories.
    pub(crate) models: Vec<String>,
    /// What activations are taken on.
    pub(crate) tokens: Tokens,
    /// Where results go.
    pub(crate) out: PathBuf,
    pub(crate) steps: Option<Vec<Step>>,
    /// Whether to show nothing but warnings and errors.
    pub(crate) quiet: bool,
    /// Whether to say what would be done, and no more.
    pub(crate) only_plan: bool,
    /// Which share of the steps to compute, if not all.
    pub(crate) shard: Option<Shard>,
    /// Steps that may be the same as another.
    pub(crate) allow: Vec<Step>,
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    pub(crate) micro_batch: Option<usize>,
    /// In bytes.
    pub(crate) reference_memory: usize,
    pub(crate) protocols: Vec<Protocol>,
    /// The batches of the training, for protocols that need them.
    pub(crate) training: Option<Training>,
}

/// The rows that activations are taken on.
pub(crate) enum Tokens {
    /// In a .npy file.
    File(PathBuf),
    /// The first of the last batch that Pythia was trained on, as the paper took them, from a data
    /// set of the hub.
    #[allow(dead_code, reason = "the demo has its own")]
    LastBatch { dataset: String },
}

/// How many rows of the last batch the paper took.
const PAPER_ROWS: usize = 128;

impl Tokens {
    fn open(&self, out: &Path, bars: &MultiProgress) -> Result<NpyTokens, Box<dyn Error>> {
        let path = match self {
            Self::File(path) => path.clone(),
            // Beside the results that depend on them, and fetched once.
            Self::LastBatch { .. } => out.join("tokens.npy"),
        };
        if let Self::LastBatch { dataset } = self
            && !path.exists()
        {
            let data = training_data(&downloads::hub(bars)?, dataset)?;
            let batches = data.rows() / PYTHIA_BATCH;
            let first = batches.saturating_sub(1) * PYTHIA_BATCH;
            write_npy(&path, &data.read_rows(first..first + PAPER_ROWS)?)?;
        }
        Ok(NpyTokens::open(&path)?)
    }
}

/// Where the batches of a training are.
#[allow(dead_code, reason = "the demo needs none")]
pub(crate) enum Training {
    /// Rows in the order of training, in a file.
    File { rows: PathBuf, batch_rows: usize },
    /// Pythia's, in a data set of the hub.
    Hub { dataset: String },
}

/// How many rows a batch of Pythia has.
const PYTHIA_BATCH: usize = 1024;

impl Training {
    fn open(&self, bars: &MultiProgress) -> Result<TrainingData, Box<dyn Error>> {
        Ok(match self {
            Self::File { rows, batch_rows } if rows.extension().is_some_and(|end| end == "bin") => {
                let tokens = MegatronTokens::open(rows)?;
                TrainingData::new(tokens, *batch_rows)?
            }
            Self::File { rows, batch_rows } => {
                TrainingData::new(NpyTokens::open(rows)?, *batch_rows)?
            }
            Self::Hub { dataset } => {
                let tokens = training_data(&downloads::hub(bars)?, dataset)?;
                TrainingData::new(tokens, PYTHIA_BATCH)?
            }
        })
    }
}

#[derive(PartialEq)]
pub(crate) enum Place {
    /// A folder with one folder a model, each with one folder a checkpoint.
    Folder(PathBuf),
    /// The Hugging Face hub, or what is in its cache.
    #[allow(dead_code, reason = "the demo studies a folder only")]
    Hub {
        /// Whether to remove weights that were downloaded when they have been studied.
        delete_after: bool,
    },
}

/// Says what will be done, studies every model, writes tables, figures and report, prints a
/// summary.
pub(crate) fn run(plan: &Plan) -> Result<(), Box<dyn Error>> {
    // Before hours of work, not after.
    let store = Store::open(&plan.out)?;
    let bars = MultiProgress::new();
    if plan.quiet {
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
    let tokens = plan.tokens.open(&plan.out, &bars)?;
    let training = plan.training.as_ref().map(|training| training.open(&bars)).transpose()?;
    let settings = Settings {
        protocols: plan.protocols.clone(),
        training: training.map(Arc::new),
        steps: plan.steps.clone(),
        shard: plan.shard,
        reference_memory: plan.reference_memory,
        engine: engine(plan),
    };
    let study = Study { plan, store: &store, tokens: &tokens, settings: &settings, bars: &bars };
    let studies = match &plan.place {
        Place::Folder(suite) => {
            let model = |name: &String| Model::of_folder(plan, suite, name);
            study.run(plan.models.iter().map(model).collect::<Result<_, _>>()?)?
        }
        Place::Hub { .. } => {
            let hub = downloads::hub(&bars)?;
            let model = |id: &String| Model::of_hub(plan, &hub, id);
            study.run(plan.models.iter().map(model).collect::<Result<_, _>>()?)?
        }
    };
    let Some(studies) = studies else { return Ok(()) };
    let missing: usize = studies.iter().map(|study| study.missing.len()).sum();
    if let (Some(Shard::NONE), 1..) = (plan.shard, missing) {
        return Err(incomplete(&studies).into());
    }
    if let (Some(shard), 1..) = (plan.shard, missing) {
        if !plan.quiet {
            println!(
                "shard {shard} is done; {missing} steps of other shards are not there yet. When all are done, run \
                 without --shard for the tables."
            );
        }
        return Ok(());
    }
    let tables = write_tables(&store, &settings, &studies)?;
    let figures = figures(plan, &studies)?;
    let written = report::Written::read(&plan.out, None, &[])?;
    let (document, _) = report::write_html(&written.report(), &plan.out)?;

    if plan.quiet {
        return Ok(());
    }
    for protocol in &plan.protocols {
        print_summary(&studies, &tables, protocol);
    }
    println!();
    for study in &studies {
        print_audit(study);
    }
    println!("\nnumbers   {}, .parquet", show(&tables.records));
    println!("MCC       {}", show(&tables.mcc));
    println!("settling  {}", show(&tables.settling));
    println!("manifest  {}", show(&tables.manifest));
    println!("averages  {}", show(&tables.summary));
    for figure in figures {
        println!("figure    {}, .png", show(&figure));
    }
    println!("report    {}", show(&document));
    Ok(())
}

/// What ran the models, which the results are known by. Of several GPUs it does not matter which.
fn engine(plan: &Plan) -> String {
    let device = plan.device.to_string();
    let kind = device.split(':').next().unwrap_or_default();
    format!("libtorch {LIBTORCH}, {kind}, {}", plan.precision)
}

/// The error of a merge that finds something missing.
fn incomplete(studies: &[ModelStudy]) -> Failure {
    let of_model = |study: &ModelStudy| {
        let steps: Vec<String> = study.missing.iter().map(Step::to_string).collect();
        format!("{}: steps {}", study.model, steps.join(", "))
    };
    let missing = studies.iter().filter(|study| !study.missing.is_empty()).map(of_model);
    let message = format!(
        "these are not there, or were computed from something else:\n  {}\nLet the shards compute them, with the same arguments, \
         or run without --merge",
        missing.collect::<Vec<_>>().join("\n  ")
    );
    Failure { code: 3, message }
}

/// The main figure of every protocol.
fn figures(plan: &Plan, studies: &[ModelStudy]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut written = Vec::new();
    for protocol in &plan.protocols {
        let records = studies.iter().flat_map(|study| &study.records);
        let of_protocol = records.filter(|record| record.protocol == protocol.name);
        let records: Vec<Record> = of_protocol.cloned().collect();
        let stem = match plan.protocols.len() {
            1 => "main".to_owned(),
            _ => format!("main-{}", protocol.name),
        };
        settling_figures::main_figure(&records)?.save(plan.out.join(&stem))?;
        written.push(plan.out.join(stem + ".svg"));
    }
    Ok(written)
}

/// What the studies of all models share.
struct Study<'a> {
    plan: &'a Plan,
    store: &'a Store,
    tokens: &'a NpyTokens,
    settings: &'a Settings,
    bars: &'a MultiProgress,
}

impl Study<'_> {
    /// Studies the models; `None` if only the plan was asked for.
    fn run<C>(&self, models: Vec<Model<C>>) -> Result<Option<Vec<ModelStudy>>, Box<dyn Error>>
    where
        C: Fetched,
        C::Error: Error + Send + Sync + 'static,
        <C::Source as TensorSource>::Error: Error + Send + Sync + 'static,
    {
        let Self { plan, store, tokens, settings, bars } = *self;
        let mut forecasts = Vec::new();
        for model in &models {
            let left = remaining(&model.name, &model.series, tokens, settings, store)?;
            forecasts.push(Forecast::new(model, left, settings));
        }
        let mut clock = Clock::new(&forecasts, plan)?;
        if !plan.quiet && plan.shard != Some(Shard::NONE) {
            print_plan(&forecasts, plan, &clock);
        }
        if plan.only_plan {
            return Ok(None);
        }
        let bar = bars.add(bar("studying"));
        bar.set_length(forecasts.iter().map(|forecast| forecast.left.steps as u64).sum());
        // So that it moves during the hours that a step of a large model takes.
        bar.enable_steady_tick(Duration::from_secs(1));
        let mut studies = Vec::new();
        for (model, forecast) in models.into_iter().zip(&forecasts) {
            let mut show = |progress: Progress<'_>| match progress {
                Progress::Reference { model, .. } => bar.set_message(model.to_owned()),
                Progress::Step { model, step, reused } => {
                    clock.done(forecast, step);
                    let note = if reused { " (done before)" } else { "" };
                    bar.set_message(format!("{model} step {step}{note}{}", clock.note()));
                    bar.inc(1);
                }
                _ => {}
            };
            let options = Options {
                device: plan.device,
                precision: plan.precision,
                micro_batch: plan.micro_batch,
                ..Options::default()
            };
            let subject = TransformerSubject { architecture: model.architecture, options };
            let (name, series) = (&model.name, &model.series);
            let mut study =
                study_model(name, series, tokens, &subject, settings, store, &mut show)?;
            study.audit = Some(model.audit);
            studies.push(study);
        }
        bar.finish_and_clear();
        Ok(Some(studies))
    }
}

fn show(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}
