//! The checkpoints that Hugging Face's libraries have downloaded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use settling_core::{CheckpointSeries, Step};

use super::pattern::StepPattern;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, ErrorKind};
use crate::files::is_weights_file;

/// The checkpoints of a model that Hugging Face's libraries have downloaded before: one step per
/// revision (branch or tag).
///
/// The folder is `models--<owner>--<name>` of the cache, with `refs/<revision>` (the commit of a
/// revision) and `snapshots/<commit>/` (its files, mostly links into `blobs/`). Nothing is
/// downloaded, and nothing in the cache is changed.
///
/// A revision is a step of the series if its name matches the pattern and its weights are there. It
/// is left out if its ref is empty or holds no commit, if there is no snapshot of that commit, or
/// if that has no file of weights: those of an interrupted download are links to nothing. A missing
/// shard of a sharded checkpoint is an error when the step is opened.
#[derive(Clone, Debug)]
pub struct HubCache {
    folder: PathBuf,
    steps: BTreeMap<Step, Revision>,
}

#[derive(Clone, Debug)]
struct Revision {
    name: String,
    commit: String,
}

impl HubCache {
    /// Lists the steps in `folder`, which is the folder of one model in the cache.
    ///
    /// ```no_run
    /// use settling_checkpoint::{HubCache, StepPattern};
    /// use settling_core::{CheckpointSeries, Step};
    ///
    /// let folder = "/home/me/.cache/huggingface/hub/models--EleutherAI--pythia-70m-deduped";
    /// let series = HubCache::open(folder, &StepPattern::default())?;
    /// println!("{:?}; step 1000 is commit {:?}", series.steps()?, series.commit(Step(1000)));
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the folder is not one of a model in a cache, two revisions are the same step, a revision
    /// that matches has `..` in its name, or there is no step.
    pub fn open(folder: impl AsRef<Path>, pattern: &StepPattern) -> Result<Self, Error> {
        Self::list(folder.as_ref(), pattern)
    }

    fn list(folder: &Path, pattern: &StepPattern) -> Result<Self, Error> {
        let refs = folder.join("refs");
        if !refs.is_dir() {
            let message = "has no folder `refs`: expected the folder models--<owner>--<name> of a \
                           Hugging Face cache";
            return Err(Error::at(ErrorKind::MissingFile, folder, message));
        }
        let io = |error| Error::io("read the folder", &refs, error);
        let (mut steps, mut absent) = (BTreeMap::<Step, Revision>::new(), Vec::new());
        for entry in fs::read_dir(&refs).map_err(io)? {
            let Ok(name) = entry.map_err(io)?.file_name().into_string() else { continue };
            let Some(step) = pattern.step(&name) else { continue };
            let Some(commit) = commit_of(folder, &name)? else {
                absent.push(name);
                continue;
            };
            if let Some(other) = steps.get(&step) {
                let message = format!(
                    "the revisions {} and {name} are the same step, {step}: choose a pattern that leaves one out",
                    other.name
                );
                return Err(Error::at(ErrorKind::Steps, folder, message));
            }
            steps.insert(step, Revision { name, commit });
        }
        if steps.is_empty() {
            absent.sort();
            let message = match absent.as_slice() {
                [] => format!("has no revision named {pattern}: download some first"),
                some => format!(
                    "has the weights of no revision named {pattern}: only refs ({}); download them first",
                    some.join(", ")
                ),
            };
            return Err(Error::at(ErrorKind::Steps, folder, message));
        }
        Ok(Self { folder: folder.to_path_buf(), steps })
    }

    /// The folder of the model in the cache.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The commit of `step`, to be recorded with what is computed from it: a branch can be moved, a
    /// commit cannot.
    #[must_use]
    pub fn commit(&self, step: Step) -> Option<&str> {
        self.steps.get(&step).map(|revision| revision.commit.as_str())
    }

    /// The name of the revision of `step`.
    #[must_use]
    pub fn revision(&self, step: Step) -> Option<&str> {
        self.steps.get(&step).map(|revision| revision.name.as_str())
    }

    /// Opens any revision of the cache by its name, such as `main`, or `None` if its weights are
    /// not there.
    ///
    /// # Errors
    ///
    /// If the name leads out of the folder of refs, or the checkpoint is not what it should be.
    pub fn open_revision(&self, name: &str) -> Result<Option<Checkpoint>, Error> {
        commit_of(&self.folder, name)?.map(|commit| self.open_commit(&commit)).transpose()
    }

    fn open_commit(&self, commit: &str) -> Result<Checkpoint, Error> {
        Checkpoint::open(self.folder.join("snapshots").join(commit))
    }
}

/// The commit of a revision whose weights are there.
fn commit_of(folder: &Path, revision: &str) -> Result<Option<String>, Error> {
    let plain = revision.split('/').all(|part| !part.is_empty() && part != ".");
    if !plain || revision.contains("..") || revision.contains(['\\', '\0', ':']) {
        let message = format!("`{}` is not the name of a revision", revision.escape_debug());
        return Err(Error::at(ErrorKind::Pattern, folder, message));
    }
    // A ref that is a folder, no text, or gone again is no ref.
    let Ok(text) = fs::read_to_string(folder.join("refs").join(revision)) else { return Ok(None) };
    let commit = text.trim();
    // SHA-1 or SHA-256. Nothing else may become part of a path.
    if !matches!(commit.len(), 40 | 64) || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let Ok(entries) = fs::read_dir(folder.join("snapshots").join(commit)) else { return Ok(None) };
    let has_weights = entries.flatten().any(|entry| {
        // `is_file` follows links: one to nothing is no file.
        entry.file_name().to_str().is_some_and(is_weights_file) && entry.path().is_file()
    });
    Ok(has_weights.then(|| commit.to_owned()))
}

impl CheckpointSeries for HubCache {
    type Source = Checkpoint;
    type Error = Error;

    fn steps(&self) -> Result<Vec<Step>, Error> {
        Ok(self.steps.keys().copied().collect())
    }

    fn open(&self, step: Step) -> Result<Checkpoint, Error> {
        let Some(revision) = self.steps.get(&step) else {
            let there = self.steps.keys().map(Step::to_string).collect::<Vec<_>>().join(", ");
            let message = format!("has no step {step}; it has {there}");
            return Err(Error::at(ErrorKind::Steps, &self.folder, message));
        };
        self.open_commit(&revision.commit)
            .map_err(|error| error.within(&format!("revision {}", revision.name)))
    }
}
