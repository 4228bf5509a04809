//! The one error of this crate.

use std::fmt;
use std::path::Path;

use settling_core::BoxError;

/// Why a checkpoint could not be read or written. The message names the file, the tensor, what was
/// expected and what was found.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    cause: Option<BoxError>,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file or folder could not be opened, read or written.
    Io,
    /// A file that should be there is not.
    MissingFile,
    /// A series has no steps, two names for the same step, or not the step asked for.
    Steps,
    /// An invalid step pattern, or an invalid name of a revision.
    Pattern,
    /// No finding of an audit has this name.
    Finding,
    /// A file is not what it should be: another format, cut, or with a header that contradicts
    /// itself.
    Format,
    /// There is no tensor of that name.
    MissingTensor,
    /// A tensor has an element type that this crate does not read.
    Dtype,
    /// A `config.json` that is not JSON, lacks a setting, or has one that does not fit.
    Config,
    /// A `config.json` of an architecture, or of a variant, that is not supported.
    UnsupportedArchitecture,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: None }
    }

    /// An error of something below, after what was being done.
    pub(crate) fn caused(kind: ErrorKind, doing: &str, cause: impl Into<BoxError>) -> Self {
        let cause = cause.into();
        Self { kind, message: format!("{doing}: {cause}"), cause: Some(cause) }
    }

    pub(crate) fn at(kind: ErrorKind, path: &Path, message: impl fmt::Display) -> Self {
        Self::new(kind, format!("{}: {message}", path.display()))
    }

    pub(crate) fn io(doing: &str, path: &Path, error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::MissingFile,
            _ => ErrorKind::Io,
        };
        Self::caused(kind, &format!("cannot {doing} {}", path.display()), error)
    }

    /// The same error, its message after a word on where it happened.
    pub(crate) fn within(self, place: &str) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error of a file that this one reports, for a caller that looks for its type. Its text is
    /// part of the message, so it is no [source](std::error::Error::source).
    #[must_use]
    pub fn get_ref(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_told_once_and_can_be_looked_at() {
        let cause = io::Error::from(io::ErrorKind::AlreadyExists);
        let text = cause.to_string();
        let error = Error::io("write", Path::new("a/b"), cause).within("revision main");
        assert_eq!(error.to_string(), format!("revision main: cannot write a/b: {text}"));
        assert!(error.source().is_none());
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<io::Error>());
        assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::AlreadyExists));
        assert!(Error::new(ErrorKind::Format, "x").get_ref().is_none());
    }
}
