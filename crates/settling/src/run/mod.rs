//! Doing what was planned, step by step.

mod measure;
mod reference;
mod results;
mod spectra;

use std::collections::BTreeMap;
use std::time::Instant;

use settling_core::{CheckpointSeries, Step};
use settling_records::Record;

pub use results::{ModelStudy, Progress, StepStudy};

use crate::adapter::ModelAdapter;
use crate::error::{Error, ErrorKind};
use crate::plan::{Identity, Plan, ProtocolRun};
use crate::store::Unit;

use measure::Measure;
use reference::Reference;

impl<C, A> Plan<'_, C, A>
where
    C: CheckpointSeries,
    A: ModelAdapter<C::Source>,
{
    /// Does what is missing, and returns all results of the model. If it was ended on the way, by
    /// whatever, running it again goes on from there; several processes may each do a
    /// [`Shard`](crate::Shard).
    ///
    /// For each step: CKA of every site with the last checkpoint on the same observations (biased,
    /// debiased, and the floor that independent features would reach); effective rank and PER of
    /// every weight and of its gradient of the next-token loss. A number that cannot be computed (a
    /// constant activation, a weight with a NaN) is recorded with the reason, and the rest goes on.
    /// Units that the output folder has already, from the same inputs and choices, are taken from
    /// there, and a step whose units are all there is not even opened if the series knows its
    /// [fingerprint](CheckpointSeries::fingerprint). The step that comes next is
    /// [announced](CheckpointSeries::prefetch).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`], if a checkpoint or the rows cannot be read, or the model cannot be
    /// looked at as a protocol asks; [`ErrorKind::Compute`], if it cannot be run;
    /// [`ErrorKind::Output`], if the output folder cannot be written.
    pub fn run(&self, progress: &mut dyn FnMut(Progress<'_>)) -> Result<ModelStudy, Error> {
        let model = self.model();
        progress(Progress::Reference { model, steps: self.mine.len() });
        let mut worker = Worker::new(self)?;
        let mut done = BTreeMap::new();
        for (place, &step) in self.mine.iter().enumerate() {
            let (study, records) = worker.study(step, &self.mine[place + 1..], progress)?;
            progress(Progress::Step { model, step, reused: study.reused });
            done.insert(step, (study, records));
        }
        // Last, when they are more likely to be there.
        let mut missing = Vec::new();
        for &step in &self.others {
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
            engine: self.engine.clone(),
            steps,
            missing,
            rows: self.rows(),
            records: records.concat(),
            audit: None,
        })
    }
}

/// Studies step by step what was planned.
struct Worker<'a, C: CheckpointSeries, A: ModelAdapter<C::Source>> {
    plan: &'a Plan<'a, C, A>,
    protocols: Vec<OfProtocol<'a, A::Model>>,
    last: Identity,
    /// The last checkpoint, if it had to be opened to be told what it is.
    last_source: Option<C::Source>,
}

/// A protocol, and the last checkpoint under it once that is needed.
struct OfProtocol<'a, M> {
    run: &'a ProtocolRun<'a>,
    reference: Option<Reference<M>>,
}

impl<'a, C, A> Worker<'a, C, A>
where
    C: CheckpointSeries,
    A: ModelAdapter<C::Source>,
{
    fn new(plan: &'a Plan<'a, C, A>) -> Result<Self, Error> {
        let (last, last_source) = plan.identify(plan.last)?;
        let protocols = plan.runs.iter().map(|run| OfProtocol { run, reference: None }).collect();
        Ok(Self { plan, protocols, last, last_source })
    }

    /// What a step is, and its source if it had to be opened to be told.
    fn identify(&self, step: Step) -> Result<(Identity, Option<C::Source>), Error> {
        // Opening and hashing reads the whole checkpoint: what the last one is, is known.
        if step == self.plan.last {
            return Ok((self.last.clone(), None));
        }
        self.plan.identify(step)
    }

    /// Takes from the store what it has of `step`, and computes and stores the rest. `later` are
    /// the steps that come after.
    fn study(
        &mut self,
        step: Step,
        later: &[Step],
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(StepStudy, Vec<Record>), Error> {
        let started = Instant::now();
        let plan = self.plan;
        let (identity, mut source) = self.identify(step)?;
        let mut units = Vec::new();
        for key in plan.keys(step, &identity, &self.last)? {
            units.push((plan.study.store.find(&key)?, key));
        }
        let is_missing = |place: &usize| units[*place].0.is_none();
        let missing: Vec<usize> = (0..units.len()).filter(is_missing).collect();
        self.load_references(&missing)?;
        let (mut records, mut computed) = (Vec::new(), Vec::new());
        for ((found, key), place) in units.into_iter().zip(0..) {
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
                && let Some(next) = plan.next_missing(later, &self.last)?
            {
                plan.series.prefetch(next);
            }
            let unit = self.measure(place, step, source, progress)?;
            plan.study.store.put(&key, &unit)?;
            records.extend(unit.records);
            computed.push(key.protocol.to_owned());
        }
        let of_step = StepStudy {
            step,
            checkpoint_sha256: identity.weights,
            reused: computed.is_empty(),
            computed,
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok((of_step, records))
    }

    fn measure(
        &mut self,
        place: usize,
        step: Step,
        source: &C::Source,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Unit, Error> {
        let plan = self.plan;
        let OfProtocol { run, reference } = &mut self.protocols[place];
        let measure = Measure {
            model: plan.model(),
            step,
            protocol: run.protocol,
            adapter: plan.adapter,
            batch: run.batch(),
            gradient_batches: &run.gradient_batches(step, plan.study.training.as_deref())?,
            heading: &format!("{}, step {step}, protocol `{}`", plan.model, run.protocol.name),
        };
        let reference = reference.as_mut().expect("references of missing units are loaded first");
        measure.unit(source, reference, progress)
    }

    /// Loads the last checkpoint for those of these protocols that have not needed it before: a
    /// study that finds every unit done runs no model at all.
    fn load_references(&mut self, needed: &[usize]) -> Result<(), Error> {
        let is_new = |place: &&usize| self.protocols[**place].reference.is_none();
        let new: Vec<usize> = needed.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        let plan = self.plan;
        let source = self.last_source.take().map_or_else(|| plan.open(plan.last), Ok)?;
        for place in new {
            let OfProtocol { run, reference } = &mut self.protocols[place];
            let heading = format!("{}, last step, protocol `{}`", plan.model, run.protocol.name);
            let loaded = plan
                .adapter
                .load(&source, run.protocol)
                .map_err(|error| Error::caused(ErrorKind::Input, &heading, error))?;
            let memory = plan.study.reference_memory;
            let loaded = Reference::new(loaded, run.batch(), memory)
                .map_err(|error| Error::caused(ErrorKind::Compute, &heading, error))?;
            *reference = Some(loaded);
        }
        Ok(())
    }

    /// What other processes have computed of `step`, if all of it is there.
    fn collect(&self, step: Step) -> Result<Option<(StepStudy, Vec<Record>)>, Error> {
        let started = Instant::now();
        let plan = self.plan;
        // To know whether they are from the same inputs the checkpoint is read.
        for run in &plan.runs {
            if !plan.may_have(step, run)? {
                return Ok(None);
            }
        }
        let (identity, _) = self.identify(step)?;
        let mut records = Vec::new();
        for key in plan.keys(step, &identity, &self.last)? {
            match plan.study.store.find(&key)? {
                Some(found) => records.extend(found),
                None => return Ok(None),
            }
        }
        let of_step = StepStudy {
            step,
            checkpoint_sha256: identity.weights,
            reused: true,
            computed: Vec::new(),
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok(Some((of_step, records)))
    }
}
