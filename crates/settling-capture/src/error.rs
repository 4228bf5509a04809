//! The one error of this crate.

use settling_core::BoxError;

/// Why a model could not be loaded or run, or a matrix not be dealt with on a device.
///
/// [`kind`](Error::kind) says what sort of problem it is; the message names the tensor, row or
/// operation, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    cause: Option<BoxError>,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The settings of the model or of the capture do not fit together.
    Config,
    /// A weight is missing, cannot be read, or has another shape or type than the architecture asks
    /// for.
    Weights,
    /// The tokens do not fit the model: an id outside the vocabulary, rows too long or too short.
    Tokens,
    /// A matrix was refused or has no answer: an element is not finite, or a shape does not fit
    /// those before.
    Matrix,
    /// The device does not exist, this libtorch cannot use it, or it lacks the arithmetic.
    Device,
    /// There was not enough memory on the device or the host. Activations on a GPU, gradients and
    /// logits say so only when a single sequence does not fit; activations on a CPU at once, as
    /// some of their rows may have been delivered: use a smaller
    /// [`micro_batch`](crate::Engine::micro_batch).
    OutOfMemory,
    /// A GPU failed: a device-side assertion, an illegal access, a lost driver. It cannot be used
    /// again in this process, and is not: every later call fails with this kind too.
    DeviceFailed,
    /// libtorch reported any other failure.
    Libtorch,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// An error of a checkpoint or an architecture, under a heading that says what was being done.
    pub(crate) fn caused(kind: ErrorKind, doing: &str, cause: impl Into<BoxError>) -> Self {
        let cause = cause.into();
        Self { kind, message: format!("{doing}: {cause}"), cause: Some(cause) }
    }

    /// The error of another crate in its own words, which say what was being done.
    pub(crate) fn relayed(kind: ErrorKind, cause: impl Into<BoxError>) -> Self {
        let cause = cause.into();
        Self { kind, message: cause.to_string(), cause: Some(cause) }
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error of a checkpoint or of another crate that this one reports, for a caller that looks
    /// for its type. Its text is part of the message, so it is no
    /// [source](std::error::Error::source).
    #[must_use]
    pub fn get_ref(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}
