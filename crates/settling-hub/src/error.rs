//! The one error of this crate.

use std::fmt;
use std::path::Path;

/// Why a request to the hub failed, or what came of it cannot be used. The message names the
/// repository, the file, what was expected and found, and what to do.
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
    /// An invalid name of a repository or revision, or an invalid setting.
    Usage,
    /// A series has no steps, two revisions for one step, or not the step asked for.
    Steps,
    /// A file is there and what the hub says it is, and cannot be read as what it should be.
    Content,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An error of something below, after what was being done.
    pub(crate) fn caused(kind: ErrorKind, doing: &str, cause: impl fmt::Display) -> Self {
        Self::new(kind, format!("{doing}: {cause}"))
    }

    pub(crate) fn cache(doing: &str, path: &Path, error: std::io::Error) -> Self {
        Self::caused(ErrorKind::Cache, &format!("cannot {doing} {}", path.display()), error)
    }

    /// An error of a reader, which names the file itself.
    pub(crate) fn content(error: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Content, error.to_string())
    }

    /// The same error with more to say at its end.
    pub(crate) fn and(self, more: &str) -> Self {
        Self { message: format!("{}; {more}", self.message), ..self }
    }

    /// The sort of the problem.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
