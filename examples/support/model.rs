//! A model of a study: its checkpoints, looked at before anything is computed.

use std::error::Error;
use std::path::Path;

use settling::checkpoint::{Audit, AuditReport, StepDirectories, Verdict};
use settling::core::{CheckpointSeries, Step};
use settling::hub::{Hub, HubSeries};
use settling::models::Architecture;
use settling::models::parse_config;

use super::some_steps::SomeSteps;
use super::{Failure, Place, Plan};

/// A model whose checkpoints are what their names say.
pub(crate) struct Model<C> {
    pub(crate) name: String,
    pub(crate) series: C,
    pub(crate) architecture: Architecture,
    pub(crate) audit: AuditReport,
}

/// A series of which part has to be fetched first.
pub(crate) trait Fetched: CheckpointSeries {
    /// How many bytes of these steps are not on this machine.
    fn to_fetch(&self, steps: &[Step]) -> u64;
}

impl Fetched for SomeSteps {
    fn to_fetch(&self, _: &[Step]) -> u64 {
        0
    }
}

impl Fetched for HubSeries {
    fn to_fetch(&self, steps: &[Step]) -> u64 {
        self.missing_size(steps)
    }
}

impl Model<SomeSteps> {
    pub(crate) fn of_folder(plan: &Plan, suite: &Path, name: &str) -> Result<Self, Box<dyn Error>> {
        let pattern = plan.pattern.clone().unwrap_or_default();
        let series = StepDirectories::open_with(suite.join(name), &pattern)?;
        let series = SomeSteps::new(series, plan.steps.as_deref())?;
        let last = *series.steps()?.last().ok_or("the series has no steps")?;
        let architecture = series.open(last)?.architecture()?;
        // One pass over the files. Distances, which take three more, are for `audit_suite`.
        let audit = audit(plan).distances(false).run_on_files(&series)?;
        Self::sound(name, series, architecture, audit)
    }
}

impl Model<HubSeries> {
    pub(crate) fn of_hub(plan: &Plan, hub: &Hub, id: &str) -> Result<Self, Box<dyn Error>> {
        let series = HubSeries::builder(hub, id)
            .pattern(plan.pattern.clone())
            .steps(plan.steps.clone())
            .delete_after(plan.place == Place::Hub { delete_after: true })
            .open()?;
        let last = *series.steps()?.last().ok_or("the series has no steps")?;
        let path = series.fetch_file(last, "config.json")?;
        let architecture = parse_config(&std::fs::read_to_string(path)?)?;
        // Of the hashes that the hub lists: nothing is downloaded for it.
        let audit = audit(plan).run_listing(series.listing())?;
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
            let message = format!(
                "{name}: not every checkpoint is what its name says.\n\n{audit}\n\
                 Choose --steps without these, or --allow them if you know better."
            );
            return Err(Failure { code: 3, message }.into());
        }
        Ok(Self { name: name.to_owned(), series, architecture, audit })
    }
}

fn audit(plan: &Plan) -> Audit {
    Audit::new().allow(plan.allow.iter().copied())
}
