//! Which of several models in the files, as the command line says it.

use clap::Args;
use settling::checkpoint::{Checkpoint, Error, StepDirectories};

// A comment for documentation would become the help of every command that has this.
#[derive(Args, Default)]
pub(crate) struct PartArgs {
    /// Which of several models in the files, such as model_ema or teacher [default: the one that is
    /// named as such, if there is one]
    #[arg(long)]
    pub(crate) part: Option<String>,
}

impl PartArgs {
    /// The part of a checkpoint that is asked for, or all of it.
    pub(crate) fn of(&self, checkpoint: Checkpoint) -> Result<Checkpoint, Error> {
        match &self.part {
            Some(part) => checkpoint.part(part),
            None => Ok(checkpoint),
        }
    }

    /// The same of every checkpoint of a series.
    pub(crate) fn of_each(&self, series: StepDirectories) -> StepDirectories {
        match &self.part {
            Some(part) => series.with_part(part),
            None => series,
        }
    }
}
