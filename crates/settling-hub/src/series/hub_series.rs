//! A run whose checkpoints are on the hub.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use settling_checkpoint::{Checkpoint, ListedFile};
use settling_core::{CheckpointSeries, LocalFile, ReadRange, Step};
use sha2::{Digest, Sha256};

use super::hub_checkpoint::{Fetched, HubCheckpoint};
use super::shared::{Layout, Local, RemoteCheckpoint, Shared};
use crate::error::{Error, ErrorKind};
use crate::hash::hex;
use crate::listing::{RemoteFile, Revision};
use crate::repository::Repository;

/// The checkpoints of a model on the hub: one step per revision.
///
/// Opening the series lists the files of every step ([`builder`](Self::builder) chooses which).
/// Opening a step fetches its weights and `config.json` into the
/// cache, verified ([`Repository::fetch`]). Or nothing is fetched but the tensors that are read:
/// [`open_remote`](Self::open_remote).
///
/// ```no_run
/// use settling_checkpoint::{Audit, paper_steps};
/// use settling_core::{CheckpointSeries, Step};
/// use settling_hub::{Hub, HubSeries};
///
/// let hub = Hub::from_env()?;
/// let series =
///     HubSeries::builder(&hub, "EleutherAI/pythia-410m-deduped").steps(paper_steps()).open()?;
/// // Before anything is downloaded: are the steps what their names say?
/// println!("{}", Audit::new().run_listing(series.listing())?);
/// println!("{} GB to fetch", series.size() >> 30);
/// let checkpoint = series.delete_after(true).open(Step(1000))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Which files
///
/// Some revisions have the weights twice, as safetensors and as PyTorch's `.bin`, and a copy that
/// was converted later need not be of the same step. All steps are read in one format, if there is
/// one that all have: safetensors, unless fewer of the steps differ in it than in the other.
/// Without such a format each step is read as it is, safetensors first.
pub struct HubSeries {
    shared: Arc<Shared>,
    /// Steps that are being fetched before they are asked for.
    pending: Mutex<HashMap<Step, JoinHandle<Result<Local, Error>>>>,
    /// The last step's files, which are wanted as the reference and again as a step.
    last: Mutex<Option<Arc<Fetched>>>,
    deletes: bool,
}

impl HubSeries {
    pub(super) fn new(
        repository: &Repository,
        steps: BTreeMap<Step, RemoteCheckpoint>,
        layout: Layout,
    ) -> Self {
        Self {
            shared: Arc::new(Shared { repository: repository.clone(), steps, layout }),
            pending: Mutex::default(),
            last: Mutex::default(),
            deletes: false,
        }
    }

    /// Whether to remove the weights of a step from the cache when its checkpoint is dropped, for
    /// studies larger than the disk. Only what this series fetched is removed. The last step is
    /// kept until the series is dropped. Files left by an interrupted run are not removed.
    #[must_use]
    pub fn delete_after(mut self, delete: bool) -> Self {
        self.deletes = delete;
        self
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.shared.repository
    }

    /// The revision of `step` and its commit when the series was opened, to be recorded with what
    /// is computed from it.
    #[must_use]
    pub fn revision(&self, step: Step) -> Option<&Revision> {
        self.shared.steps.get(&step).map(|checkpoint| &checkpoint.revision)
    }

    /// The files that make up the weights of `step`.
    #[must_use]
    pub fn weights(&self, step: Step) -> Option<&[RemoteFile]> {
        self.shared.steps.get(&step).map(|checkpoint| checkpoint.weights.as_slice())
    }

    /// How many bytes the weights of all steps have. What is in the cache already counts, too.
    #[must_use]
    pub fn size(&self) -> u64 {
        let weights = self.shared.steps.values().flat_map(|checkpoint| &checkpoint.weights);
        weights.map(|file| file.size).sum()
    }

    /// How many bytes of the weights of these steps are still to be fetched.
    fn missing_size(&self, steps: &[Step]) -> u64 {
        let cache = &self.shared.repository.remote.cache;
        let is_there = |checkpoint: &RemoteCheckpoint, file: &RemoteFile| {
            let pointer = cache.snapshot(&checkpoint.revision.commit).join(&file.path);
            let has_size =
                |path: &Path| path.metadata().is_ok_and(|found| found.len() == file.size);
            has_size(&pointer) || has_size(&cache.blob(&file.hash))
        };
        // The same content under two names or steps comes once.
        let mut missing = BTreeMap::new();
        for checkpoint in steps.iter().filter_map(|step| self.shared.steps.get(step)) {
            for file in checkpoint.weights.iter().filter(|file| !is_there(checkpoint, file)) {
                missing.insert(file.hash.hex(), file.size);
            }
        }
        missing.values().sum()
    }

    /// The names and hashes of the weights that are read and of `config.json`, for
    /// [`Audit::run_listing`](settling_checkpoint::Audit::run_listing).
    #[must_use]
    pub fn listing(&self) -> Vec<ListedFile> {
        self.listed(|checkpoint| checkpoint.files().collect())
    }

    /// The names and hashes of every file, also of weights in the format that is not read: another
    /// program that loads these models may get those.
    #[must_use]
    pub fn full_listing(&self) -> Vec<ListedFile> {
        self.listed(|checkpoint| checkpoint.all.iter().collect())
    }

    fn listed(&self, of: impl Fn(&RemoteCheckpoint) -> Vec<&RemoteFile>) -> Vec<ListedFile> {
        let mut files = Vec::new();
        for (&step, checkpoint) in &self.shared.steps {
            for file in of(checkpoint) {
                let (name, hash) = (file.path.clone(), file.hash.hex().to_owned());
                files.push(ListedFile { step, name, hash });
            }
        }
        files
    }

    /// Fetches a small file of a step, such as `config.json` or `tokenizer.json`, and says where it
    /// is.
    ///
    /// # Errors
    ///
    /// If there is no such step or file, or it cannot be fetched.
    pub fn fetch_file(&self, step: Step, path: &str) -> Result<PathBuf, Error> {
        let checkpoint = self.shared.get(step)?;
        let file = checkpoint.all.iter().find(|file| file.path == path).ok_or_else(|| {
            let (id, revision) = (self.shared.repository.id(), &checkpoint.revision.name);
            Error::new(ErrorKind::NotFound, format!("{id}, revision {revision} has no file {path}"))
        })?;
        self.shared.repository.fetch(&checkpoint.revision.commit, file)
    }

    /// Opens a step without downloading it: what is read of it is fetched by byte ranges, and only
    /// that. The write weights of a GPT-NeoX checkpoint are about a quarter of it.
    ///
    /// A part of a file cannot be verified against the hash of the whole; the connection alone
    /// vouches for it.
    ///
    /// # Errors
    ///
    /// If there is no such step, its files are malformed, or the hub cannot be asked.
    pub fn open_remote(&self, step: Step) -> Result<Checkpoint, Error> {
        let checkpoint = self.shared.get(step)?;
        let (repository, commit) = (&self.shared.repository, &checkpoint.revision.commit);
        let files = checkpoint.files().map(|file| {
            let bytes: Box<dyn ReadRange> = Box::new(repository.bytes(commit, file));
            (file.path.clone(), bytes)
        });
        let place = format!("{}@{}", repository.id(), checkpoint.revision.name);
        self.shared.open(Path::new(&place), files.collect())
    }

    fn local(&self, step: Step) -> Result<Local, Error> {
        // Not held while it is joined: other steps may be opened meanwhile.
        let pending = lock(&self.pending).remove(&step);
        match pending.map(JoinHandle::join) {
            Some(Ok(local)) => local,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => self.shared.fetch(step, self.deletes),
        }
    }
}

impl CheckpointSeries for HubSeries {
    type Source = HubCheckpoint;
    type Error = Error;

    fn steps(&self) -> Result<Vec<Step>, Error> {
        Ok(self.shared.steps.keys().copied().collect())
    }

    fn open(&self, step: Step) -> Result<HubCheckpoint, Error> {
        let mut local = self.local(step)?;
        // Another process on the same cache, done with the same step, may have removed what was
        // fetched some time ago.
        if local.paths.iter().any(|(_, path)| !path.exists()) {
            // First, since it removes what it has fetched.
            drop(local);
            local = self.shared.fetch(step, self.deletes)?;
        }
        let Local { paths, fetched } = local;
        if self.shared.steps.keys().next_back() == Some(&step) {
            // The first to have fetched it knows what was new.
            lock(&self.last).get_or_insert_with(|| Arc::clone(&fetched));
        }
        let mut files = Vec::new();
        for (name, path) in paths {
            let file =
                LocalFile::open(&path).map_err(|error| Error::cache("open", &path, error))?;
            let file: Box<dyn ReadRange> = Box::new(file);
            files.push((name, file));
        }
        let place = self.shared.repository.remote.cache.snapshot(&fetched.commit);
        Ok(HubCheckpoint::new(self.shared.open(&place, files)?, fetched))
    }

    /// SHA-256 over the names and hashes of `config.json` and the files of weights, as the hub
    /// lists them and as they are verified when they are fetched.
    fn fingerprint(&self, step: Step) -> Result<Option<String>, Error> {
        let mut hash = Sha256::new();
        for file in self.shared.get(step)?.files() {
            hash.update(format!("{} {}\n", file.hash, file.path));
        }
        Ok(Some(hex(&hash.finalize())))
    }

    /// Names and sizes alone tell: whether what is in the cache is sound is seen when a step is
    /// opened.
    fn bytes_to_fetch(&self, steps: &[Step]) -> u64 {
        self.missing_size(steps)
    }

    fn prefetch(&self, step: Step) {
        let mut pending = lock(&self.pending);
        if pending.contains_key(&step) || !self.shared.steps.contains_key(&step) {
            return;
        }
        let (shared, deletes) = (Arc::clone(&self.shared), self.deletes);
        let fetch = thread::Builder::new().name(format!("fetch step {step}"));
        // Without a thread for it, it is fetched when it is opened.
        if let Ok(handle) = fetch.spawn(move || shared.fetch(step, deletes)) {
            pending.insert(step, handle);
        }
    }
}

impl fmt::Debug for HubSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSeries")
            .field("repository", &self.shared.repository)
            .field("steps", &self.shared.steps.keys())
            .field("delete_after", &self.deletes)
            .finish_non_exhaustive()
    }
}

/// What is in there is whole after every statement, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
