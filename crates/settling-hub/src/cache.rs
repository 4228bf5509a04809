//! The folder of one repository in the cache of Hugging Face's libraries, in their layout:
//! `blobs/<hash>` (the contents), `snapshots/<commit>/<path>` (links to them), `refs/<revision>`
//! (the commit of a branch or tag), and beside the repositories `.locks/<repository>/<hash>.lock`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::Error;
use crate::hash::sha256;
use crate::listing::{FileHash, RemoteFile, Revision};
use crate::names::{check_revision, is_commit, is_lower_hex};

#[derive(Clone, Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    locks: PathBuf,
}

impl Cache {
    pub(crate) fn new(cache: &Path, kind: &str, id: &str) -> Self {
        let name = format!("{kind}--{}", id.replace('/', "--"));
        Self { folder: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    pub(crate) fn blob(&self, hash: &FileHash) -> PathBuf {
        self.folder.join("blobs").join(hash.hex())
    }

    /// Where a file comes to lie while it is not complete. Another name than the Python library's,
    /// whose own may have holes.
    pub(crate) fn partial(&self, hash: &FileHash) -> PathBuf {
        self.folder.join("blobs").join(format!("{}.settling.incomplete", hash.hex()))
    }

    /// The commit that a revision had when it was last asked for.
    pub(crate) fn commit(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.join("refs").join(revision)).ok()?;
        let commit = text.trim();
        is_commit(commit).then(|| commit.to_owned())
    }

    pub(crate) fn revisions(&self) -> Result<Vec<Revision>, Error> {
        let refs = self.folder.join("refs");
        let names = walk(&refs).map_err(|error| Error::cache("read the folder", &refs, error))?;
        let revision = |name: String| Some(Revision { commit: self.commit(&name)?, name });
        Ok(names
            .into_iter()
            .filter(|name| check_revision(name).is_ok())
            .filter_map(revision)
            .collect())
    }

    /// Notes the commit of a revision, for when there is no network.
    pub(crate) fn remember(&self, revision: &str, commit: &str) -> Result<(), Error> {
        if revision == commit || self.commit(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.folder.join("refs").join(revision);
        let partial = beside(&path);
        create_parent(&path)?;
        let write = || {
            File::create(&partial)?.write_all(commit.as_bytes())?;
            fs::rename(&partial, &path)
        };
        write().map_err(|error| Error::cache("write", &path, error))
    }

    /// The files of a commit that are there, by path. Their hashes are those under which they are
    /// kept.
    pub(crate) fn files(&self, commit: &str) -> Result<Vec<RemoteFile>, Error> {
        let snapshot = self.snapshot(commit);
        let io = |error| Error::cache("read the folder", &snapshot, error);
        let mut files = Vec::new();
        for path in walk(&snapshot).map_err(io)? {
            let pointer = snapshot.join(&path);
            // A link to nothing is what is left of a file that was removed.
            let Ok(metadata) = fs::metadata(&pointer) else { continue };
            let name = fs::canonicalize(&pointer)
                .ok()
                .and_then(|blob| Some(blob.file_name()?.to_str()?.to_owned()));
            let hash = match name {
                Some(name) if name.len() == 64 && is_lower_hex(&name) => FileHash::Sha256(name),
                Some(name) if name.len() == 40 && is_lower_hex(&name) => FileHash::Git(name),
                // Where links cannot be made, the Python library copies, and the name of the
                // content is lost.
                _ => FileHash::Sha256(
                    sha256(&pointer).map_err(|error| Error::cache("read", &pointer, error))?,
                ),
            };
            files.push(RemoteFile { path, size: metadata.len(), hash });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Waits until this process alone writes the content of `hash`. `waiting` is called once, if it
    /// has to wait.
    pub(crate) fn lock(&self, hash: &FileHash, waiting: impl Fn()) -> Result<File, Error> {
        let path = self.locks.join(format!("{}.lock", hash.hex()));
        create_parent(&path)?;
        let io = |error| Error::cache("lock", &path, error);
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        let mut has_told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {
                    if !has_told {
                        waiting();
                        has_told = true;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(TryLockError::Error(error)) => return Err(io(error)),
            }
        }
    }

    /// Makes the content of `file` appear under its path in the snapshot of `commit`.
    pub(crate) fn link(&self, commit: &str, file: &RemoteFile) -> Result<PathBuf, Error> {
        let pointer = self.snapshot(commit).join(&file.path);
        let blob = self.blob(&file.hash);
        let leads_there =
            || Some(fs::canonicalize(&pointer).ok()? == fs::canonicalize(&blob).ok()?);
        if leads_there() == Some(true) {
            return Ok(pointer);
        }
        create_parent(&pointer)?;
        let partial = beside(&pointer);
        let up = "../".repeat(2 + file.path.matches('/').count());
        make_link(&format!("{up}blobs/{}", file.hash.hex()), &blob, &partial)
            .and_then(|()| fs::rename(&partial, &pointer))
            .map_err(|error| Error::cache("write", &pointer, error))?;
        Ok(pointer)
    }

    /// Removes a file of a commit, and its content if no other commit's file has it.
    pub(crate) fn remove(&self, commit: &str, file: &RemoteFile) -> Result<(), Error> {
        let pointer = self.snapshot(commit).join(&file.path);
        remove(&pointer)?;
        let blob = self.blob(&file.hash);
        let snapshots = self.folder.join("snapshots");
        let commits = fs::read_dir(&snapshots)
            .map_err(|error| Error::cache("read the folder", &snapshots, error))?;
        let links = commits.flatten().map(|commit| commit.path().join(&file.path));
        let is_used = |link: PathBuf| {
            fs::read_link(link).is_ok_and(|target| target.file_name() == blob.file_name())
        };
        if links.into_iter().any(is_used) { Ok(()) } else { remove(&blob) }
    }
}

/// The paths of the files in a folder, which need not exist, with `/` between their parts.
fn walk(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), format!("{path}/")));
            } else {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn create_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(|error| Error::cache("create the folder", parent, error))
}

/// A name for what will be renamed to `path`, which no other process uses.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    path.with_file_name(format!(".{name}.{}.{thread}.tmp", std::process::id()))
}

pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::cache("remove", path, error))
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn make_link(target: &str, _: &Path, link: &Path) -> io::Result<()> {
    let _ = fs::remove_file(link);
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn make_link(_: &str, blob: &Path, link: &Path) -> io::Result<()> {
    fs::copy(blob, link).map(|_| ())
}
