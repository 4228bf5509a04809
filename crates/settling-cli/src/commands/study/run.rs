//! Doing what was asked for: plans, models one after the other, tables, figures, report.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressDrawTarget};
use settling::core::{CheckpointSeries, Step};
use settling::models::ModelSource;
use settling::tokens::NpyTokens;
use settling::{ModelStudy, Progress, Shard, Store, Study, TransformerAdapter};

use super::forecast::{Clock, Planned, print_plan};
use super::model::Model;
use super::places;
use super::request::{Place, Request};
use super::some_steps::SomeSteps;
use super::summary::{print_audit, print_summary};
use crate::draw;
use crate::exit::{Exit, Failure, Outcome};
use crate::progress::bar;
use crate::written::Written;

/// Says what will be done, studies every model, writes tables, figures and report, prints a
/// summary.
pub(super) fn run(request: &Request) -> Outcome {
    places::check(request)?;
    // Before hours of work, not after.
    let store = Store::open(&request.out)?;
    let mut study = Study::new(store, request.protocols.iter().cloned())?
        .with_shard(request.shard)
        .with_reference_memory(request.reference_memory);
    let bars = MultiProgress::new();
    if request.quiet {
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
    let tokens = request.tokens.open(&request.out, &bars)?;
    if let Some(training) = &request.training {
        study = study.with_training(training.open(&bars)?);
    }
    if let Some(steps) = &request.steps {
        study = study.with_steps(steps.iter().copied());
    }
    let session = Session { request, study: &study, tokens: &tokens, bars: &bars };
    let studies = match &request.place {
        Place::Folder(suite) => {
            // All of them before the first is read.
            for name in &request.models {
                SomeSteps::open(request, &study, suite, name)?;
            }
            session.run(|name| Model::of_folder(request, &study, suite, name))?
        }
        #[cfg(feature = "hub")]
        Place::Hub { delete_after } => {
            let hub = crate::hub::from_env(&bars)?;
            session.run(|id| Model::of_hub(request, &hub, id, *delete_after))?
        }
    };
    match studies {
        Some(studies) => finish(request, &study, &studies),
        None => Ok(Exit::Done),
    }
}

/// What the studies of all models share.
struct Session<'a> {
    request: &'a Request,
    study: &'a Study,
    tokens: &'a NpyTokens,
    bars: &'a MultiProgress,
}

impl Session<'_> {
    /// Studies the models; `None` if only the plan was asked for.
    fn run<C>(
        &self,
        open: impl Fn(&str) -> Result<Model<C>, Box<dyn Error>>,
    ) -> Result<Option<Vec<ModelStudy>>, Box<dyn Error>>
    where
        C: CheckpointSeries,
        C::Source: ModelSource,
    {
        let Self { request, study, tokens, bars } = *self;
        let models = request.models.iter().map(|name| open(name));
        let models: Vec<Model<C>> = models.collect::<Result<_, _>>()?;
        let adapter = TransformerAdapter::new(request.engine);
        let mut plans = Vec::new();
        for model in &models {
            let plan = study.plan(&model.name, &model.series, &adapter, Some(tokens))?;
            plans.push(Planned::new(plan, &model.architecture));
        }
        let mut clock = Clock::new(&plans, request)?;
        if !request.quiet && request.shard != Shard::Merge {
            print_plan(&plans, request, &clock);
        }
        if request.only_plan {
            return Ok(None);
        }
        let bar = bars.add(bar("studying"));
        bar.set_length(plans.iter().map(|planned| planned.plan.steps().len() as u64).sum());
        // So that it moves during the hours that a step of a large model takes.
        bar.enable_steady_tick(Duration::from_secs(1));
        let mut studies = Vec::new();
        for (planned, model) in plans.iter().zip(&models) {
            let found = planned.plan.run(&mut |progress| match progress {
                Progress::Reference { model, .. } => bar.set_message(model.to_owned()),
                Progress::Spectra { model, step, signal, done, of, .. } => {
                    let note = clock.note();
                    bar.set_message(format!(
                        "{model} step {step}, spectra of {signal}s: {done} of {of}{note}"
                    ));
                }
                Progress::Step { model, step, reused, .. } => {
                    clock.done(planned.cost(step));
                    let note = if reused { " (done before)" } else { "" };
                    bar.set_message(format!("{model} step {step}{note}{}", clock.note()));
                    bar.inc(1);
                }
                _ => {}
            })?;
            let audit = model.audit.clone().with_findings(model.series.findings());
            model.series.release();
            studies.push(found.with_audit(audit));
        }
        bar.finish_and_clear();
        Ok(Some(studies))
    }
}

/// Writes and shows what was found, if all of it is there.
fn finish(request: &Request, study: &Study, studies: &[ModelStudy]) -> Outcome {
    let missing: usize = studies.iter().map(|study| study.missing.len()).sum();
    match request.shard {
        Shard::Merge if missing > 0 => return Err(incomplete(studies).into()),
        shard if missing > 0 => {
            if !request.quiet {
                println!(
                    "shard {shard} is done; {missing} steps of other shards are not there yet. When all are done, run \
                     without --shard for the tables."
                );
            }
            return Ok(Exit::Done);
        }
        _ => {}
    }
    let tables = study.write_tables(studies)?;
    let written = Written::read(&request.out, None, &[], &[])?;
    let figures = draw::main_figures(&written.tables, &request.out)?;
    let (document, _) = written.write_html(&request.out)?;

    if request.quiet {
        return Ok(Exit::Done);
    }
    for protocol in &request.protocols {
        print_summary(studies, &tables, protocol);
    }
    println!();
    for study in studies {
        print_audit(study);
    }
    println!("\nnumbers   {}, .parquet", show(&tables.records_csv));
    println!("MCC       {}", show(&tables.mcc_csv));
    println!("settling  {}", show(&tables.settling_csv));
    println!("manifest  {}", show(&tables.manifest));
    println!("averages  {}", show(&tables.summary_csv));
    for figure in figures {
        println!("figure    {}, .png", show(&figure));
    }
    println!("report    {}", show(&document));
    Ok(Exit::Done)
}

/// The error of a merge that finds something missing.
fn incomplete(studies: &[ModelStudy]) -> Failure {
    let of_model = |study: &ModelStudy| {
        let steps: Vec<String> = study.missing.iter().map(Step::to_string).collect();
        format!("{}: steps {}", study.model, steps.join(", "))
    };
    let missing = studies.iter().filter(|study| !study.missing.is_empty()).map(of_model);
    Failure::input(format!(
        "these are not there, or were computed from something else:\n  {}\nLet the shards compute them, with the same arguments, \
         or run without --merge",
        missing.collect::<Vec<_>>().join("\n  ")
    ))
}

fn show(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}
