use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use settling_core::{CheckpointSeries, Step};

use crate::Checkpoint;
use crate::error::{Error, ErrorKind};

/// The checkpoints of one training run, in folders `step0`, `step1`, `step2`, ... of one folder. Other entries are ignored.
#[derive(Clone, Debug)]
pub struct StepDirectories {
    folder: PathBuf,
    steps: BTreeMap<Step, PathBuf>,
}

impl StepDirectories {
    /// Lists the steps in `folder`. The checkpoints themselves are opened later.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, has no folder `step<N>`, or has two for the same step.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let io = |error| Error::io("read the folder", folder, error);
        let mut steps = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // `512` alone parses as a step too, but is no folder of ours.
            let Some(step) =
                name.strip_prefix("step").and_then(|digits| digits.parse::<Step>().ok())
            else {
                continue;
            };
            if !path.is_dir() {
                continue;
            }
            if let Some(other) = steps.insert(step, path.clone()) {
                let message =
                    format!("{} and {} are the same step", other.display(), path.display());
                return Err(Error::new(ErrorKind::Steps, message));
            }
        }
        if steps.is_empty() {
            let message = "has no step folders: expected folders such as step0 and step512";
            return Err(Error::at(ErrorKind::Steps, folder, message));
        }
        Ok(Self { folder: folder.to_path_buf(), steps })
    }
}

impl CheckpointSeries for StepDirectories {
    type Source = Checkpoint;
    type Error = Error;

    fn steps(&self) -> Result<Vec<Step>, Error> {
        Ok(self.steps.keys().copied().collect())
    }

    fn open(&self, step: Step) -> Result<Checkpoint, Error> {
        let Some(folder) = self.steps.get(&step) else {
            let there = self.steps.keys().map(Step::to_string).collect::<Vec<_>>().join(", ");
            let message = format!("has no step {step}; it has {there}");
            return Err(Error::at(ErrorKind::Steps, &self.folder, message));
        };
        Checkpoint::open(folder)
    }
}
