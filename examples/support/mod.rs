//! What the study and demo examples share: a study of models in a local suite, from folders to figure.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use settling::capture::{Device, LIBTORCH, Options};
use settling::checkpoint::{StepDirectories, StepPattern};
use settling::core::{CheckpointSeries, Positions, Step};
use settling::records::MccRow;
use settling::tokens::NpyTokens;
use settling::{
    ErrorKind, GptNeoxSubject, ModelStudy, Progress, Protocol, Settings, Store, study_model,
    write_tables,
};

/// What to study and how.
pub(crate) struct Plan {
    /// A folder with one folder a model, each with one folder a checkpoint.
    pub(crate) suite: PathBuf,
    /// How the folders of the checkpoints are named.
    pub(crate) pattern: StepPattern,
    /// The models, by the names of their folders.
    pub(crate) models: Vec<String>,
    /// Token rows in a .npy file.
    pub(crate) tokens: PathBuf,
    /// Where results go.
    pub(crate) out: PathBuf,
    pub(crate) steps: Option<Vec<Step>>,
    pub(crate) sequences: Option<usize>,
    pub(crate) positions: Positions,
    pub(crate) device: Device,
    pub(crate) micro_batch: usize,
    pub(crate) protocol: Protocol,
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
        engine: format!("libtorch {LIBTORCH}, {}, f32", plan.device),
    };
    let mut studies = Vec::new();
    for model in &plan.models {
        let series = StepDirectories::open_with(plan.suite.join(model), &plan.pattern)?;
        let last = *series.steps()?.last().ok_or("the series has no steps")?;
        let config = series.open(last)?.config()?;
        let options = Options {
            device: plan.device,
            positions: plan.positions,
            micro_batch: plan.micro_batch,
        };
        let subject = GptNeoxSubject { config, options };
        let bar = bar("studying");
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
        studies.push(study_model(model, &series, &tokens, &subject, &settings, &store, &mut show)?);
        bar.finish_and_clear();
    }
    let tables = write_tables(&store, &settings, &studies)?;
    let records: Vec<_> = studies.iter().flat_map(|study| study.records.iter().cloned()).collect();
    let figure = settling_figures::main_figure(&records)?;
    figure.save(plan.out.join("main"))?;

    print_summary(&studies, &tables.mcc_rows, &plan.protocol);
    println!("\nnumbers   {}", show(&tables.records));
    println!("MCC       {}", show(&tables.mcc));
    println!("manifest  {}", show(&tables.manifest));
    println!("figure    {}, .png", show(&plan.out.join("main.svg")));
    Ok(())
}

/// Prints the error and tells its class by the exit code: 2 usage, 3 bad input, 4 compute or device, 5 output, 1 anything else.
pub(crate) fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("error: {error}");
    let code = match error.downcast_ref::<settling::Error>().map(settling::Error::kind) {
        Some(ErrorKind::Usage) => 2,
        Some(ErrorKind::Input) => 3,
        Some(ErrorKind::Compute) => 4,
        Some(ErrorKind::Output) => 5,
        None if error.is::<settling::checkpoint::Error>()
            || error.is::<settling::tokens::Error>() =>
        {
            3
        }
        _ => 1,
    };
    ExitCode::from(code)
}

/// A progress bar on a terminal, nothing elsewhere.
pub(crate) fn bar(doing: &'static str) -> ProgressBar {
    // The template is fixed and valid; the default style is the fallback.
    let style = ProgressStyle::with_template("{prefix} {bar:32} {pos}/{len}  {eta} left  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_prefix(doing)
}

fn show(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

fn print_summary(studies: &[ModelStudy], mcc: &[MccRow], protocol: &Protocol) {
    println!(
        "\nmean over layers                CKA with the last step       PER of weights     PER of gradients\n\
         model            component       step 0  at 10 %  floor*       step 0     last      step 0     last"
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
                "{:<16} {:<12} {:>9} {:>8} {:>7} {:>12} {:>8} {:>11} {:>8}",
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
         model            component    predictor       tp  fp  fn  tn     MCC   Fisher p",
        protocol.early_cka,
        100.0 * protocol.early_fraction
    );
    for row in mcc {
        let value = match &row.mcc {
            Ok(value) => format!("{value:>7.3}   {:.3}", row.p_exact),
            Err(reason) => format!("      -   undefined: {reason}"),
        };
        println!(
            "{:<16} {:<12} {:<14} {:>3} {:>3} {:>3} {:>3} {value}",
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
