//! A checkpoint that knows what model it is of.

use settling_core::{BoxError, TensorSource};

use crate::architecture::Architecture;

/// A checkpoint that says what model it is of, beside its tensors: one in a folder with a
/// `config.json`, say. Each step of a run speaks for itself.
pub trait ModelSource: TensorSource {
    /// The architecture, as this checkpoint's own configuration describes it.
    ///
    /// # Errors
    ///
    /// If there is no configuration, or it is not understood.
    fn architecture(&self) -> Result<Architecture, BoxError>;
}

impl<S: ModelSource + ?Sized> ModelSource for &S {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        (**self).architecture()
    }
}

impl<S: ModelSource + ?Sized> ModelSource for Box<S> {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        (**self).architecture()
    }
}
