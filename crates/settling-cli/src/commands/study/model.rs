//! A model of a study: its checkpoints, looked at before anything is computed.

use std::cell::RefCell;
use std::error::Error;
use std::path::Path;

use settling::checkpoint::{Audit, AuditReport, StepDirectories, Verdict};
use settling::core::{CheckpointSeries, Step};
use settling::models::Architecture;

use super::request::Request;
use super::some_steps::SomeSteps;
use crate::exit::Failure;

/// A model whose checkpoints are what their names say.
pub(super) struct Model<C> {
    pub(super) name: String,
    pub(super) series: Held<C>,
    /// Of the last step.
    pub(super) architecture: Architecture,
    pub(super) audit: AuditReport,
}

impl Model<SomeSteps> {
    pub(super) fn of_folder(
        request: &Request,
        suite: &Path,
        name: &str,
    ) -> Result<Self, Box<dyn Error>> {
        let pattern = request.pattern.clone().unwrap_or_default();
        let series = StepDirectories::open_with(suite.join(name), &pattern)?;
        let series = SomeSteps::new(series, request.steps.as_deref())?;
        let architecture = series.open(last(&series.steps()?)?)?.architecture()?;
        // One pass over the files. Distances, which take three more, are for `settling audit`.
        let audit = audit(request).distances(false).run_on_files(&series)?;
        Self::sound(name, series, architecture, audit)
    }
}

#[cfg(feature = "hub")]
impl Model<settling::hub::HubSeries> {
    pub(super) fn of_hub(
        request: &Request,
        hub: &settling::hub::Hub,
        id: &str,
        delete_after: bool,
    ) -> Result<Self, Box<dyn Error>> {
        use settling::hub::HubSeries;

        let series = HubSeries::builder(hub, id)
            .pattern(request.pattern.clone())
            .steps(request.steps.clone())
            .delete_after(delete_after)
            .open()?;
        let config = series.fetch_file(last(&series.steps()?)?, "config.json")?;
        let architecture = settling::models::parse_config(&std::fs::read_to_string(config)?)?;
        // Of the hashes that the hub lists: nothing is downloaded for it.
        let audit = audit(request).run_listing(series.listing())?;
        Self::sound(id.rsplit('/').next().unwrap_or(id), series, architecture, audit)
    }
}

impl<C> Model<C> {
    fn sound(
        name: &str,
        series: C,
        architecture: Architecture,
        audit: AuditReport,
    ) -> Result<Self, Box<dyn Error>> {
        if audit.verdict() == Verdict::Broken {
            return Err(Failure::input(format!(
                "{name}: not every checkpoint is what its name says.\n\n{audit}\n\
                 Choose --steps without these, or --allow them if you know better."
            ))
            .into());
        }
        let series = Held(RefCell::new(Some(series)));
        Ok(Self { name: name.to_owned(), series, architecture, audit })
    }
}

fn last(steps: &[Step]) -> Result<Step, Failure> {
    steps.last().copied().ok_or_else(|| Failure::input("the series has no steps"))
}

fn audit(request: &Request) -> Audit {
    Audit::new().allow(request.allow.iter().copied())
}

/// A series that can be let go when its model is done, while the plans of all models borrow theirs:
/// a series of the hub removes its last checkpoint only then.
pub(super) struct Held<C>(RefCell<Option<C>>);

impl<C> Held<C> {
    /// Drops the series. It is not asked for anything after that.
    pub(super) fn release(&self) {
        self.0.take();
    }

    fn with<R>(&self, ask: impl FnOnce(&C) -> R) -> R {
        ask(self.0.borrow().as_ref().expect("a series is released when its model is done"))
    }
}

impl<C: CheckpointSeries> CheckpointSeries for Held<C> {
    type Source = C::Source;
    type Error = C::Error;

    fn steps(&self) -> Result<Vec<Step>, C::Error> {
        self.with(|series| series.steps())
    }

    fn open(&self, step: Step) -> Result<C::Source, C::Error> {
        self.with(|series| series.open(step))
    }

    fn fingerprint(&self, step: Step) -> Result<Option<String>, C::Error> {
        self.with(|series| series.fingerprint(step))
    }

    fn bytes_to_fetch(&self, steps: &[Step]) -> u64 {
        self.with(|series| series.bytes_to_fetch(steps))
    }

    fn prefetch(&self, step: Step) {
        self.with(|series| series.prefetch(step));
    }
}
