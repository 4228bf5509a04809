//! A training run, checkpoint by checkpoint.

use crate::error::BoxError;
use crate::step::Step;
use crate::tensor::TensorSource;

/// The checkpoints of one training run.
///
/// Steps may be opened in any order and more than once. An implementor decides what "open" costs; a
/// study drops the source before it opens the next one, so a lazy source keeps memory flat.
pub trait CheckpointSeries {
    /// One opened checkpoint.
    type Source: TensorSource;
    /// Why the series or a checkpoint could not be read.
    type Error: Into<BoxError>;

    /// The steps that can be opened: ascending, without repetition, at least one.
    ///
    /// # Errors
    ///
    /// If the series cannot be listed or has no step.
    fn steps(&self) -> Result<Vec<Step>, Self::Error>;

    /// Opens the checkpoint of `step`.
    ///
    /// # Errors
    ///
    /// If there is no such step, or its files are missing or malformed.
    fn open(&self, step: Step) -> Result<Self::Source, Self::Error>;

    /// A hash of everything that a model is made of at `step`, its weights and its configuration,
    /// if the series knows one without opening the checkpoint, as a hub does. A caller that caches
    /// results can then skip a finished step without downloading it.
    ///
    /// Two steps with the same fingerprint are the same model. The reverse need not hold: the same
    /// weights in other files may have another one.
    ///
    /// # Errors
    ///
    /// If there is no such step.
    fn fingerprint(&self, step: Step) -> Result<Option<String>, Self::Error> {
        let _ = step;
        Ok(None)
    }

    /// How many bytes of the weights of `steps` have to be fetched before they can be read: 0 of a
    /// series on this machine.
    fn bytes_to_fetch(&self, steps: &[Step]) -> u64 {
        let _ = steps;
        0
    }

    /// A hint that `step` will be opened soon: a series that fetches its checkpoints may begin to.
    /// It returns at once, and what fails is told when the step is opened.
    fn prefetch(&self, step: Step) {
        let _ = step;
    }
}

impl<S: CheckpointSeries + ?Sized> CheckpointSeries for &S {
    type Source = S::Source;
    type Error = S::Error;

    fn steps(&self) -> Result<Vec<Step>, S::Error> {
        (**self).steps()
    }

    fn open(&self, step: Step) -> Result<S::Source, S::Error> {
        (**self).open(step)
    }

    fn fingerprint(&self, step: Step) -> Result<Option<String>, S::Error> {
        (**self).fingerprint(step)
    }

    fn bytes_to_fetch(&self, steps: &[Step]) -> u64 {
        (**self).bytes_to_fetch(steps)
    }

    fn prefetch(&self, step: Step) {
        (**self).prefetch(step);
    }
}

impl<S: CheckpointSeries + ?Sized> CheckpointSeries for Box<S> {
    type Source = S::Source;
    type Error = S::Error;

    fn steps(&self) -> Result<Vec<Step>, S::Error> {
        (**self).steps()
    }

    fn open(&self, step: Step) -> Result<S::Source, S::Error> {
        (**self).open(step)
    }

    fn fingerprint(&self, step: Step) -> Result<Option<String>, S::Error> {
        (**self).fingerprint(step)
    }

    fn bytes_to_fetch(&self, steps: &[Step]) -> u64 {
        (**self).bytes_to_fetch(steps)
    }

    fn prefetch(&self, step: Step) {
        (**self).prefetch(step);
    }
}
