//! What the hub lists: revisions, commits, files and their hashes.

use std::fmt;

/// A branch or tag, and the commit that it names now. A branch can be moved; record the commit.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct Revision {
    /// The name: `main`, `step1000`, ...
    pub name: String,
    /// The commit, in hexadecimal.
    pub commit: String,
}

/// A commit of a branch's history.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Commit {
    /// The commit, in hexadecimal.
    pub id: String,
    /// The first line of its message.
    pub title: String,
}

/// A file of a commit, as the hub lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RemoteFile {
    /// Its path in the repository, with `/`. It leads nowhere else.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The hash of its content.
    pub hash: FileHash,
}

/// The hash by which the hub knows a file's content. The cache keeps the file under it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FileHash {
    /// SHA-256 of the content: of large files, such as weights.
    Sha256(String),
    /// Git's object id, SHA-1 over `blob <size>\0` and the content: of small files.
    Git(String),
}

impl FileHash {
    /// The hash in lower-case hexadecimal: 64 digits, or 40.
    #[must_use]
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::Git(hex) => hex,
        }
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(hex) => write!(f, "sha256 {hex}"),
            Self::Git(hex) => write!(f, "git sha1 {hex}"),
        }
    }
}
