use std::path::Path;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a study could not be done. The message names the model, the step and the file.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Cause>,
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
        Self { kind, message: message.into(), source: None }
    }

    /// An error of a source, a model or a file, under a heading that says where it happened.
    pub(crate) fn caused(kind: ErrorKind, heading: &str, cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        Self { kind, message: format!("{heading}: {cause}"), source: Some(cause) }
    }

    pub(crate) fn output(doing: &str, path: &Path, cause: impl Into<Cause>) -> Self {
        Self::caused(ErrorKind::Output, &format!("cannot {doing} {}", path.display()), cause)
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
