use std::fmt;
use std::path::Path;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a checkpoint could not be read or written. The message names the file, the tensor, what was
/// expected and what was found.
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
    /// A file or folder could not be opened, read or written.
    Io,
    /// A file that should be there is not.
    MissingFile,
    /// A series has no steps, two names for the same step, or not the step asked for.
    Steps,
    /// A step pattern, or the name of a revision, that cannot be one.
    Pattern,
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
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn at(kind: ErrorKind, path: &Path, message: impl fmt::Display) -> Self {
        Self::new(kind, format!("{}: {message}", path.display()))
    }

    pub(crate) fn io(doing: &str, path: &Path, error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::MissingFile,
            _ => ErrorKind::Io,
        };
        let message = format!("cannot {doing} {}: {error}", path.display());
        Self { kind, message, source: Some(error.into()) }
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

/// Why a file, or what is in it, cannot be read, before it is known what to call it.
#[derive(Debug)]
pub(crate) enum Fault {
    Read(Error),
    Format(String),
}

impl Fault {
    /// The same, with the place in the file.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        match self {
            Self::Format(message) => Self::Format(format!("{place}: {message}")),
            read @ Self::Read(_) => read,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Read(error)
    }
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::Format(message)
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Self::Format(message.to_owned())
    }
}
