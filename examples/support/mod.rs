//! What the examples share: a study of models from folders or from the hub, from checkpoints to figure.

use std::error::Error;
use std::path::{Path, PathBuf};

use indicatif::MultiProgress;
use settling::capture::{Device, LIBTORCH, Options, Precision};
use settling::checkpoint::{
    Audit, AuditReport, StepDirectories, StepPattern, Verdict, parse_config,
};
use settling::core::{Architecture, CheckpointSeries, Positions, Step, TensorSource};
use settling::hub::{Hub, HubSeries};
use settling::records::MccRow;
use settling::tokens::NpyTokens;
use settling::{
    ModelStudy, Progress, Protocol, Settings, Store, TransformerSubject, study_model, write_tables,
};

mod downloads;
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
    /// Steps that may be the same as another.
    pub(crate) allow: Vec<Step>,
    pub(crate) sequences: Option<usize>,
    pub(crate) positions: Positions,
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    pub(crate) micro_batch: Option<usize>,
    /// In bytes.
    pub(crate) reference_memory: usize,
    pub(crate) protocol: Protocol,
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

/// Studies every model, writes tables and figure, prints a summary.
pub(crate) fn run(plan: &Plan) -> Result<(), Box<dyn Error>> {
    // Before hours of work, not after.
    let store = Store::open(&plan.out)?;
    let tokens = NpyTokens::open(&plan.tokens)?;
    let settings = Settings {
        protocol: plan.protocol.clone(),
        steps: plan.steps.clone(),
        sequences: plan.sequences,
        positions: plan.positions,
        reference_memory: plan.reference_memory,
        engine: format!("libtorch {LIBTORCH}, {}, {}", plan.device, plan.precision),
    };
    let bars = MultiProgress::new();
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
    let tables = write_tables(&store, &settings, &studies)?;
    let records: Vec<_> = studies.iter().flat_map(|study| study.records.iter().cloned()).collect();
    let figure = settling_figures::main_figure(&records)?;
    figure.save(plan.out.join("main"))?;

    print_summary(&studies, &tables.mcc_rows, &plan.protocol);
    println!();
    for study in &studies {
        print_audit(study);
    }
    println!("\nnumbers   {}", show(&tables.records));
    println!("MCC       {}", show(&tables.mcc));
    println!("manifest  {}", show(&tables.manifest));
    println!("figure    {}, .png", show(&plan.out.join("main.svg")));
    Ok(())
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
            positions: self.plan.positions,
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

fn print_summary(studies: &[ModelStudy], mcc: &[MccRow], protocol: &Protocol) {
    println!(
        "\nmean over layers                    CKA with the last step       PER of weights     PER of gradients\n\
         model                component       step 0  at 10 %  floor*       step 0     last      step 0     last"
    );
    for study in studies {
        let Some(last) = study.steps.last().map(|step| step.step) else { continue };
        let first = study.steps[0].step;
        let early = study
            .steps
            .iter()
            .map(|step| step.step)
            .filter(|&step| protocol.is_early(step, last))
            .max();
        for component in settling::core::Component::ALL {
            let mean = |step: Option<Step>,
                        metric: &str,
                        signal: settling::core::Signal,
                        estimator: &str| {
                let values: Vec<f64> = study
                    .records
                    .iter()
                    .filter(|record| {
                        Some(record.step) == step
                            && record.site.component == component
                            && record.metric == metric
                            && record.signal == signal
                            && record.estimator == estimator
                    })
                    .filter_map(|record| record.value.clone().ok())
                    .collect();
                match values.len() {
                    0 => "-".to_owned(),
                    n => format!("{:.3}", values.iter().sum::<f64>() / n as f64),
                }
            };
            let cka =
                |step, estimator| mean(step, "cka", settling::core::Signal::Activation, estimator);
            let per = |step, signal| mean(Some(step), "per", signal, "attainable");
            use settling::core::Signal::{Gradient, Weight};
            println!(
                "{:<20} {:<12} {:>9} {:>8} {:>7} {:>12} {:>8} {:>11} {:>8}",
                study.model,
                component.name(),
                cka(Some(first), protocol.cka.name()),
                cka(early, protocol.cka.name()),
                cka(early, "floor"),
                per(first, Weight),
                per(last, Weight),
                per(first, Gradient),
                per(last, Gradient),
            );
        }
    }
    println!(
        "* what the biased CKA of independent features of this shape would be; the columns before it are {}",
        protocol.cka.name()
    );
    println!(
        "\nearly convergence (CKA >= {} within {:.0} % of training) and large PER, over layers\n\
         model                component    predictor       tp  fp  fn  tn     MCC   Fisher p",
        protocol.early_cka,
        100.0 * protocol.early_fraction
    );
    for row in mcc {
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
}
