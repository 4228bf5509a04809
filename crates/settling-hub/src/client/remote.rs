//! One repository of the hub, asked request by request.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, pin_mut, stream};
use hf_hub::{HFError, HFRepository, RepoTypeDataset, RepoTypeModel};

use super::connection::{Connection, Failure};
use super::tree;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind};
use crate::listing::{Commit, RemoteFile, Revision};

/// A file as it comes.
pub(crate) type ByteStream = Box<dyn Stream<Item = Result<Bytes, HFError>> + Send + Unpin>;

/// How many requests for listings are under way at once.
const AT_ONCE: usize = 16;

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

/// A repository, its connection, and its part of the cache.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) connection: Arc<Connection>,
    pub(crate) cache: Cache,
    pub(crate) kind: Kind,
    pub(crate) id: Arc<str>,
}

/// hf-hub has one type per kind of repository.
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

impl Remote {
    pub(crate) fn new(connection: Arc<Connection>, kind: Kind, id: &str) -> Self {
        let cache = Cache::new(&connection.settings.cache, kind.plural(), id);
        Self { connection, cache, kind, id: Arc::from(id) }
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.connection.settings.offline
    }

    /// An address of the hub's interface.
    fn api(&self, what: &str) -> String {
        let (endpoint, kind) = (&self.connection.settings.endpoint, self.kind.plural());
        format!("{endpoint}/api/{kind}/{}/{what}", self.id)
    }

    /// Every branch and tag, as the hub gives them.
    pub(crate) fn revisions(&self, what: &str) -> Result<Vec<Revision>, Error> {
        let refs = self.connection.wait(self.connection.persist(what, || async {
            let refs = with_handle!(self, handle => handle.list_refs().send().await);
            refs.map_err(|error| self.connection.failure(what, error))
        }))?;
        let refs = refs.branches.into_iter().chain(refs.tags);
        Ok(refs.map(|one| Revision { name: one.name, commit: one.target_commit }).collect())
    }

    /// The commit that a revision names now; empty if the hub does not say.
    pub(crate) fn commit_of(&self, what: &str, revision: &str) -> Result<String, Error> {
        let commit = self.connection.wait(self.connection.persist(what, || async {
            let sha = with_handle!(self, handle => {
                handle.info().revision(revision).send().await.map(|info| info.sha)
            });
            sha.map_err(|error| self.connection.failure(what, error))
        }))?;
        Ok(commit.unwrap_or_default())
    }

    /// The commits of a branch, latest first.
    pub(crate) fn commits(&self, what: &str, branch: &str) -> Result<Vec<Commit>, Error> {
        let commits = self.connection.wait(self.connection.persist(what, || async {
            let commits = with_handle!(self, handle => match handle.list_commits().revision(branch).send() {
                Ok(commits) => collect(commits).await,
                Err(error) => Err(error),
            });
            commits.map_err(|error| self.connection.failure(what, error))
        }))?;
        Ok(commits.into_iter().map(|one| Commit { id: one.id, title: one.title }).collect())
    }

    /// The files of several commits, asked for at once.
    pub(crate) fn files(
        &self,
        commits: &[impl AsRef<str> + Sync],
    ) -> Result<Vec<Vec<RemoteFile>>, Error> {
        let lists = commits.iter().map(|commit| async {
            let commit = commit.as_ref();
            let what = format!("the files of {}, commit {commit}", self.id);
            let first = self.api(&format!("tree/{commit}?recursive=true"));
            tree::files(&self.connection, &what, first).await
        });
        self.connection
            .wait(stream::iter(lists.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect())
    }

    /// The bytes of a file, as they come, and how many are announced; `what` says what is asked
    /// for.
    pub(crate) async fn stream(
        &self,
        what: &str,
        commit: &str,
        path: &str,
        range: Range<u64>,
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

async fn collect<T>(items: impl Stream<Item = Result<T, HFError>>) -> Result<Vec<T>, HFError> {
    pin_mut!(items);
    items.try_collect().await
}
