//! The one error of this crate.

use std::path::Path;

use settling_core::BoxError;

/// Why a study could not be done. The message names the model, the step and the file.
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
    /// What was asked for does not make sense: no such step, a name that is no folder name, too few
    /// sequences.
    Usage,
    /// A checkpoint or the tokens cannot be read, or do not fit each other.
    Input,
    /// The model could not be run on an input that is sound: not enough memory, a device that
    /// fails.
    Compute,
    /// The output folder cannot be read or written.
    Output,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// An error of a source, a model or a file, under a heading that says where it happened.
    pub(crate) fn caused(kind: ErrorKind, heading: &str, cause: impl Into<BoxError>) -> Self {
        let cause = cause.into();
        Self { kind, message: format!("{heading}: {cause}"), cause: Some(cause) }
    }

    pub(crate) fn output(doing: &str, path: &Path, cause: impl Into<BoxError>) -> Self {
        Self::caused(ErrorKind::Output, &format!("cannot {doing} {}", path.display()), cause)
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error of a series, an adapter, token rows or a file that this one reports, for a caller
    /// that looks for its type. Its text is part of the message, so it is no
    /// [source](std::error::Error::source).
    #[must_use]
    pub fn get_ref(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}
