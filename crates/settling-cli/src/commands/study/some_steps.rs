//! The steps of a folder that a study opens.

use settling::checkpoint::{Error, StepDirectories};
use settling::core::{CheckpointSeries, Step};

/// Some steps of a series, and always the last: what a study opens, so that an audit of it opens no
/// more.
pub(super) struct SomeSteps {
    series: StepDirectories,
    steps: Vec<Step>,
}

impl SomeSteps {
    /// The steps that are among `chosen`; a study says which of those are not there.
    pub(super) fn new(series: StepDirectories, chosen: Option<&[Step]>) -> Result<Self, Error> {
        let mut steps = series.steps()?;
        let last = steps.last().copied();
        if let Some(chosen) = chosen {
            steps.retain(|step| Some(*step) == last || chosen.contains(step));
        }
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
