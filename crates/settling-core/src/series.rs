use crate::{Step, TensorSource};

/// The checkpoints of one training run.
///
/// Steps may be opened in any order and more than once. An implementor decides what "open" costs; a study drops the source
/// before it opens the next one, so a lazy source keeps memory flat.
pub trait CheckpointSeries {
    /// One opened checkpoint.
    type Source: TensorSource;
    /// Why the series or a checkpoint could not be read.
    type Error;

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
}
