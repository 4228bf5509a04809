//! What a checkpoint is.

use settling_checkpoint::content_hash;
use settling_core::{BoxError, TensorSource};

use crate::hash::sha256;

/// What a checkpoint is: its weights, and the configuration that they are run with.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// A hash of the weights, or the fingerprint that the series knows: for the manifest.
    pub(crate) weights: String,
    /// A hash of the weights and the configuration: for the key of a unit.
    pub(crate) whole: String,
}

impl Identity {
    /// The identity of a checkpoint whose series knows a hash of all that a model is made of.
    pub(crate) fn from_fingerprint(fingerprint: String) -> Self {
        Self { whole: fingerprint.clone(), weights: fingerprint }
    }

    /// Reads the weights.
    pub(crate) fn from_source<S: TensorSource>(
        source: &S,
        configuration: &str,
    ) -> Result<Self, BoxError> {
        let weights = content_hash(source).map_err(Into::into)?;
        let whole = sha256(format!("{weights}\n{configuration}").as_bytes());
        Ok(Self { weights, whole })
    }
}
