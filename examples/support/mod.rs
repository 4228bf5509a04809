//! What the examples share: a study of models from folders or from the hub, from checkpoints to figure.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressDrawTarget};
use settling::capture::{Device, LIBTORCH, Options, Precision};
use settling::checkpoint::{
    Audit, AuditReport, StepDirectories, StepPattern, Verdict, parse_config,
};
use settling::core::{Architecture, CheckpointSeries, Component, Signal, Step, TensorSource, View};
use settling::hub::{Hub, HubSeries, training_data};
use settling::records::{MccRow, Record, SummaryRow};
use settling::tokens::{MegatronTokens, NpyTokens};
use settling::{
    ModelStudy, Progress, Protocol, Settings, Shard, Store, Tables, TrainingData,
    TransformerSubject, study_model, write_tables,
};

mod downloads;
mod report;
mod some_steps;
mod terminal;

use some_steps::SomeSteps;
use terminal::Failure;
pub(crate) use terminal::{bar, fail};

/// What to study and how.
pub(crate) struct Plan {
    /// Where the checkpoints are.
    pub(crate) place: Place,
    /// How their folders or revisions are named, if that is not `step{N}` or what is known of the suite.
    pub(crate) pattern: Option<StepPattern>,
    /// The models: names of folders, or of repositories.
    pub(crate) models: Vec<String>,
    /// Token rows in a .npy file.
    pub(crate) tokens: PathBuf,
    /// Where results go.
    pub(crate) out: PathBuf,
    pub(crate) steps: Option<Vec<Step>>,
    /// Whether to show nothing but warnings and errors.
    pub(crate) quiet: bool,
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
                let tokens = MegatronTokens::open(rows.with_extension("idx"), rows)?;
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

/// Studies every model, writes tables, figures and report, prints a summary.
pub(crate) fn run(plan: &Plan) -> Result<(), Box<dyn Error>> {
    // Before hours of work, not after.
    let store = Store::open(&plan.out)?;
    let tokens = NpyTokens::open(&plan.tokens)?;
    let bars = MultiProgress::new();
    if plan.quiet {
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
    let training = plan.training.as_ref().map(|training| training.open(&bars)).transpose()?;
    let settings = Settings {
        protocols: plan.protocols.clone(),
        training: training.map(Arc::new),
        steps: plan.steps.clone(),
        shard: plan.shard,
        reference_memory: plan.reference_memory,
        engine: format!("libtorch {LIBTORCH}, {}, {}", plan.device, plan.precision),
    };
    let study = Study { plan, store: &store, tokens: &tokens, settings: &settings, bars: &bars };
    let models = plan.models.iter();
    let studies: Vec<ModelStudy> = match &plan.place {
        Place::Folder(suite) => models
            .map(|model| study.of_folder(&suite.join(model), model))
            .collect::<Result<_, _>>()?,
        Place::Hub { delete_after } => {
            let hub = downloads::hub(&bars)?;
            models.map(|id| study.of_hub(&hub, id, *delete_after)).collect::<Result<_, _>>()?
        }
    };
    let missing: usize = studies.iter().map(|study| study.missing.len()).sum();
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
    println!("\nnumbers   {}", show(&tables.records));
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

/// The main figure of every protocol that looks at what is written, which is what it shows.
fn figures(plan: &Plan, studies: &[ModelStudy]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut written = Vec::new();
    let shown = |protocol: &&Protocol| {
        (protocol.views.activations, protocol.views.weights) == (View::Write, View::Write)
    };
    for protocol in plan.protocols.iter().filter(shown) {
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
    fn of_folder(&self, folder: &Path, model: &str) -> Result<ModelStudy, Box<dyn Error>> {
        let pattern = self.plan.pattern.clone().unwrap_or_default();
        let series = StepDirectories::open_with(folder, &pattern)?;
        let series = SomeSteps::new(series, self.plan.steps.as_deref())?;
        let last = *series.steps()?.last().ok_or("the series has no steps")?;
        let architecture = series.open(last)?.architecture()?;
        // One pass over the files. Distances, which take three more, are for `audit_suite`.
        let audit = self.audit().distances(false).run_on_files(&series)?;
        self.of_series(model, &series, architecture, audit)
    }

    fn of_hub(
        &self,
        hub: &Hub,
        id: &str,
        delete_after: bool,
    ) -> Result<ModelStudy, Box<dyn Error>> {
        let steps = self.plan.steps.as_deref();
        let series = HubSeries::of_model(hub, id, self.plan.pattern.as_ref(), steps)?;
        let series = series.delete_after(delete_after);
        let last = *series.steps()?.last().ok_or("the series has no steps")?;
        let path = series.fetch_file(last, "config.json")?;
        let architecture = parse_config(&std::fs::read_to_string(path)?)?;
        // Of the hashes that the hub lists: nothing is downloaded for it.
        let audit = self.audit().run_listing(series.listing())?;
        self.of_series(id.rsplit('/').next().unwrap_or(id), &series, architecture, audit)
    }

    fn audit(&self) -> Audit {
        Audit::new().allow(self.plan.allow.iter().copied())
    }

    fn of_series<C>(
        &self,
        model: &str,
        series: &C,
        architecture: Architecture,
        audit: AuditReport,
    ) -> Result<ModelStudy, Box<dyn Error>>
    where
        C: CheckpointSeries,
        C::Error: Error + Send + Sync + 'static,
        <C::Source as TensorSource>::Error: Error + Send + Sync + 'static,
    {
        if audit.verdict() == Verdict::Broken {
            let message = format!(
                "{model}: not every checkpoint is what its name says.\n\n{audit}\n\
                 Choose --steps without these, or --allow them if you know better."
            );
            return Err(Failure { code: 3, message }.into());
        }
        let options = Options {
            device: self.plan.device,
            precision: self.plan.precision,
            micro_batch: self.plan.micro_batch,
            ..Options::default()
        };
        let subject = TransformerSubject { architecture, options };
        let bar = self.bars.add(bar("studying"));
        let mut show = |progress: Progress<'_>| match progress {
            Progress::Reference { model, steps } => {
                bar.set_length(steps as u64);
                bar.set_message(model.to_owned());
            }
            Progress::Step { model, step, reused } => {
                let note = if reused { " (done before)" } else { "" };
                bar.set_message(format!("{model} step {step}{note}"));
                bar.inc(1);
            }
            _ => {}
        };
        let (settings, store) = (self.settings, self.store);
        let mut study =
            study_model(model, series, self.tokens, &subject, settings, store, &mut show)?;
        bar.finish_and_clear();
        study.audit = Some(audit);
        Ok(study)
    }
}

fn print_audit(study: &ModelStudy) {
    let Some(audit) = &study.audit else { return };
    println!("checkpoints of {}: {}", study.model, audit.verdict());
    for finding in &audit.findings {
        println!("  {finding}");
    }
}

fn show(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

fn print_summary(studies: &[ModelStudy], tables: &Tables, protocol: &Protocol) {
    println!(
        "\n{}, {:<6} over layers              CKA with the last step       PER of weights     PER of gradients\n\
         model                component       step 0   early*  floor**      step 0     last      step 0     last",
        protocol.name,
        protocol.summary.average.name()
    );
    for study in studies {
        let steps: Vec<Step> = study.steps.iter().map(|step| step.step).collect();
        let (first, last) = (steps.first().copied(), steps.last().copied());
        let early = protocol.early_steps(&steps).last().copied();
        for component in Component::ALL {
            let average = |step: Option<Step>, signal: Signal| {
                let is = |row: &&SummaryRow| {
                    row.protocol == protocol.name
                        && row.model == study.model
                        && row.component == component
                        && row.signal == signal
                        && Some(row.step) == step
                };
                let found = tables.summary_rows.iter().find(is).and_then(|row| row.value);
                found.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
            };
            println!(
                "{:<20} {:<12} {:>9} {:>8} {:>7} {:>12} {:>8} {:>11} {:>8}",
                study.model,
                component.name(),
                average(first, Signal::Activation),
                average(early, Signal::Activation),
                floor(study, protocol, component, early),
                average(first, Signal::Weight),
                average(last, Signal::Weight),
                average(first, Signal::Gradient),
                average(last, Signal::Gradient),
            );
        }
    }
    println!(
        "* the last step that decides; {} CKA\n\
         ** the mean of what the biased CKA of independent features of this shape would be",
        protocol.cka.name()
    );
    println!(
        "\nearly convergence (CKA {} {}) and large PER, over layers\n\
         model                component    predictor       tp  fp  fn  tn     MCC   Fisher p",
        protocol.early.cka, protocol.early.window,
    );
    for row in tables.mcc_rows.iter().filter(|row| row.protocol == protocol.name) {
        print_mcc(row);
    }
}

fn floor(
    study: &ModelStudy,
    protocol: &Protocol,
    component: Component,
    step: Option<Step>,
) -> String {
    let is = |record: &&Record| {
        record.protocol == protocol.name
            && record.site.component == component
            && record.site.head.is_none()
            && Some(record.step) == step
            && record.estimator == "floor"
    };
    let values = study.records.iter().filter(is).filter_map(|record| record.value.clone().ok());
    let values: Vec<f64> = values.collect();
    match values.len() {
        0 => "-".to_owned(),
        n => format!("{:.3}", values.iter().sum::<f64>() / n as f64),
    }
}

fn print_mcc(row: &MccRow) {
    let value = match &row.mcc {
        Ok(value) => format!("{value:>7.3}   {:.3}", row.p_exact),
        Err(reason) => format!("      -   undefined: {reason}"),
    };
    println!(
        "{:<20} {:<12} {:<14} {:>3} {:>3} {:>3} {:>3} {value}",
        row.model,
        row.component.name(),
        row.predictor,
        row.true_positive,
        row.false_positive,
        row.false_negative,
        row.true_negative,
    );
}
