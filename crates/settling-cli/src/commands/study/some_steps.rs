//! The steps of a folder that a study opens.

use std::path::Path;

use settling::Study;
use settling::checkpoint::{Error, StepDirectories};
use settling::core::{CheckpointSeries, Step};

use super::request::Request;
use crate::exit::Fallible;

/// The steps of a series that a study takes, so that an audit of it opens no more.
pub(super) struct SomeSteps {
    series: StepDirectories,
    steps: Vec<Step>,
}

impl SomeSteps {
    /// Lists the steps of a model of a suite. No checkpoint is opened.
    pub(super) fn open(
        request: &Request,
        study: &Study,
        suite: &Path,
        name: &str,
    ) -> Fallible<Self> {
        let pattern = request.pattern.clone().unwrap_or_default();
        let series = request.part.of_each(StepDirectories::open_with(suite.join(name), &pattern)?);
        let steps = study.choose_steps(name, &series.steps()?)?;
        Ok(Self { series, steps })
    }
}

impl CheckpointSeries for SomeSteps {
    type Source = <StepDirectories as CheckpointSeries>::Source;
    type Error = Error;

    fn steps(&self) -> Result<Vec<Step>, Error> {
        Ok(self.steps.clone())
    }

    fn open(&self, step: Step) -> Result<Self::Source, Error> {
        self.series.open(step)
    }
}
