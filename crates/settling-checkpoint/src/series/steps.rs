//! The checkpoints in the step folders of one run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use settling_core::{CheckpointSeries, Step};

use super::pattern::StepPattern;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, ErrorKind};

/// The checkpoints of one training run, in folders `step0`, `step1`, `step2`, ... of one folder, or
/// with names of another [`StepPattern`]. Other entries are ignored. A checkpoint is what
/// [`Checkpoint::open`] finds in the folder, or one file in it.
#[derive(Clone, Debug)]
pub struct StepDirectories {
    folder: PathBuf,
    steps: BTreeMap<Step, PathBuf>,
    /// The path of the one file that is read, from the folder of its step.
    file: Option<PathBuf>,
    /// The part of each checkpoint that is read, if it is not all of it.
    part: Option<String>,
}

impl StepDirectories {
    /// Lists the steps in `folder`: its folders `step<N>`. The checkpoints themselves are opened
    /// later.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, has no folder `step<N>`, or has two for the same step.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::list(folder.as_ref(), &StepPattern::default(), None)
    }

    /// Lists the steps in `folder`: its folders that match `pattern`. The checkpoints themselves
    /// are opened later.
    ///
    /// ```
    /// # let runs = tempfile::tempdir()?;
    /// # for name in ["checkpoint-0", "checkpoint-500", "tokenizer"] {
    /// #     std::fs::create_dir(runs.path().join(name))?;
    /// # }
    /// use settling_checkpoint::StepDirectories;
    /// use settling_core::{CheckpointSeries, Step};
    ///
    /// let series = StepDirectories::open_with(runs.path(), &"checkpoint-{N}".parse()?)?;
    /// assert_eq!(series.steps()?, [Step(0), Step(500)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, has no folder that matches, or has two for the same step.
    pub fn open_with(folder: impl AsRef<Path>, pattern: &StepPattern) -> Result<Self, Error> {
        Self::list(folder.as_ref(), pattern, None)
    }

    /// Lists the steps in `folder` that have a file `file`: a series of one file per step, whatever
    /// else there is beside it. It is opened by [`Checkpoint::open_file`].
    ///
    /// ```no_run
    /// use settling_checkpoint::StepDirectories;
    ///
    /// // As in the data set of the paper's metrics.
    /// let pattern = "checkpoint_{N}".parse()?;
    /// let file = "checkpoint_weights.pickle";
    /// let series = StepDirectories::open_files("models/70m", &pattern, file)?;
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, has no folder that matches and has the file, or has two for
    /// the same step.
    pub fn open_files(
        folder: impl AsRef<Path>,
        pattern: &StepPattern,
        file: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        Self::list(folder.as_ref(), pattern, Some(file.as_ref()))
    }

    /// The same series of one part of each checkpoint, such as the `teacher` of files that have a
    /// `student` too: see [`Checkpoint::part`].
    #[must_use]
    pub fn with_part(self, name: &str) -> Self {
        Self { part: Some(name.to_owned()), ..self }
    }

    fn list(folder: &Path, pattern: &StepPattern, file: Option<&Path>) -> Result<Self, Error> {
        let io = |error| Error::io("read the folder", folder, error);
        let mut steps = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(step) = pattern.step(name) else { continue };
            let is_step = file.map_or_else(|| path.is_dir(), |file| path.join(file).is_file());
            if !is_step {
                continue;
            }
            if let Some(other) = steps.insert(step, path.clone()) {
                let message = format!(
                    "{} and {} are the same step, {step}: remove one, or choose a pattern that leaves one out",
                    other.display(),
                    path.display()
                );
                return Err(Error::new(ErrorKind::Steps, message));
            }
        }
        if steps.is_empty() {
            let (some, more) = (pattern.name(Step(0)), pattern.name(Step(512)));
            let message = match some.zip(more) {
                Some((some, more)) => {
                    format!("has no step folders: expected folders such as {some} and {more}")
                }
                None => format!("has no step folders: expected folders named {pattern}"),
            };
            let message = match file {
                Some(file) => format!("{message}, each with a file {}", file.display()),
                None => message,
            };
            return Err(Error::at(ErrorKind::Steps, folder, message));
        }
        let (folder, file) = (folder.to_path_buf(), file.map(Path::to_path_buf));
        Ok(Self { folder, steps, file, part: None })
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
        let checkpoint = match &self.file {
            Some(file) => Checkpoint::open_file(folder.join(file)),
            None => Checkpoint::open(folder),
        }?;
        match &self.part {
            Some(part) => checkpoint.part(part),
            None => Ok(checkpoint),
        }
    }
}
