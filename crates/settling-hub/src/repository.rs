//! A repository of the hub, and what the cache has of it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::bytes::RemoteBytes;
use crate::client::{Connection, Kind, Remote};
use crate::download;
use crate::error::{Error, ErrorKind};
use crate::listing::{Commit, RemoteFile, Revision};
use crate::names::{check_commit, check_path, check_revision, is_commit};

/// A repository of the hub, and what the cache has of it.
#[derive(Clone)]
pub struct Repository {
    pub(crate) remote: Remote,
}

impl Repository {
    pub(crate) fn new(connection: Arc<Connection>, kind: Kind, id: &str) -> Self {
        Self { remote: Remote::new(connection, kind, id) }
    }

    /// `owner/name`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.remote.id
    }

    /// The folder of the cache that holds what has been fetched of it.
    #[must_use]
    pub fn cache_folder(&self) -> PathBuf {
        self.remote.cache.folder().to_path_buf()
    }

    /// Every branch and tag, by name. Offline: those that the cache knows.
    ///
    /// # Errors
    ///
    /// If the hub cannot be asked, or says no.
    pub fn revisions(&self) -> Result<Vec<Revision>, Error> {
        let what = format!("the revisions of {}", self.id());
        let mut revisions = if self.remote.is_offline() {
            let revisions = self.remote.cache.revisions()?;
            if revisions.is_empty() {
                return Err(self.remote.not_cached("no revision"));
            }
            revisions
        } else {
            self.remote.revisions(&what)?
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
        if self.remote.is_offline() {
            let cached = self.remote.cache.commit(revision);
            return cached
                .ok_or_else(|| self.remote.not_cached(&format!("no revision {revision}")));
        }
        let what = format!("revision {revision} of {}", self.id());
        let commit = self.remote.commit_of(&what, revision)?;
        check_commit(&what, &commit)?;
        Ok(commit)
    }

    /// The commits of a branch, latest first. Some suites have one step per commit.
    ///
    /// # Errors
    ///
    /// If there is no such branch, or the hub cannot be asked.
    pub fn commits(&self, branch: &str) -> Result<Vec<Commit>, Error> {
        check_revision(branch)?;
        let what = format!("the commits of {}, branch {branch}", self.id());
        let commits = self.remote.commits(&what, branch)?.into_iter();
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

    /// The files of several commits, as [`files`](Self::files) gives them for one, asked for at
    /// once.
    ///
    /// # Errors
    ///
    /// If there is no such commit, the hub cannot be asked, or it lists what cannot be a file's path
    /// or hash.
    pub fn files_of_many(
        &self,
        commits: &[impl AsRef<str> + Sync],
    ) -> Result<Vec<Vec<RemoteFile>>, Error> {
        for commit in commits {
            check_commit(&format!("the files of {}", self.id()), commit.as_ref())?;
        }
        if !self.remote.is_offline() {
            return self.remote.files(commits);
        }
        let list = |commit: &str| {
            let files = self.remote.cache.files(commit)?;
            if files.is_empty() {
                return Err(self.remote.not_cached(&format!("no file of commit {commit}")));
            }
            Ok(files)
        };
        commits.iter().map(|commit| list(commit.as_ref())).collect()
    }

    /// Fetches a file of a commit into the cache, unless it is there, and returns its path.
    ///
    /// The cache is the one of Hugging Face's Python library. A file in it is verified against its
    /// size and hash in the listing, and so is one that is fetched. A damaged file is removed and
    /// fetched once more. A download that was cut off goes on where it stopped, also in another
    /// process. Where several processes want one file, one of them fetches it.
    ///
    /// # Errors
    ///
    /// If the file cannot be had, is not what the hub says it is, or the cache cannot be written.
    pub fn fetch(&self, commit: &str, file: &RemoteFile) -> Result<PathBuf, Error> {
        check_commit(&file.path, commit)?;
        check_path(&file.path)?;
        download::fetch(&self.remote, commit, file).map(|fetched| fetched.path)
    }

    /// Fetches a file as [`fetch`](Self::fetch) does, by its name and that of the revision. The cache
    /// then remembers the revision.
    ///
    /// # Errors
    ///
    /// If there is no such file or revision, the file cannot be had or is not what the hub says it
    /// is, or the cache cannot be written.
    pub fn fetch_path(&self, revision: &str, path: &str) -> Result<PathBuf, Error> {
        let (commit, file) = self.find(revision, path)?;
        let fetched = self.fetch(&commit, &file)?;
        self.remote.cache.remember(revision, &commit)?;
        Ok(fetched)
    }

    /// The bytes of a file. Only those are fetched that are asked for. They go through no cache, and
    /// a part of a file cannot be verified against the hash of the whole.
    ///
    /// # Errors
    ///
    /// If there is no such file or revision, or the hub cannot be asked.
    pub fn open_bytes(&self, revision: &str, path: &str) -> Result<RemoteBytes, Error> {
        let (commit, file) = self.find(revision, path)?;
        Ok(self.bytes(&commit, &file))
    }

    /// The bytes of a file of a listing, as by [`open_bytes`](Self::open_bytes). No request is made.
    #[must_use]
    pub fn bytes(&self, commit: &str, file: &RemoteFile) -> RemoteBytes {
        RemoteBytes::new(self.remote.clone(), commit, file)
    }

    fn find(&self, revision: &str, path: &str) -> Result<(String, RemoteFile), Error> {
        let commit = self.resolve(revision)?;
        let files = self.files(&commit)?;
        match files.into_iter().find(|file| file.path == path) {
            Some(file) => Ok((commit, file)),
            None if self.remote.is_offline() => {
                Err(self.remote.not_cached(&format!("no {path} of {revision}")))
            }
            None => {
                let path = path.escape_debug();
                let message = format!("{}, revision {revision} has no file `{path}`", self.id());
                Err(Error::new(ErrorKind::NotFound, message))
            }
        }
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("kind", &self.remote.kind)
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}
