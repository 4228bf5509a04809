//! What is to be done of one model, before anything is.

use settling_checkpoint::content_hash;
use settling_core::{CheckpointSeries, Step, TensorSource, TokenSource};

use crate::run::Run;
use crate::store::{Key, check_model_name};
use crate::{Error, ErrorKind, Protocol, Settings, Store};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The steps and protocols of a study of one model, and their units.
pub(crate) struct Plan<'a, C> {
    pub(crate) model: &'a str,
    pub(crate) series: &'a C,
    pub(crate) settings: &'a Settings,
    pub(crate) store: &'a Store,
    /// The protocols on their rows.
    pub(crate) runs: Vec<Run<'a>>,
    /// The steps that this process computes, ascending.
    pub(crate) mine: Vec<Step>,
    /// Those of other shards.
    pub(crate) others: Vec<Step>,
    /// The last step, which is the reference.
    pub(crate) last: Step,
}

impl<'a, C> Plan<'a, C>
where
    C: CheckpointSeries<Error: Into<Cause>>,
    <C::Source as TensorSource>::Error: Into<Cause>,
{
    pub(crate) fn new<T>(
        model: &'a str,
        series: &'a C,
        tokens: &T,
        settings: &'a Settings,
        store: &'a Store,
    ) -> Result<Self, Error>
    where
        T: TokenSource<Error: Into<Cause>>,
    {
        check_model_name(model)?;
        check_protocols(&settings.protocols)?;
        let steps = chosen_steps(model, series, settings)?;
        let last = *steps.last().ok_or_else(|| no_steps(model))?;
        let training = settings.training.as_deref();
        let runs = settings.protocols.iter();
        let runs = runs.map(|protocol| Run::new(protocol, tokens, &steps, training));
        let runs = runs.collect::<Result<_, _>>()?;
        let (mut mine, mut others) = (Vec::new(), Vec::new());
        for (place, step) in steps.into_iter().enumerate() {
            let is_mine = settings.shard.is_none_or(|shard| shard.computes(place));
            if is_mine { mine.push(step) } else { others.push(step) }
        }
        Ok(Self { model, series, settings, store, runs, mine, others, last })
    }

    pub(crate) fn open(&self, step: Step) -> Result<C::Source, Error> {
        self.series.open(step).map_err(|error| self.unreadable(step, error.into()))
    }

    pub(crate) fn fingerprint(&self, step: Step) -> Result<Option<String>, Error> {
        self.series.fingerprint(step).map_err(|error| self.unreadable(step, error.into()))
    }

    /// What a step's weights are, and its source if it had to be opened to be told.
    pub(crate) fn identify(&self, step: Step) -> Result<(String, Option<C::Source>), Error> {
        if let Some(fingerprint) = self.fingerprint(step)? {
            return Ok((fingerprint, None));
        }
        let source = self.open(step)?;
        let hash = content_hash(&source).map_err(|error| self.unreadable(step, error.into()))?;
        Ok((hash, Some(source)))
    }

    /// The units of a step, one for each protocol, if its weights and those of the last step have
    /// these hashes.
    pub(crate) fn keys(&self, step: Step, hash: &str, last: &str) -> Result<Vec<Key<'_>>, Error> {
        let of_run = |run: &'_ Run<'a>| {
            Ok(Key {
                model: self.model,
                step,
                protocol: &run.protocol.name,
                hash: run.key(step, self.settings, self.model, [hash, last])?,
            })
        };
        self.runs.iter().map(of_run).collect()
    }

    /// The protocols of which a step has no unit, if its weights and those of the last step have
    /// these hashes.
    pub(crate) fn missing(&self, step: Step, hash: &str, last: &str) -> Result<Vec<String>, Error> {
        let mut missing = Vec::new();
        for key in self.keys(step, hash, last)? {
            if self.store.find(&key)?.is_none() {
                missing.push(key.protocol.to_owned());
            }
        }
        Ok(missing)
    }

    /// The first of `steps` of which a unit is not there yet, in a series that can be asked without
    /// opening.
    pub(crate) fn next_missing(&self, steps: &[Step], last: &str) -> Result<Option<Step>, Error> {
        for &step in steps {
            let Some(hash) = self.fingerprint(step)? else { return Ok(None) };
            if !self.missing(step, &hash, last)?.is_empty() {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// Whether there is a unit of this step and protocol, of whatever weights.
    pub(crate) fn has_any(&self, step: Step, run: &Run<'_>) -> bool {
        self.store.has_any(self.model, step, &run.protocol.name)
    }

    fn unreadable(&self, step: Step, error: Cause) -> Error {
        Error::caused(ErrorKind::Input, &format!("{}, step {step}", self.model), error)
    }
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
