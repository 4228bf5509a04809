//! A step whose files are on this machine.

use std::mem;
use std::path::Path;
use std::sync::Arc;

use settling_checkpoint::Checkpoint;
use settling_core::{BoxError, TensorData, TensorMeta, TensorSource};
use settling_models::{Architecture, ModelSource};

use crate::cache::Cache;
use crate::error::Error;
use crate::listing::RemoteFile;

/// A checkpoint from the hub, on this machine.
#[derive(Debug)]
pub struct HubCheckpoint {
    checkpoint: Checkpoint,
    /// Dropped after the checkpoint, whose files are open until then.
    _fetched: Arc<Fetched>,
}

impl HubCheckpoint {
    pub(super) fn new(checkpoint: Checkpoint, fetched: Arc<Fetched>) -> Self {
        Self { checkpoint, _fetched: fetched }
    }

    /// The checkpoint: its config, its files.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The folder of its snapshot in the cache, where Python's `from_pretrained` would read it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.checkpoint.folder()
    }
}

impl TensorSource for HubCheckpoint {
    type Error = Error;

    fn tensors(&self) -> &[TensorMeta] {
        self.checkpoint.tensors()
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, Error> {
        self.checkpoint.read(name).map_err(Error::content)
    }
}

impl ModelSource for HubCheckpoint {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        Ok(self.checkpoint.architecture()?)
    }
}

/// Files that are removed when they are no longer used.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) cache: Cache,
    pub(super) commit: String,
    pub(super) files: Vec<RemoteFile>,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        for file in mem::take(&mut self.files) {
            // What cannot be removed stays: it is a cache.
            let _ = self.cache.remove(&self.commit, &file);
        }
    }
}
