use std::fmt;

use tch::TchError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a model could not be loaded or run.
///
/// [`kind`](Error::kind) says what sort of problem it is; the message names the tensor, row or operation, what was expected
/// and what was found.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Cause>,
}

/// The sort of an [`Error`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The settings of the model or of the capture do not fit together.
    Config,
    /// A weight is missing, cannot be read, or has another shape or type than the architecture asks for.
    Weights,
    /// The tokens do not fit the model: an id outside the vocabulary, rows too long or too short.
    Tokens,
    /// The device does not exist, or this libtorch cannot use it.
    Device,
    /// There was not enough memory on the device or the host.
    OutOfMemory,
    /// libtorch reported any other failure.
    Libtorch,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Cause>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Says what was being done when libtorch failed.
pub(crate) trait Context<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Context<T> for Result<T, TchError> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|error| {
            let text = error.to_string();
            // libtorch has no error codes: the words are its own, for a GPU and for the host.
            let (kind, hint) =
                if text.contains("out of memory") || text.contains("can't allocate memory") {
                    (ErrorKind::OutOfMemory, ": out of memory; use a smaller micro-batch")
                } else {
                    (ErrorKind::Libtorch, "")
                };
            // The first line says what happened; a C++ stack trace follows.
            let line = text.lines().next().unwrap_or_default();
            Error::new(kind, format!("{}{hint}: {line}", doing())).with_source(error)
        })
    }
}
