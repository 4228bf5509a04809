//! The steps of a series, and how one is fetched.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use settling_checkpoint::Checkpoint;
use settling_core::{ReadRange, Step};

use super::hub_checkpoint::Fetched;
use super::steps::no_step;
use crate::download;
use crate::error::Error;
use crate::listing::{RemoteFile, Revision};
use crate::repository::Repository;

pub(super) const CONFIG: &str = "config.json";

/// What the series and the threads that fetch for it have in common.
pub(super) struct Shared {
    pub(super) repository: Repository,
    pub(super) steps: BTreeMap<Step, RemoteCheckpoint>,
    pub(super) layout: Layout,
}

/// What a step is.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// A model in the files that transformers writes, and its config.
    Model,
    /// One file of tensors.
    OneFile,
}

pub(super) struct RemoteCheckpoint {
    pub(super) revision: Revision,
    /// Every file of the revision.
    pub(super) all: Vec<RemoteFile>,
    /// Those with the weights, and the index of shards.
    pub(super) weights: Vec<RemoteFile>,
}

/// A step whose files are on this machine.
pub(super) struct Local {
    pub(super) paths: Vec<(String, PathBuf)>,
    pub(super) fetched: Arc<Fetched>,
}

impl Shared {
    pub(super) fn get(&self, step: Step) -> Result<&RemoteCheckpoint, Error> {
        self.steps.get(&step).ok_or_else(|| no_step(&self.repository, step, &self.steps))
    }

    pub(super) fn open(
        &self,
        place: &Path,
        mut files: Vec<(String, Box<dyn ReadRange>)>,
    ) -> Result<Checkpoint, Error> {
        match (self.layout, files.pop()) {
            (Layout::OneFile, Some((name, bytes))) => {
                Checkpoint::from_file(place.join(name), bytes)
                    .map(Checkpoint::without_common_prefix)
                    .map_err(Error::content)
            }
            (_, last) => {
                files.extend(last);
                Checkpoint::from_files(place, files).map_err(Error::content)
            }
        }
    }

    pub(super) fn fetch(&self, step: Step, deletes: bool) -> Result<Local, Error> {
        let checkpoint = self.get(step)?;
        let commit = &checkpoint.revision.commit;
        let mut fetched = Fetched {
            cache: self.repository.remote.cache.clone(),
            commit: commit.clone(),
            files: Vec::new(),
        };
        let mut paths = Vec::new();
        for file in checkpoint.files() {
            let here = download::fetch(&self.repository.remote, commit, file)?;
            if here.is_new && deletes && checkpoint.weights.contains(file) {
                fetched.files.push(file.clone());
            }
            paths.push((file.path.clone(), here.path));
        }
        self.repository.remote.cache.remember(&checkpoint.revision.name, commit)?;
        Ok(Local { paths, fetched: Arc::new(fetched) })
    }
}

impl RemoteCheckpoint {
    /// What a checkpoint is opened from.
    pub(super) fn files(&self) -> impl Iterator<Item = &RemoteFile> {
        self.all.iter().filter(|file| file.path == CONFIG).chain(&self.weights)
    }
}
