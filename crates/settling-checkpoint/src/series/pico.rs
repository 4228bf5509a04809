//! What Pico's trainer records of a run as it goes.

use std::fmt;
use std::path::Path;

use settling_core::{CheckpointSeries, Signal, Step};

use super::pattern::StepPattern;
use super::steps::StepDirectories;
use crate::checkpoint::Checkpoint;
use crate::error::Error;

/// What Pico's trainer records of a run as it goes ("learning dynamics"): a few tensors of every
/// layer at every saved step.
///
/// A step has up to six files, one for each [`PicoSplit`] and [`Signal`]; a series is of one kind
/// of file. Its tensors are named by layer and module, such as `0.attention.v_proj`: the prefix
/// that a file's names have in common (`layers.`, with what wrappers of the model put before it) is
/// taken off, and [`Checkpoint::prefix`] has it. A weight or a gradient has the shape (outputs,
/// inputs), an activation (examples, outputs) at one position of each example, in the element type
/// of the run (bf16 or f32).
///
/// ```no_run
/// use settling_checkpoint::{PicoDynamics, PicoSplit};
/// use settling_core::{CheckpointSeries, Signal, TensorSource};
///
/// let series = PicoDynamics::open("runs/pico-decoder-tiny-1", PicoSplit::Val, Signal::Gradient)?;
/// for step in series.steps()? {
///     let gradients = series.open(step)?;
///     let tensor = gradients.read("0.attention.v_proj")?;
///     println!("{step}: {}{:?}", gradients.prefix(), tensor.shape());
/// }
/// # Ok::<(), settling_checkpoint::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PicoDynamics {
    files: StepDirectories,
}

impl PicoDynamics {
    /// Lists the steps of the run in `folder` that have this file,
    /// `checkpoints/step_N/learning_dynamics/{split}_{signal}s.pt`. The folder may also be
    /// `checkpoints` itself, or any other one of folders `step_N`.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, has no step with this file, or has two folders for the same
    /// step.
    pub fn open(folder: impl AsRef<Path>, split: PicoSplit, signal: Signal) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let checkpoints = folder.join("checkpoints");
        let folder = if checkpoints.is_dir() { &checkpoints } else { folder };
        let pattern: StepPattern = "step_{N}".parse()?;
        Ok(Self { files: StepDirectories::open_files(folder, &pattern, split.file(signal))? })
    }
}

impl CheckpointSeries for PicoDynamics {
    type Source = Checkpoint;
    type Error = Error;

    fn steps(&self) -> Result<Vec<Step>, Error> {
        self.files.steps()
    }

    fn open(&self, step: Step) -> Result<Checkpoint, Error> {
        Ok(self.files.open(step)?.without_common_prefix())
    }
}

/// The data on which Pico's trainer records what a model does.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum PicoSplit {
    /// The batch of the step.
    Train,
    /// Examples that are the same at every step.
    Val,
}

impl PicoSplit {
    /// Both splits.
    pub const ALL: [Self; 2] = [Self::Train, Self::Val];

    /// The path of a file of learning dynamics, from the folder of its step or from the root of a
    /// commit of the hub.
    ///
    /// ```
    /// use settling_checkpoint::PicoSplit;
    /// use settling_core::Signal;
    ///
    /// assert_eq!(PicoSplit::Train.file(Signal::Weight), "learning_dynamics/train_weights.pt");
    /// ```
    #[must_use]
    pub fn file(self, signal: Signal) -> String {
        format!("learning_dynamics/{self}_{}s.pt", signal.name())
    }
}

impl fmt::Display for PicoSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Val => "val",
        })
    }
}

/// What the title of a commit says that the commit holds, in a repository that Pico's trainer
/// writes: there the steps of a run are not branches but commits on one branch.
///
/// The files of a commit that its title does not name may still be those of an earlier step.
///
/// ```
/// use settling_checkpoint::{PicoCommit, PicoContent, PicoSplit};
/// use settling_core::Step;
///
/// let commit = PicoCommit::parse("Saving Learning Dynamics Data (train) -- Step 1000");
/// let content = PicoContent::Dynamics(PicoSplit::Train);
/// assert_eq!(commit, Some(PicoCommit { step: Step(1000), content }));
/// let commit = PicoCommit::parse("Saving HF Model -- Step 1000");
/// assert_eq!(commit, Some(PicoCommit { step: Step(1000), content: PicoContent::Model }));
/// assert_eq!(PicoCommit::parse("Saving Evaluation Results -- Step 1000"), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PicoCommit {
    /// The step that was saved.
    pub step: Step,
    /// What was saved of it.
    pub content: PicoContent,
}

/// What a [`PicoCommit`] holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PicoContent {
    /// The model, in the files of a [`Checkpoint`].
    Model,
    /// The files of one split: [`PicoSplit::file`].
    Dynamics(PicoSplit),
}

impl PicoCommit {
    /// Understands the whole title, or gives `None`: of a commit of something else, or one that
    /// reverts such a commit.
    #[must_use]
    pub fn parse(title: &str) -> Option<Self> {
        let (what, step) = title.trim().strip_prefix("Saving ")?.split_once(" -- Step ")?;
        let content = match what {
            "HF Model" => PicoContent::Model,
            "Learning Dynamics Data (train)" => PicoContent::Dynamics(PicoSplit::Train),
            "Learning Dynamics Data (val)" => PicoContent::Dynamics(PicoSplit::Val),
            _ => return None,
        };
        // Parsing alone would take a sign.
        let digits = step.bytes().all(|byte| byte.is_ascii_digit());
        let step = step.parse().ok().filter(|_| digits)?;
        Some(Self { step: Step(step), content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_that_say_something_else() {
        for title in [
            "",
            "Saving HF Model -- Step ",
            "Saving HF Model -- Step +5",
            "Saving HF Model -- Step -5",
            "Saving HF Model -- Step 5 (again)",
            "Saving HF Model -- Step 18446744073709551616",
            "Saving Learning Dynamics Data (test) -- Step 5",
            "Saving Learning Dynamics Data -- Step 5",
            "Revert \"Saving HF Model -- Step 5\"",
            "saving hf model -- step 5",
            "Saving Fabric Checkpoint -- Step 5",
        ] {
            assert_eq!(PicoCommit::parse(title), None, "{title}");
        }
        for split in PicoSplit::ALL {
            let title = format!(" Saving Learning Dynamics Data ({split}) -- Step 0\n");
            let content = PicoContent::Dynamics(split);
            assert_eq!(PicoCommit::parse(&title), Some(PicoCommit { step: Step(0), content }));
        }
    }
}
