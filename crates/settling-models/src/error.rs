//! The one error of this crate.

/// Why a model is not understood. The message names the setting or the tensor, what was expected
/// and what was found; the file, which this crate has not opened, it does not name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A configuration that is not JSON, lacks a setting, or has one that does not fit.
    Config,
    /// A configuration of an architecture, or of a variant, that is not supported.
    Unsupported,
    /// Sizes that do not fit each other, or are beyond any model.
    Sizes,
    /// A tensor that is not as the architecture describes it.
    Tensor,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An error of something below, after what was being done.
    pub(crate) fn caused(kind: ErrorKind, doing: &str, cause: impl std::fmt::Display) -> Self {
        Self::new(kind, format!("{doing}: {cause}"))
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
