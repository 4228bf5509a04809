//! The runner: generic over where checkpoints and tokens come from and what runs the model.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use settling_checkpoint::AuditReport;
use settling_core::{Capture, CheckpointSeries, Step, TensorSource, TokenSource};
use settling_records::Record;

use crate::plan::Plan;
use crate::reference::Reference;
use crate::run::Run;
use crate::{Error, Protocol, Shard, Store, Subject, TrainingData};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a study measures, besides the models themselves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every choice that a number depends on. Of several protocols each checkpoint is opened once
    /// for all.
    pub protocols: Vec<Protocol>,
    /// The batches of the training, if a protocol takes gradients on them.
    pub training: Option<Arc<TrainingData>>,
    /// Which steps; `None` for every step of the series. The last step of the series is always
    /// studied, as the reference.
    pub steps: Option<Vec<Step>>,
    /// Which share of the steps to compute; `None` for all. What other processes have computed is
    /// taken from the output folder at the end, and what is not there yet is
    /// [missing](ModelStudy::missing).
    pub shard: Option<Shard>,
    /// How much memory the activations of the last checkpoint may take, in bytes, for each
    /// protocol. If they take more, it is run beside every other checkpoint instead, which takes
    /// twice the time and the memory of two models, and changes no number.
    pub reference_memory: usize,
    /// A word on what ran the model (device, precision): part of what determines a unit.
    pub engine: String,
}

/// What a study is doing, for whoever shows progress.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The activations of the last checkpoint are being captured.
    Reference {
        /// The model.
        model: &'a str,
        /// How many steps will be studied; of a [shard](Settings::shard), its own.
        steps: usize,
    },
    /// A step is done.
    Step {
        /// The model.
        model: &'a str,
        /// The step.
        step: Step,
        /// Whether all of it was found done in the output folder, by an earlier run with the same
        /// settings and inputs.
        reused: bool,
    },
}

/// The results of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelStudy {
    /// The model's name.
    pub model: String,
    /// What was studied, ascending by step.
    pub steps: Vec<StepStudy>,
    /// The steps that belong to other [shards](Settings::shard) and are not in the output folder
    /// yet, ascending.
    pub missing: Vec<Step>,
    /// The evaluation rows, for each protocol.
    pub rows: Vec<RowsUsed>,
    /// Every number, by step and protocol.
    pub records: Vec<Record>,
    /// Whether the checkpoints are what their names say, if you have it: [`study_model`] leaves it
    /// empty, and [`write_tables`](crate::write_tables) keeps it with the numbers.
    pub audit: Option<AuditReport>,
}

/// The evaluation rows of a protocol.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RowsUsed {
    /// The protocol.
    pub protocol: String,
    /// How many.
    pub rows: usize,
    /// Tokens a row.
    pub width: usize,
    /// SHA-256 of width and ids, little-endian.
    pub sha256: String,
}

/// One step of a [`ModelStudy`].
#[derive(Clone, Debug, PartialEq)]
pub struct StepStudy {
    /// The step.
    pub step: Step,
    /// The [fingerprint](CheckpointSeries::fingerprint) of the checkpoint, if its series knows one,
    /// else its [`content_hash`](settling_checkpoint::content_hash).
    pub checkpoint_sha256: String,
    /// Whether the units of all protocols were found done in the output folder.
    pub reused: bool,
    /// The protocols whose units were computed.
    pub computed: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Studies every step of one model, under every protocol of the settings.
///
/// For each step: CKA of every site with the last checkpoint on the same observations (biased,
/// debiased, and the floor that independent features would reach); effective rank and PER of every
/// weight and of its gradient of the next-token loss. A number that cannot be computed (a constant
/// activation, a weight with a NaN) is recorded with the reason, and the rest goes on. Units that
/// `store` has already, from the same inputs and choices, are taken from there, and a step whose
/// units are all there is not even opened if the series knows its
/// [fingerprint](CheckpointSeries::fingerprint). The step that comes next is
/// [announced](CheckpointSeries::prefetch). Of several processes each may compute a
/// [share](Settings::shard) of the steps.
///
/// # Errors
///
/// If a protocol is not [valid](Protocol::validate) or needs batches of the training that are not
/// there, the steps or sequences asked for do not exist, a checkpoint or the tokens cannot be read,
/// the model cannot be run or not be looked at as a protocol asks, or the output folder cannot be
/// written.
pub fn study_model<C, T, S>(
    model: &str,
    series: &C,
    tokens: &T,
    subject: &S,
    settings: &Settings,
    store: &Store,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<ModelStudy, Error>
where
    C: CheckpointSeries<Error: Into<Cause>>,
    <C::Source as TensorSource>::Error: Into<Cause>,
    T: TokenSource<Error: Into<Cause>>,
    S: Subject<C::Source, Model: Capture<Error: Into<Cause>>>,
{
    let plan = Plan::new(model, series, tokens, settings, store)?;
    progress(Progress::Reference { model, steps: plan.mine.len() });
    let mut worker = Worker::new(&plan, subject)?;
    let mut done = BTreeMap::new();
    for (place, &step) in plan.mine.iter().enumerate() {
        let (study, records) = worker.study(step, &plan.mine[place + 1..])?;
        progress(Progress::Step { model, step, reused: study.reused });
        done.insert(step, (study, records));
    }
    // Last, when they are more likely to be there.
    let mut missing = Vec::new();
    for &step in &plan.others {
        match worker.collect(step)? {
            Some(found) => {
                done.insert(step, found);
            }
            None => missing.push(step),
        }
    }
    let (steps, records): (Vec<_>, Vec<_>) = done.into_values().unzip();
    Ok(ModelStudy {
        model: model.to_owned(),
        steps,
        missing,
        rows: plan.runs.iter().map(Run::used).collect(),
        records: records.concat(),
        audit: None,
    })
}

/// Studies step by step what was planned.
struct Worker<'a, C: CheckpointSeries, S: Subject<C::Source>> {
    plan: &'a Plan<'a, C>,
    subject: &'a S,
    /// The last checkpoint, for each protocol, once it is needed.
    references: Vec<Option<Reference<S::Model>>>,
    last_hash: String,
    /// The last checkpoint, if it had to be opened to be told what it is.
    last_source: Option<C::Source>,
}

impl<'a, C, S> Worker<'a, C, S>
where
    C: CheckpointSeries<Error: Into<Cause>>,
    <C::Source as TensorSource>::Error: Into<Cause>,
    S: Subject<C::Source, Model: Capture<Error: Into<Cause>>>,
{
    fn new(plan: &'a Plan<'a, C>, subject: &'a S) -> Result<Self, Error> {
        let (last_hash, last_source) = plan.identify(plan.last)?;
        let references = plan.runs.iter().map(|_| None).collect();
        Ok(Self { plan, subject, references, last_hash, last_source })
    }

    /// What a step's weights are, and its source if it had to be opened to be told.
    fn identify(&self, step: Step) -> Result<(String, Option<C::Source>), Error> {
        // Opening and hashing reads the whole checkpoint: what the last one is, is known.
        if step == self.plan.last {
            return Ok((self.last_hash.clone(), None));
        }
        self.plan.identify(step)
    }

    /// Takes from the store what it has of `step`, and computes and stores the rest. `later` are
    /// the steps that come after.
    fn study(&mut self, step: Step, later: &[Step]) -> Result<(StepStudy, Vec<Record>), Error> {
        let started = Instant::now();
        let plan = self.plan;
        let (hash, mut source) = self.identify(step)?;
        let mut units = Vec::new();
        for key in plan.keys(step, &hash, &self.last_hash)? {
            units.push((plan.store.find(&key)?, key));
        }
        let is_missing = |place: &usize| units[*place].0.is_none();
        let missing: Vec<usize> = (0..units.len()).filter(is_missing).collect();
        self.load_references(&missing)?;
        let (mut records, mut computed) = (Vec::new(), Vec::new());
        for (place, (found, key)) in units.into_iter().enumerate() {
            if let Some(found) = found {
                records.extend(found);
                continue;
            }
            let source = match &mut source {
                Some(source) => &*source,
                unopened => unopened.insert(plan.open(step)?),
            };
            // It comes while this one is studied.
            if computed.is_empty()
                && let Some(next) = plan.next_missing(later, &self.last_hash)?
            {
                plan.series.prefetch(next);
            }
            let run = &plan.runs[place];
            let reference = self.references[place].as_mut().expect("loaded above");
            let training = plan.settings.training.as_deref();
            let unit = run.measure(plan.model, step, self.subject, source, reference, training)?;
            plan.store.put(&key, &unit)?;
            records.extend(unit.records);
            computed.push(key.protocol.to_owned());
        }
        let of_step = StepStudy {
            step,
            checkpoint_sha256: hash,
            reused: computed.is_empty(),
            computed,
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok((of_step, records))
    }

    /// Loads the last checkpoint for those of these protocols that have not needed it before: a
    /// study that finds every unit done runs no model at all.
    fn load_references(&mut self, needed: &[usize]) -> Result<(), Error> {
        let is_new = |place: &&usize| self.references[**place].is_none();
        let new: Vec<usize> = needed.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        let plan = self.plan;
        let source = self.last_source.take().map_or_else(|| plan.open(plan.last), Ok)?;
        let memory = plan.settings.reference_memory;
        for place in new {
            let loaded = plan.runs[place].reference(plan.model, self.subject, &source, memory)?;
            self.references[place] = Some(loaded);
        }
        Ok(())
    }

    /// What other processes have computed of `step`, if all of it is there.
    fn collect(&self, step: Step) -> Result<Option<(StepStudy, Vec<Record>)>, Error> {
        let started = Instant::now();
        let plan = self.plan;
        // To know whether they are from the same inputs the checkpoint is read.
        if !plan.runs.iter().all(|run| plan.has_any(step, run)) {
            return Ok(None);
        }
        let (checkpoint_sha256, _) = self.identify(step)?;
        let mut records = Vec::new();
        for key in plan.keys(step, &checkpoint_sha256, &self.last_hash)? {
            match plan.store.find(&key)? {
                Some(found) => records.extend(found),
                None => return Ok(None),
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        let computed = Vec::new();
        Ok(Some((StepStudy { step, checkpoint_sha256, reused: true, computed, seconds }, records)))
    }
}
