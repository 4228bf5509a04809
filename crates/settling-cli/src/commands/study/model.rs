//! A model of a study: its checkpoints, looked at before anything is computed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use settling::Study;
use settling::checkpoint::{Audit, AuditReport, Finding};
use settling::core::{BoxError, CheckpointSeries, Step};
use settling::models::{Architecture, ModelSource};

use super::request::Request;
use super::some_steps::SomeSteps;
use crate::allow;
use crate::exit::{Failure, Fallible};

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
        study: &Study,
        suite: &Path,
        name: &str,
    ) -> Fallible<Self> {
        let series = SomeSteps::open(request, study, suite, name)?;
        let architecture = series.open(last(&series.steps()?)?)?.architecture()?;
        // One pass over the files. Distances, which take three more, are for `settling audit`.
        let audit = request.audit.clone().distances(false).run_on_files(&series)?;
        sound(name, &audit)?;
        let series = Held::new(name, series, None);
        Ok(Self { name: name.to_owned(), series, architecture, audit })
    }
}

#[cfg(feature = "hub")]
impl Model<settling::hub::HubSeries> {
    pub(super) fn of_hub(
        request: &Request,
        hub: &settling::hub::Hub,
        id: &str,
        delete_after: bool,
    ) -> Fallible<Self> {
        use settling::hub::HubSeries;

        let series = HubSeries::builder(hub, id)
            .pattern(request.pattern.clone())
            .steps(request.steps.clone())
            .delete_after(delete_after)
            .open()?;
        let of_step = |step: Step| -> Fallible<Architecture> {
            let config = series.fetch_file(step, "config.json")?;
            Ok(settling::models::parse_config(&std::fs::read_to_string(config)?)?)
        };
        let architecture = of_step(last(&series.steps()?)?)?;
        // Of the hashes that the hub lists, and of configurations where these are not the same one.
        // What is in the weights is seen when they are fetched.
        let configuration = |step| Some(of_step(step).map_err(|error| error.to_string()));
        let audit = request.audit.run_listing_with(series.listing(), configuration)?;
        let name = request.name(id);
        sound(&name, &audit)?;
        let series = Held::new(&name, series, Some(request.audit.clone()));
        Ok(Self { name, series, architecture, audit })
    }
}

/// Refuses checkpoints of which an audit finds what is not allowed.
fn sound(name: &str, audit: &AuditReport) -> Result<(), Failure> {
    let Some(how) = allow::how_to_go_on(audit) else { return Ok(()) };
    let found: Vec<String> = audit.refusals().map(ToString::to_string).collect();
    Err(Failure::input(format!(
        "{name}: not every checkpoint is what it should be.\n\n{}\n\nChoose --steps without these. {how}",
        found.join("\n")
    )))
}

fn last(steps: &[Step]) -> Result<Step, Failure> {
    steps.last().copied().ok_or_else(|| Failure::input("the series has no steps"))
}

/// A series that can be let go when its model is done, while the plans of all models borrow theirs:
/// a series of the hub removes its last checkpoint only then.
pub(super) struct Held<C> {
    name: String,
    series: RefCell<Option<C>>,
    /// What looks at a checkpoint when it is opened for the first time, if that was not done
    /// before.
    audit: Option<Audit>,
    findings: RefCell<BTreeMap<Step, Vec<Finding>>>,
}

impl<C> Held<C> {
    fn new(name: &str, series: C, audit: Option<Audit>) -> Self {
        let (series, findings) = (RefCell::new(Some(series)), RefCell::default());
        Self { name: name.to_owned(), series, audit, findings }
    }

    /// Drops the series. It is not asked for anything after that.
    pub(super) fn release(&self) {
        self.series.take();
    }

    /// What was found in the checkpoints when they were opened.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.findings.borrow().values().flatten().cloned().collect()
    }

    fn with<R>(&self, ask: impl FnOnce(&C) -> R) -> R {
        ask(self.series.borrow().as_ref().expect("a series is released when its model is done"))
    }

    /// Looks at a checkpoint that was just opened.
    fn look<S: ModelSource>(&self, step: Step, source: &S) -> Result<(), BoxError> {
        let Some(audit) = &self.audit else { return Ok(()) };
        if self.findings.borrow().contains_key(&step) {
            return Ok(());
        }
        let found = audit.run_on_one(Some(step), source).map_err(Into::into)?;
        let report = AuditReport::default().with_findings(found.clone());
        self.findings.borrow_mut().insert(step, found);
        Ok(sound(&self.name, &report)?)
    }
}

impl<C> CheckpointSeries for Held<C>
where
    C: CheckpointSeries<Source: ModelSource>,
{
    type Source = C::Source;
    type Error = BoxError;

    fn steps(&self) -> Result<Vec<Step>, BoxError> {
        self.with(|series| series.steps()).map_err(Into::into)
    }

    fn open(&self, step: Step) -> Result<C::Source, BoxError> {
        let source = self.with(|series| series.open(step)).map_err(Into::into)?;
        self.look(step, &source)?;
        Ok(source)
    }

    fn fingerprint(&self, step: Step) -> Result<Option<String>, BoxError> {
        self.with(|series| series.fingerprint(step)).map_err(Into::into)
    }

    fn bytes_to_fetch(&self, steps: &[Step]) -> u64 {
        self.with(|series| series.bytes_to_fetch(steps))
    }

    fn prefetch(&self, step: Step) {
        self.with(|series| series.prefetch(step));
    }
}
