//! The runner: generic over where checkpoints and tokens come from and what runs the model.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use settling_checkpoint::{AuditReport, content_hash};
use settling_core::{Capture, CheckpointSeries, Step, TensorSource, TokenSource};
use settling_records::Record;

use crate::rows::{EvaluationRows, GradientRows};
use crate::run::Run;
use crate::store::{Key, check_model_name};
use crate::{Error, ErrorKind, Protocol, Shard, Store, Subject, TrainingData};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What a study measures, besides the models themselves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every choice that a number depends on. Of several protocols each checkpoint is opened once for all.
    pub protocols: Vec<Protocol>,
    /// The batches of the training, if a protocol takes gradients on them.
    pub training: Option<Arc<TrainingData>>,
    /// Which steps; `None` for every step of the series. The last step of the series is always studied, as the reference.
    pub steps: Option<Vec<Step>>,
    /// Which share of the steps to compute; `None` for all. What other processes have computed is taken from the output folder at the
    /// end, and what is not there yet is [missing](ModelStudy::missing).
    pub shard: Option<Shard>,
    /// How much memory the activations of the last checkpoint may take, in bytes, for each protocol. If they take more, it is run
    /// beside every other checkpoint instead, which takes twice the time and the memory of two models, and changes no number.
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
        /// Whether all of it was found done in the output folder, by an earlier run with the same settings and inputs.
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
    /// The steps that belong to other [shards](Settings::shard) and are not in the output folder yet, ascending.
    pub missing: Vec<Step>,
    /// The evaluation rows, for each protocol.
    pub rows: Vec<RowsUsed>,
    /// Every number, by step and protocol.
    pub records: Vec<Record>,
    /// Whether the checkpoints are what their names say, if you have it: [`study_model`] leaves it empty, and
    /// [`write_tables`](crate::write_tables) keeps it with the numbers.
    pub audit: Option<AuditReport>,
}

/// The evaluation rows of a protocol.
#[derive(Clone, Debug, PartialEq)]
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
    /// The [fingerprint](CheckpointSeries::fingerprint) of the checkpoint, if its series knows one, else its [`content_hash`].
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
/// For each step: CKA of every site with the last checkpoint on the same observations (biased, debiased, and the floor
/// that independent features would reach); effective rank and PER of every weight and of its gradient of the next-token loss. A
/// number that cannot be computed (a constant activation, a weight with a NaN) is recorded with the reason, and the rest goes on.
/// Units that `store` has already, from the same inputs and choices, are taken from there, and a step whose units are all there is
/// not even opened if the series knows its [fingerprint](CheckpointSeries::fingerprint). The step that comes next is
/// [announced](CheckpointSeries::prefetch). Of several processes each may compute a [share](Settings::shard) of the steps.
///
/// # Errors
///
/// If a protocol is not [valid](Protocol::validate) or needs batches of the training that are not there, the steps or sequences asked
/// for do not exist, a checkpoint or the tokens cannot be read, the model cannot be run or not be looked at as a protocol asks, or the
/// output folder cannot be written.
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
    check_model_name(model)?;
    check_protocols(&settings.protocols)?;
    let steps = chosen_steps(model, series, settings)?;
    let last = *steps.last().ok_or_else(|| no_steps(model))?;
    let training = settings.training.as_deref();
    let mut runs = Vec::new();
    for protocol in &settings.protocols {
        let evaluation = EvaluationRows::read(tokens, protocol)?;
        let gradients = GradientRows::plan(protocol, &steps, &evaluation.batch, training)?;
        runs.push(Run { protocol, evaluation, gradients, reference: None });
    }
    let (mine, others): (Vec<_>, Vec<_>) = steps
        .iter()
        .copied()
        .enumerate()
        .partition(|&(place, _)| settings.shard.is_none_or(|shard| shard.computes(place)));
    let [mine, others] =
        [mine, others].map(|some| some.into_iter().map(|(_, step)| step).collect::<Vec<Step>>());
    progress(Progress::Reference { model, steps: mine.len() });

    let unreadable = |step: Step, error: Cause| {
        Error::caused(ErrorKind::Input, &format!("{model}, step {step}"), error)
    };
    let open = |step: Step| series.open(step).map_err(|error| unreadable(step, error.into()));
    let fingerprint =
        |step: Step| series.fingerprint(step).map_err(|error| unreadable(step, error.into()));
    // What a step's weights are, and its source if it had to be opened to be told.
    let identify = |step: Step| {
        if let Some(fingerprint) = fingerprint(step)? {
            return Ok((fingerprint, None));
        }
        let source = open(step)?;
        let hash = content_hash(&source).map_err(|error| unreadable(step, error.into()))?;
        Ok((hash, Some(source)))
    };
    let (last_hash, mut last_source) = identify(last)?;
    let find = |step: Step, hash: &str, run: &Run<'_, S::Model>| {
        let hashes = [hash, &last_hash];
        let key = Key {
            model,
            step,
            protocol: &run.protocol.name,
            hash: run.key(step, settings, model, hashes)?,
        };
        Ok::<_, Error>((store.find(&key)?, key.hash))
    };
    // Of a series that is asked without opening: the first of `steps` that is still to be done.
    let next_of = |steps: &[Step], runs: &[Run<'_, S::Model>]| -> Result<Option<Step>, Error> {
        for &step in steps {
            let Some(hash) = fingerprint(step)? else { return Ok(None) };
            for run in runs {
                if find(step, &hash, run)?.0.is_none() {
                    return Ok(Some(step));
                }
            }
        }
        Ok(None)
    };
    let mut done: BTreeMap<Step, (StepStudy, Vec<Record>)> = BTreeMap::new();
    for (place, &step) in mine.iter().enumerate() {
        let started = Instant::now();
        let mut records = Vec::new();
        // Opening and hashing reads the whole checkpoint: what the last one is, is known.
        let (hash, mut source) =
            if step == last { (last_hash.clone(), None) } else { identify(step)? };
        let units = runs.iter().map(|run| find(step, &hash, run)).collect::<Result<Vec<_>, _>>()?;
        let missing = |index: usize| units[index].0.is_none();
        // A study that finds every unit done runs no model at all.
        if (0..runs.len()).any(missing) {
            let without = |(index, run): &(usize, &mut Run<'_, S::Model>)| {
                missing(*index) && run.reference.is_none()
            };
            if runs.iter_mut().enumerate().any(|run| without(&run)) {
                let source = last_source.take().map_or_else(|| open(last), Ok)?;
                for (_, run) in runs.iter_mut().enumerate().filter(without) {
                    run.load_reference(model, subject, &source, settings.reference_memory)?;
                }
            }
        }
        let mut computed = Vec::new();
        for (index, (found, key)) in units.into_iter().enumerate() {
            if let Some(found) = found {
                records.extend(found);
                continue;
            }
            let source = match &mut source {
                Some(source) => &*source,
                unopened => unopened.insert(open(step)?),
            };
            // It comes while this one is studied.
            if computed.is_empty()
                && let Some(next) = next_of(&mine[place + 1..], &runs)?
            {
                series.prefetch(next);
            }
            let run = &mut runs[index];
            let unit = run.measure(model, step, subject, source, training)?;
            let protocol = run.protocol.name.as_str();
            store.put(&Key { model, step, protocol, hash: key }, &unit)?;
            records.extend(unit.records);
            computed.push(protocol.to_owned());
        }
        let seconds = started.elapsed().as_secs_f64();
        let reused = computed.is_empty();
        let of_step = StepStudy { step, checkpoint_sha256: hash, reused, computed, seconds };
        done.insert(step, (of_step, records));
        progress(Progress::Step { model, step, reused });
    }
    // Last, when they are more likely to be there.
    let mut missing = Vec::new();
    for step in others {
        let started = Instant::now();
        let protocols = || runs.iter().map(|run| run.protocol.name.as_str());
        // To know whether they are from the same inputs the checkpoint is read.
        let found = if protocols().all(|protocol| store.has_any(model, step, protocol)) {
            let hash = if step == last { last_hash.clone() } else { identify(step)?.0 };
            let units = runs.iter().map(|run| Ok(find(step, &hash, run)?.0));
            let units: Option<Vec<_>> = units.collect::<Result<_, Error>>()?;
            units.map(|units| (hash, units.concat()))
        } else {
            None
        };
        let Some((checkpoint_sha256, records)) = found else {
            missing.push(step);
            continue;
        };
        let seconds = started.elapsed().as_secs_f64();
        let of_step =
            StepStudy { step, checkpoint_sha256, reused: true, computed: Vec::new(), seconds };
        done.insert(step, (of_step, records));
    }
    let (steps, records): (Vec<_>, Vec<_>) = done.into_values().unzip();
    Ok(ModelStudy {
        model: model.to_owned(),
        steps,
        missing,
        rows: runs.iter().map(|run| run.evaluation.used(&run.protocol.name)).collect(),
        records: records.concat(),
        audit: None,
    })
}

fn check_protocols(protocols: &[Protocol]) -> Result<(), Error> {
    if protocols.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            "no protocol was asked for: expected at least one",
        ));
    }
    for (index, protocol) in protocols.iter().enumerate() {
        protocol.validate()?;
        if protocols[..index].iter().any(|other| other.name == protocol.name) {
            let message =
                format!("two protocols are named `{}`: expected names of their own", protocol.name);
            return Err(Error::new(ErrorKind::Usage, message));
        }
    }
    Ok(())
}

fn no_steps(model: &str) -> Error {
    Error::new(ErrorKind::Input, format!("{model} has no checkpoint"))
}

fn chosen_steps<C: CheckpointSeries>(
    model: &str,
    series: &C,
    settings: &Settings,
) -> Result<Vec<Step>, Error>
where
    C::Error: Into<Cause>,
{
    let available =
        series.steps().map_err(|error| Error::caused(ErrorKind::Input, model, error))?;
    let last = *available.last().ok_or_else(|| no_steps(model))?;
    let Some(wanted) = &settings.steps else { return Ok(available) };
    if let Some(missing) = wanted.iter().find(|step| !available.contains(step)) {
        let available = available.iter().map(Step::to_string).collect::<Vec<_>>().join(", ");
        let message = format!("{model} has no step {missing}; it has {available}");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    Ok(available.into_iter().filter(|step| *step == last || wanted.contains(step)).collect())
}
