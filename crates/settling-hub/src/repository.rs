use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, pin_mut, stream};
use hf_hub::{HFError, HFRepository, RepoTypeDataset, RepoTypeModel};

use crate::bytes::RemoteBytes;
use crate::cache::Cache;
use crate::connection::{Connection, Failure};
use crate::error::{Error, ErrorKind};
use crate::names::{check_revision, is_commit, is_plain_path};
use crate::{download, tree};

/// A file as it comes.
pub(crate) type ByteStream = Box<dyn Stream<Item = Result<Bytes, HFError>> + Send + Unpin>;

/// How many requests for listings are under way at once.
const AT_ONCE: usize = 16;

/// A repository of the hub, and what the cache has of it.
#[derive(Clone)]
pub struct Repository {
    pub(crate) connection: Arc<Connection>,
    pub(crate) cache: Cache,
    kind: Kind,
    id: Arc<str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Model,
    Dataset,
}

impl Kind {
    /// As in the addresses of the hub's interface, and in the names of the cache's folders.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Model => "models",
            Self::Dataset => "datasets",
        }
    }
}

/// hf-hub has a type a kind of repository.
macro_rules! with_handle {
    ($repository:expr, $handle:ident => $body:expr) => {{
        let hf = &$repository.connection.hf;
        let (owner, name) = hf_hub::split_id(&$repository.id);
        match $repository.kind {
            Kind::Model => {
                let $handle: HFRepository<RepoTypeModel> = hf.model(owner, name);
                $body
            }
            Kind::Dataset => {
                let $handle: HFRepository<RepoTypeDataset> = hf.dataset(owner, name);
                $body
            }
        }
    }};
}

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

impl Repository {
    pub(crate) fn new(connection: Arc<Connection>, kind: Kind, id: &str) -> Self {
        let cache = Cache::new(&connection.settings.cache, kind.plural(), id);
        Self { connection, cache, kind, id: Arc::from(id) }
    }

    /// `owner/name`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder of the cache that holds what has been fetched of it.
    #[must_use]
    pub fn cache_folder(&self) -> PathBuf {
        self.cache.folder().to_path_buf()
    }

    pub(crate) fn api(&self, what: &str) -> String {
        format!(
            "{}/api/{}/{}/{what}",
            self.connection.settings.endpoint,
            self.kind.plural(),
            self.id
        )
    }

    /// Every branch and tag, by name. Offline: those that the cache knows.
    ///
    /// # Errors
    ///
    /// If the hub cannot be asked, or says no.
    pub fn revisions(&self) -> Result<Vec<Revision>, Error> {
        let what = format!("the revisions of {}", self.id);
        let mut revisions = if self.connection.settings.offline {
            let revisions = self.cache.revisions()?;
            if revisions.is_empty() {
                return Err(self.not_cached("no revision"));
            }
            revisions
        } else {
            let refs = self.connection.wait(self.connection.persist(&what, || async {
                let refs = with_handle!(self, handle => handle.list_refs().send().await);
                refs.map_err(|error| self.connection.failure(&what, error))
            }))?;
            let refs = refs.branches.into_iter().chain(refs.tags);
            refs.map(|one| Revision { name: one.name, commit: one.target_commit }).collect()
        };
        for revision in &revisions {
            check_revision(&revision.name)?;
            check_commit(&what, &revision.commit)?;
        }
        // A tag may have the name of a branch, which then comes first.
        revisions.sort_by(|a, b| a.name.cmp(&b.name));
        revisions.dedup_by(|second, first| second.name == first.name);
        Ok(revisions)
    }

    /// The commit that `revision` names now: a branch, a tag, or a commit itself. Offline: the one
    /// that the cache knows.
    ///
    /// # Errors
    ///
    /// If there is no such revision, or the hub cannot be asked.
    pub fn resolve(&self, revision: &str) -> Result<String, Error> {
        check_revision(revision)?;
        if is_commit(revision) {
            return Ok(revision.to_owned());
        }
        if self.connection.settings.offline {
            let cached = self.cache.commit(revision);
            return cached.ok_or_else(|| self.not_cached(&format!("no revision {revision}")));
        }
        let what = format!("revision {revision} of {}", self.id);
        let commit = self.connection.wait(self.connection.persist(&what, || async {
            let sha = with_handle!(self, handle => {
                handle.info().revision(revision).send().await.map(|info| info.sha)
            });
            sha.map_err(|error| self.connection.failure(&what, error))
        }))?;
        let commit = commit.unwrap_or_default();
        check_commit(&what, &commit)?;
        Ok(commit)
    }

    /// The commits of a branch, latest first. Some suites have a step a commit.
    ///
    /// # Errors
    ///
    /// If there is no such branch, or the hub cannot be asked.
    pub fn commits(&self, branch: &str) -> Result<Vec<Commit>, Error> {
        check_revision(branch)?;
        let what = format!("the commits of {}, branch {branch}", self.id);
        let commits = self.connection.wait(self.connection.persist(&what, || async {
            let commits = with_handle!(self, handle => match handle.list_commits().revision(branch).send() {
                Ok(commits) => collect(commits).await,
                Err(error) => Err(error),
            });
            commits.map_err(|error| self.connection.failure(&what, error))
        }))?;
        let commits = commits.into_iter().map(|one| Commit { id: one.id, title: one.title });
        commits.map(|commit| check_commit(&what, &commit.id).map(|()| commit)).collect()
    }

    /// The files of a commit, by path, with their sizes and hashes. Offline: those that the cache
    /// has.
    ///
    /// # Errors
    ///
    /// If there is no such commit, the hub cannot be asked, or it lists what cannot be a file's
    /// path or hash.
    pub fn files(&self, commit: &str) -> Result<Vec<RemoteFile>, Error> {
        self.files_of_many(&[commit]).map(|mut lists| lists.pop().unwrap_or_default())
    }

    /// The files of several commits, each as by [`files`](Self::files), asked for at once.
    ///
    /// # Errors
    ///
    /// If one of the listings cannot be had.
    pub fn files_of_many(
        &self,
        commits: &[impl AsRef<str> + Sync],
    ) -> Result<Vec<Vec<RemoteFile>>, Error> {
        for commit in commits {
            check_commit(&format!("the files of {}", self.id), commit.as_ref())?;
        }
        if self.connection.settings.offline {
            let list = |commit: &str| {
                let files = self.cache.files(commit)?;
                if files.is_empty() {
                    Err(self.not_cached(&format!("no file of commit {commit}")))
                } else {
                    Ok(files)
                }
            };
            return commits.iter().map(|commit| list(commit.as_ref())).collect();
        }
        let lists = commits.iter().map(|commit| tree::files(self, commit.as_ref()));
        self.connection
            .wait(stream::iter(lists.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect())
    }

    /// Brings a file of a commit into the cache, if it is not there, and says where it is.
    ///
    /// The cache is the one of Hugging Face's Python library. What is in it is verified against its
    /// hash, and so is what comes: size and hash must be those of the listing, a damaged file is
    /// removed and fetched once more. A download that was cut off goes on where it stopped, also in
    /// another process, and of several processes that want one file, one fetches it.
    ///
    /// # Errors
    ///
    /// If the file cannot be had, is not what the hub says it is, or the cache cannot be written.
    pub fn fetch(&self, commit: &str, file: &RemoteFile) -> Result<PathBuf, Error> {
        check_commit(&file.path, commit)?;
        check_path(&file.path)?;
        download::fetch(self, commit, file).map(|fetched| fetched.path)
    }

    /// As [`fetch`](Self::fetch), by the name of the file and of the revision, which the cache then
    /// remembers.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch), or if there is no such file or revision.
    pub fn fetch_path(&self, revision: &str, path: &str) -> Result<PathBuf, Error> {
        let (commit, file) = self.find(revision, path)?;
        let fetched = self.fetch(&commit, &file)?;
        self.cache.remember(revision, &commit)?;
        Ok(fetched)
    }

    /// A file's bytes, of which only those are fetched that are asked for. They go through no
    /// cache, and a part of a file cannot be verified against the hash of the whole.
    ///
    /// # Errors
    ///
    /// If there is no such file or revision, or the hub cannot be asked.
    pub fn open_bytes(&self, revision: &str, path: &str) -> Result<RemoteBytes, Error> {
        let (commit, file) = self.find(revision, path)?;
        Ok(self.bytes(&commit, &file))
    }

    /// As [`open_bytes`](Self::open_bytes), for a file of a listing. No request is made.
    #[must_use]
    pub fn bytes(&self, commit: &str, file: &RemoteFile) -> RemoteBytes {
        RemoteBytes::new(self.clone(), commit, file)
    }

    fn find(&self, revision: &str, path: &str) -> Result<(String, RemoteFile), Error> {
        let commit = self.resolve(revision)?;
        let files = self.files(&commit)?;
        match files.into_iter().find(|file| file.path == path) {
            Some(file) => Ok((commit, file)),
            None if self.connection.settings.offline => {
                Err(self.not_cached(&format!("no {path} of {revision}")))
            }
            None => {
                let path = path.escape_debug();
                let message = format!("{}, revision {revision} has no file `{path}`", self.id);
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }

    /// The bytes of a file, as they come, and how many are announced; `what` says what is asked
    /// for.
    pub(crate) async fn stream(
        &self,
        what: &str,
        commit: &str,
        path: &str,
        range: std::ops::Range<u64>,
    ) -> Result<(Option<u64>, ByteStream), Failure> {
        let stream = with_handle!(self, handle => {
            handle.download_file_stream().filename(path).revision(commit).range(range).send().await
        });
        stream.map_err(|error| self.connection.failure(what, error))
    }

    /// The next bytes of a stream, or `None` at its end.
    pub(crate) async fn next_chunk(
        &self,
        what: &str,
        stream: &mut ByteStream,
    ) -> Result<Option<Bytes>, Failure> {
        let timeout = self.connection.settings.timeout;
        let chunk = tokio::time::timeout(timeout, stream.try_next()).await.map_err(|_| {
            let message = format!("{what}: silence for {} s", timeout.as_secs_f64());
            Failure::passing(Error::new(ErrorKind::Network, message))
        })?;
        chunk.map_err(|error| self.connection.failure(what, error))
    }

    pub(crate) fn not_cached(&self, what: &str) -> Error {
        let message = format!(
            "{}: {what} in the cache ({}), and the settings forbid requests (HF_HUB_OFFLINE)",
            self.id,
            self.cache.folder().display()
        );
        Error::new(ErrorKind::Offline, message)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

async fn collect<T>(items: impl Stream<Item = Result<T, HFError>>) -> Result<Vec<T>, HFError> {
    pin_mut!(items);
    items.try_collect().await
}

pub(crate) fn check_commit(what: &str, commit: &str) -> Result<(), Error> {
    if is_commit(commit) {
        return Ok(());
    }
    let message = format!(
        "{what}: expected a commit of 40 or 64 hexadecimal digits, found `{}`",
        commit.escape_debug()
    );
    Err(Error::new(ErrorKind::Protocol, message))
}

pub(crate) fn check_path(path: &str) -> Result<(), Error> {
    if is_plain_path(path) {
        return Ok(());
    }
    let message = format!("`{}` is no path of a file within a repository", path.escape_debug());
    Err(Error::new(ErrorKind::Protocol, message))
}
