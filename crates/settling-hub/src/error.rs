use std::fmt;
use std::path::Path;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why something of the hub could not be had. The message names the repository, the file, what was
/// expected and found, and what to do.
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
    /// The settings forbid requests (`HF_HUB_OFFLINE`), and what was asked for is not in the cache.
    Offline,
    /// There is no such repository, revision or file.
    NotFound,
    /// The hub wants a token, or another one: the repository is private or gated.
    Access,
    /// No answer, an answer that broke off, or an error of the server, each time that it was tried.
    Network,
    /// An answer that is not what the hub's protocol says.
    Protocol,
    /// What came is not what the hub says the file is: another size or another hash.
    Integrity,
    /// A file of the cache could not be read or written.
    Cache,
    /// The name of a repository, a revision, or a setting that cannot be one.
    Usage,
    /// A series has no steps, two revisions for one step, or not the step asked for.
    Steps,
    /// A file is there and what the hub says it is, and cannot be read as what it should be.
    Content,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    pub(crate) fn caused(kind: ErrorKind, message: String, cause: impl Into<Cause>) -> Self {
        Self { kind, message, source: Some(cause.into()) }
    }

    pub(crate) fn cache(doing: &str, path: &Path, error: std::io::Error) -> Self {
        let message = format!("cannot {doing} {}: {error}", path.display());
        Self::caused(ErrorKind::Cache, message, error)
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<settling_checkpoint::Error> for Error {
    fn from(error: settling_checkpoint::Error) -> Self {
        Self::caused(ErrorKind::Content, error.to_string(), error)
    }
}

impl From<settling_tokens::Error> for Error {
    fn from(error: settling_tokens::Error) -> Self {
        Self::caused(ErrorKind::Content, error.to_string(), error)
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
