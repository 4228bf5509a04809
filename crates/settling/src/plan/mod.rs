//! What is to be done of one model, before anything is.

mod cost;
mod forecast;
mod identity;
mod protocol_run;
mod rows;

use settling_core::{CheckpointSeries, Step, TokenSource};

pub use cost::Cost;
pub use forecast::{Forecast, Speeds};
pub use rows::RowsUsed;

pub(crate) use identity::Identity;
pub(crate) use protocol_run::ProtocolRun;

use crate::adapter::ModelAdapter;
use crate::error::{Error, ErrorKind};
use crate::names::check_model_name;
use crate::store::Key;
use crate::study::Study;

impl Study {
    /// Says what is to be done of a model: reads and hashes the token rows, and looks up which
    /// units the output folder has. No checkpoint is opened, so of a series without
    /// [fingerprints](CheckpointSeries::fingerprint) a unit that is there counts as done if all
    /// else that determines it is the same, and [`Plan::run`], which looks into the checkpoint, may
    /// find that it is of other weights.
    ///
    /// `model` names the model in every table. `rows` are the token rows on which activations and
    /// gradients are taken.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], if the model's name cannot be a folder's, or the steps, rows or
    /// batches of the training that are asked for do not exist; [`ErrorKind::Input`], if the series
    /// or the rows cannot be read; [`ErrorKind::Output`], if the output folder cannot be read.
    pub fn plan<'a, C, A, T>(
        &'a self,
        model: &str,
        series: &'a C,
        adapter: &'a A,
        rows: Option<&T>,
    ) -> Result<Plan<'a, C, A>, Error>
    where
        C: CheckpointSeries,
        A: ModelAdapter<C::Source>,
        T: TokenSource + ?Sized,
    {
        let rows = rows.ok_or_else(|| {
            let message = "no token rows were given: every protocol here takes activations on some";
            Error::new(ErrorKind::Usage, message)
        })?;
        Plan::new(self, model, series, adapter, rows)
    }

    /// The steps that this study takes of a model whose series has those `available`, ascending:
    /// those that were [asked for](Self::with_steps), and always the last.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let out = folder.path();
    /// use settling::core::Step;
    /// use settling::{Protocol, Store, Study};
    ///
    /// let study = Study::new(Store::open(out)?, [Protocol::corrected()])?.with_steps([Step(1)]);
    /// let chosen = study.choose_steps("m", &[Step(0), Step(1), Step(2)])?;
    /// assert_eq!(chosen, [Step(1), Step(2)]);
    /// let error = study.choose_steps("m", &[Step(0), Step(2)]).unwrap_err().to_string();
    /// assert_eq!(error, "m has no step 1; it has 2 steps: 0, 2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], if the model's name cannot be a folder's, or a step that was asked for
    /// does not exist; [`ErrorKind::Input`], if there is none at all.
    pub fn choose_steps(&self, model: &str, available: &[Step]) -> Result<Vec<Step>, Error> {
        check_model_name(model)?;
        let last = *available.last().ok_or_else(|| no_steps(model))?;
        let Some(wanted) = &self.steps else { return Ok(available.to_vec()) };
        if let Some(missing) = wanted.iter().find(|step| !available.contains(step)) {
            let message = format!(
                "{model} has no step {missing}; it has {} steps: {}",
                available.len(),
                listed(available)
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let chosen = available.iter().filter(|&step| *step == last || wanted.contains(step));
        Ok(chosen.copied().collect())
    }
}

/// All of them, or of more than fit a screen the first and the last few.
fn listed(steps: &[Step]) -> String {
    let text = |steps: &[Step]| steps.iter().map(Step::to_string).collect::<Vec<_>>().join(", ");
    match steps.len() {
        0..=60 => text(steps),
        many => format!("{}, ..., {}", text(&steps[..20]), text(&steps[many - 5..])),
    }
}

/// What a study has to do of one model: [`Study::plan`]. It holds what was hashed for it, so that
/// [`run`](Self::run) begins at once.
#[derive(Debug)]
pub struct Plan<'a, C, A> {
    pub(crate) study: &'a Study,
    pub(crate) model: String,
    pub(crate) series: &'a C,
    pub(crate) adapter: &'a A,
    /// What the adapter says of itself.
    pub(crate) engine: String,
    /// The protocols on their rows.
    pub(crate) runs: Vec<ProtocolRun<'a>>,
    /// The steps that this process computes, ascending.
    pub(crate) mine: Vec<Step>,
    /// Those of other shards.
    pub(crate) others: Vec<Step>,
    /// The last step, which is the reference.
    pub(crate) last: Step,
    missing: Vec<(Step, Vec<String>)>,
}

impl<'a, C, A> Plan<'a, C, A>
where
    C: CheckpointSeries,
    A: ModelAdapter<C::Source>,
{
    pub(crate) fn new<T: TokenSource + ?Sized>(
        study: &'a Study,
        model: &str,
        series: &'a C,
        adapter: &'a A,
        rows: &T,
    ) -> Result<Self, Error> {
        let available =
            series.steps().map_err(|error| Error::caused(ErrorKind::Input, model, error))?;
        let steps = study.choose_steps(model, &available)?;
        let last = *steps.last().ok_or_else(|| no_steps(model))?;
        let training = study.training.as_deref();
        let runs = study.protocols.iter();
        let runs = runs.map(|protocol| ProtocolRun::new(protocol, rows, &steps, training));
        let runs = runs.collect::<Result<_, _>>()?;
        let (mut mine, mut others) = (Vec::new(), Vec::new());
        for (place, step) in steps.into_iter().enumerate() {
            if study.shard.computes(place) { mine.push(step) } else { others.push(step) }
        }
        let (model, engine) = (model.to_owned(), adapter.engine());
        let missing = Vec::new();
        let mut plan =
            Self { study, model, series, adapter, engine, runs, mine, others, last, missing };
        plan.missing = plan.look_up()?;
        Ok(plan)
    }

    /// The model's name.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The steps that this process computes or takes from the output folder, ascending.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.mine
    }

    /// The last step, which every other is compared with: it is opened if anything is missing.
    #[must_use]
    pub fn last(&self) -> Step {
        self.last
    }

    /// The steps of which something is missing, ascending, each with the protocols whose units are.
    #[must_use]
    pub fn missing(&self) -> &[(Step, Vec<String>)] {
        &self.missing
    }

    /// The steps whose checkpoints will be opened: those of which something is missing, and the
    /// last.
    #[must_use]
    pub fn opened(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self.missing.iter().map(|(step, _)| *step).collect();
        if steps.last().is_some_and(|step| *step != self.last) {
            steps.push(self.last);
        }
        steps
    }

    /// The evaluation rows of each protocol.
    #[must_use]
    pub fn rows(&self) -> Vec<RowsUsed> {
        self.runs.iter().map(ProtocolRun::used).collect()
    }

    /// What is missing, as far as it can be told without opening a checkpoint.
    fn look_up(&self) -> Result<Vec<(Step, Vec<String>)>, Error> {
        let last = self.fingerprint(self.last)?;
        let mut missing = Vec::new();
        for &step in &self.mine {
            let of_step = match (self.fingerprint(step)?, &last) {
                (Some(this), Some(last)) => self.missing_units(step, &this, last)?,
                _ => {
                    let mut missing = Vec::new();
                    for run in &self.runs {
                        if !self.may_have(step, run)? {
                            missing.push(run.protocol.name.clone());
                        }
                    }
                    missing
                }
            };
            if !of_step.is_empty() {
                missing.push((step, of_step));
            }
        }
        Ok(missing)
    }

    pub(crate) fn open(&self, step: Step) -> Result<C::Source, Error> {
        self.series.open(step).map_err(|error| self.unreadable(step, error))
    }

    fn fingerprint(&self, step: Step) -> Result<Option<Identity>, Error> {
        let known = self.series.fingerprint(step);
        Ok(known.map_err(|error| self.unreadable(step, error))?.map(Identity::from_fingerprint))
    }

    /// What a step is, and its source if it had to be opened to be told.
    pub(crate) fn identify(&self, step: Step) -> Result<(Identity, Option<C::Source>), Error> {
        if let Some(known) = self.fingerprint(step)? {
            return Ok((known, None));
        }
        let source = self.open(step)?;
        let configuration = self.adapter.configuration(&source);
        let configuration = configuration.map_err(|error| self.unreadable(step, error))?;
        let identity = Identity::from_source(&source, &configuration)
            .map_err(|error| self.unreadable(step, error))?;
        Ok((identity, Some(source)))
    }

    /// The units of a step, one for each protocol, if it and the last step are these.
    pub(crate) fn keys(
        &self,
        step: Step,
        this: &Identity,
        last: &Identity,
    ) -> Result<Vec<Key<'_>>, Error> {
        let of_run = |run: &'_ ProtocolRun<'a>| {
            let settings = run.settings(step, &self.model, &self.engine)?;
            Ok(Key {
                model: &self.model,
                step,
                protocol: &run.protocol.name,
                hash: run.key(&settings, this, last)?,
                settings,
            })
        };
        self.runs.iter().map(of_run).collect()
    }

    /// The protocols of which a step has no unit, if it and the last step are these.
    fn missing_units(
        &self,
        step: Step,
        this: &Identity,
        last: &Identity,
    ) -> Result<Vec<String>, Error> {
        let mut missing = Vec::new();
        for key in self.keys(step, this, last)? {
            if self.study.store.find(&key)?.is_none() {
                missing.push(key.protocol.to_owned());
            }
        }
        Ok(missing)
    }

    /// The first of `steps` of which a unit is not there yet, in a series that can be asked without
    /// opening.
    pub(crate) fn next_missing(
        &self,
        steps: &[Step],
        last: &Identity,
    ) -> Result<Option<Step>, Error> {
        for &step in steps {
            let Some(this) = self.fingerprint(step)? else { return Ok(None) };
            if !self.missing_units(step, &this, last)?.is_empty() {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// Whether there is a unit of this step and protocol with the same settings, whatever
    /// checkpoint it was computed from.
    pub(crate) fn may_have(&self, step: Step, run: &ProtocolRun<'_>) -> Result<bool, Error> {
        let settings = run.settings(step, &self.model, &self.engine)?;
        self.study.store.may_have(&self.model, step, &run.protocol.name, &settings)
    }

    fn unreadable(&self, step: Step, error: impl Into<settling_core::BoxError>) -> Error {
        Error::caused(ErrorKind::Input, &format!("{}, step {step}", self.model), error)
    }
}

fn no_steps(model: &str) -> Error {
    Error::new(ErrorKind::Input, format!("{model} has no checkpoint"))
}
