use crate::{Step, TensorSource};

/// The checkpoints of one training run.
///
/// Steps may be opened in any order and more than once. An implementor decides what "open" costs; a
/// study drops the source before it opens the next one, so a lazy source keeps memory flat.
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

    /// A hash of the weights of `step`, if the series knows one without opening it, as a hub does.
    /// Who keeps results by what they were computed from can then tell that a step is done before
    /// gigabytes of it are fetched.
    ///
    /// Two steps with the same fingerprint have the same weights. The reverse need not hold: the
    /// same weights in other files may have another one.
    ///
    /// # Errors
    ///
    /// If there is no such step.
    fn fingerprint(&self, step: Step) -> Result<Option<String>, Self::Error> {
        let _ = step;
        Ok(None)
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

    fn prefetch(&self, step: Step) {
        (**self).prefetch(step);
    }
}
