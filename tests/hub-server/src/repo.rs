//! Repositories: commits, each with its whole tree, and references to them.

use std::collections::BTreeMap;

use sha2::Digest;

use crate::file::{File, hex};

/// Models and datasets live apart on the hub, under the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RepoKind {
    /// A model: `/api/models/...` and `/<id>/resolve/...`.
    Model,
    /// A data set: `/api/datasets/...` and `/datasets/<id>/resolve/...`.
    Dataset,
}

/// Who may read a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Public,
    /// Listed for all; the files only for those who have this token.
    Gated(String),
    /// As if it did not exist, but for those who have this token.
    Private(String),
}

/// A repository. Build it, then hand it to [`HubServer::add`](crate::HubServer::add); change it
/// later in [`HubServer::edit`](crate::HubServer::edit).
///
/// References are branches (`main`) unless they say what they are (`refs/pr/1`,
/// `refs/convert/parquet`, `refs/tags/v1`).
#[derive(Clone, Debug)]
pub struct Repo {
    pub(crate) kind: RepoKind,
    pub(crate) id: String,
    pub(crate) access: Access,
    /// The commit by full name (`refs/heads/main`).
    pub(crate) references: BTreeMap<String, String>,
    pub(crate) commits: BTreeMap<String, Commit>,
}

#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) parent: Option<String>,
    pub(crate) title: String,
    /// The time in the hub's form, one second after the commit before it in this repository.
    pub(crate) date: String,
    pub(crate) tree: BTreeMap<String, File>,
}

impl Repo {
    /// An empty model repository, `owner/name`.
    pub fn model(id: impl Into<String>) -> Self {
        Self::new(RepoKind::Model, id.into())
    }

    /// An empty dataset repository, `owner/name`.
    pub fn dataset(id: impl Into<String>) -> Self {
        Self::new(RepoKind::Dataset, id.into())
    }

    fn new(kind: RepoKind, id: String) -> Self {
        let (references, commits) = (BTreeMap::new(), BTreeMap::new());
        Self { kind, id, access: Access::Public, references, commits }
    }

    /// Serves files only to requests with `Authorization: Bearer <token>`: 401 without one, 403
    /// with another.
    pub fn gated(mut self, token: impl Into<String>) -> Self {
        self.access = Access::Gated(token.into());
        self
    }

    /// Hides the repository from requests without `Authorization: Bearer <token>`: they are
    /// answered as if it were missing.
    pub fn private(mut self, token: impl Into<String>) -> Self {
        self.access = Access::Private(token.into());
        self
    }

    /// Adds a commit to a branch, which it makes if need be. The tree is the one before, with
    /// `files` added or replaced. Returns the commit's id, a hash of all that it says.
    pub fn commit(
        &mut self,
        branch: &str,
        title: &str,
        files: impl IntoIterator<Item = File>,
    ) -> String {
        let before = self.resolve(branch).map(|id| self.commits[id].tree.clone());
        let mut tree = before.unwrap_or_default();
        tree.extend(files.into_iter().map(|file| (file.path.clone(), file)));
        self.commit_tree(branch, title, tree, None)
    }

    /// Adds a commit whose tree is `files` and nothing else.
    pub fn replace(
        &mut self,
        branch: &str,
        title: &str,
        files: impl IntoIterator<Item = File>,
    ) -> String {
        let tree = files.into_iter().map(|file| (file.path.clone(), file)).collect();
        self.commit_tree(branch, title, tree, None)
    }

    /// As [`replace`](Self::replace), with the commit's id given: 40 hexadecimal digits, or
    /// whatever a test wants a client to see.
    pub fn replace_as(
        &mut self,
        id: impl Into<String>,
        branch: &str,
        title: &str,
        files: impl IntoIterator<Item = File>,
    ) -> String {
        let tree = files.into_iter().map(|file| (file.path.clone(), file)).collect();
        self.commit_tree(branch, title, tree, Some(id.into()))
    }

    fn commit_tree(
        &mut self,
        branch: &str,
        title: &str,
        tree: BTreeMap<String, File>,
        id: Option<String>,
    ) -> String {
        let parent = self.resolve(branch).map(str::to_owned);
        let date = date(self.commits.len());
        let id = id.unwrap_or_else(|| {
            let mut hash = sha1::Sha1::new();
            for part in [&self.id, branch, title, &date, parent.as_deref().unwrap_or_default()] {
                hash.update(part.as_bytes());
                hash.update([0]);
            }
            for file in tree.values() {
                hash.update(format!("{}\0{}\0", file.path, file.git_oid));
            }
            hex(&hash.finalize())
        });
        self.commits.insert(id.clone(), Commit { parent, title: title.to_owned(), date, tree });
        self.references.insert(full_name(branch), id.clone());
        id
    }

    /// Makes or moves a reference to the commit that `revision` names.
    ///
    /// # Panics
    ///
    /// If there is no such revision.
    pub fn point(&mut self, reference: &str, revision: &str) {
        let id = self.resolve(revision).unwrap_or_else(|| panic!("no revision {revision}"));
        let id = id.to_owned();
        self.references.insert(full_name(reference), id);
    }

    /// The id of the commit that a branch, tag, full reference or commit id names.
    pub fn resolve(&self, revision: &str) -> Option<&str> {
        if let Some((id, _)) = self.commits.get_key_value(revision) {
            return Some(id);
        }
        let tag = format!("refs/tags/{revision}");
        let found = self.references.get(&full_name(revision)).or_else(|| self.references.get(&tag));
        found.map(String::as_str)
    }

    /// The commit `id` and those before it, newest first.
    pub(crate) fn history<'a>(
        &'a self,
        id: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Commit)> {
        let first = self.commits.get(id).map(|commit| (id, commit));
        std::iter::successors(first, |(_, commit)| {
            let parent = commit.parent.as_deref()?;
            Some((parent, self.commits.get(parent)?))
        })
    }
}

fn full_name(reference: &str) -> String {
    if reference.starts_with("refs/") {
        reference.to_owned()
    } else {
        format!("refs/heads/{reference}")
    }
}

fn date(seconds: usize) -> String {
    let (day, hour, minute) = (1 + seconds / 86_400 % 28, seconds / 3600 % 24, seconds / 60 % 60);
    format!("2024-01-{day:02}T{hour:02}:{minute:02}:{:02}.000Z", seconds % 60)
}
