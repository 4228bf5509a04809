use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use settling_checkpoint::{
    Checkpoint, ListedFile, PicoCommit, PicoContent, PicoSplit, StepPattern,
};
use settling_core::{
    BoxError, CheckpointSeries, LocalFile, ReadRange, Signal, Step, TensorData, TensorMeta,
    TensorSource,
};
use settling_models::{Architecture, ModelSource};
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind};
use crate::hub::Hub;
use crate::repository::{FileHash, RemoteFile, Repository, Revision};
use crate::suites::Suite;
use crate::weights::{Format, choose, is_weights};
use crate::{download, hex};

/// The checkpoints of a model on the hub: one step a revision.
///
/// Opening the series lists the files of every step, which for the 154 steps of a Pythia model is
/// 155 small requests, 16 at a time. Opening a step fetches its weights and `config.json` into the
/// cache, verified ([`Repository::fetch`]). Or nothing is fetched but the tensors that are read:
/// [`open_remote`](Self::open_remote).
///
/// ```no_run
/// use settling_checkpoint::{Audit, StepPattern, paper_steps};
/// use settling_core::{CheckpointSeries, Step};
/// use settling_hub::{Hub, HubSeries};
///
/// let repository = Hub::from_env()?.model("EleutherAI/pythia-410m-deduped")?;
/// let series = HubSeries::open(&repository, &StepPattern::default(), Some(&paper_steps()))?;
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

struct Shared {
    repository: Repository,
    steps: BTreeMap<Step, RemoteCheckpoint>,
    layout: Layout,
}

/// What a step is.
#[derive(Clone, Copy)]
enum Layout {
    /// A model in the files that transformers writes, and its config.
    Model,
    /// One file of tensors.
    OneFile,
}

struct RemoteCheckpoint {
    revision: Revision,
    /// Every file of the revision.
    all: Vec<RemoteFile>,
    /// Those with the weights, and the index of shards.
    weights: Vec<RemoteFile>,
}

/// A step whose files are on this machine.
struct Local {
    paths: Vec<(String, PathBuf)>,
    fetched: Arc<Fetched>,
}

impl HubSeries {
    /// Lists the steps of a model: the branches and tags whose names `pattern` matches, all of them
    /// or those of `steps`. The last one that there is is always among them, since everything is
    /// compared with it.
    ///
    /// # Errors
    ///
    /// If the hub cannot be asked, there is no revision of such a name, two are the same step, one
    /// of `steps` is missing, or a revision has no weights in a format that is read.
    pub fn open(
        repository: &Repository,
        pattern: &StepPattern,
        steps: Option<&[Step]>,
    ) -> Result<Self, Error> {
        Self::of_revisions(
            repository,
            choose_steps(repository, steps_of(repository, pattern)?, steps)?,
        )
    }

    /// Lists the steps of a model that is known by its name alone: as `pattern` says, else as its
    /// [`Suite`] names them, else `step{N}`.
    ///
    /// ```no_run
    /// use settling_checkpoint::paper_steps;
    /// use settling_hub::{Hub, HubSeries};
    ///
    /// let hub = Hub::from_env()?;
    /// let series = HubSeries::of_model(&hub, "EleutherAI/pythia-410m-deduped", None, Some(&paper_steps()))?;
    /// # Ok::<(), settling_hub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), or if the name cannot be one.
    pub fn of_model(
        hub: &Hub,
        id: &str,
        pattern: Option<&StepPattern>,
        steps: Option<&[Step]>,
    ) -> Result<Self, Error> {
        match (pattern, Suite::of_model(id)) {
            (None, Some(suite)) => suite.series(hub, id, steps),
            (pattern, _) => {
                let pattern = pattern.cloned().unwrap_or_default();
                Self::open(&hub.model(id)?, &pattern, steps)
            }
        }
    }

    /// Lists steps that are commits of a branch, by the titles of the commits: Pico's, for one.
    ///
    /// ```no_run
    /// use settling_hub::{Hub, HubSeries};
    ///
    /// let repository = Hub::from_env()?.model("pico-lm/pico-decoder-tiny")?;
    /// let series = HubSeries::of_commits(&repository, "pico-decoder-tiny-1", &"Saving HF Model -- Step {N}".parse()?, None)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Where a step has several commits, the latest counts.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn of_commits(
        repository: &Repository,
        branch: &str,
        title: &StepPattern,
        steps: Option<&[Step]>,
    ) -> Result<Self, Error> {
        let found = steps_of_commits(repository, branch, |text| title.step(text))?;
        Self::of_revisions(repository, choose_steps(repository, found, steps)?)
    }

    /// The series of these revisions.
    ///
    /// # Errors
    ///
    /// If there are none, the hub cannot be asked, or a revision has no weights in a format that is
    /// read.
    pub fn of_revisions(
        repository: &Repository,
        revisions: BTreeMap<Step, Revision>,
    ) -> Result<Self, Error> {
        if revisions.is_empty() {
            let message = format!("{}: no revision is a step", repository.id());
            return Err(Error::new(ErrorKind::Steps, message));
        }
        let lists = repository.files_of_many(&commits_of(&revisions))?;
        let weights = choose(&lists);
        let mut steps = BTreeMap::new();
        for (((step, revision), all), weights) in revisions.into_iter().zip(lists).zip(weights) {
            if weights.is_empty() {
                let names = Format::ALL.map(Format::single).join(" nor ");
                let message = format!(
                    "{}, revision {} has no weights: neither {names}, whole or in shards",
                    repository.id(),
                    revision.name
                );
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            steps.insert(step, RemoteCheckpoint { revision, all, weights });
        }
        Ok(Self::new(repository, steps, Layout::Model))
    }

    /// Lists what Pico's trainer recorded of a run, `learning_dynamics/{split}_{signal}s.pt`, at
    /// the steps that have it: as [`PicoDynamics`](settling_checkpoint::PicoDynamics) does of a
    /// folder, with names without their common prefix. A run is a branch, and a step is a commit
    /// whose title says so.
    ///
    /// ```no_run
    /// use settling_checkpoint::PicoSplit;
    /// use settling_core::Signal;
    /// use settling_hub::{Hub, HubSeries};
    ///
    /// let repository = Hub::from_env()?.model("pico-lm/pico-decoder-tiny")?;
    /// let (run, split) = ("pico-decoder-tiny-1", PicoSplit::Train);
    /// let gradients = HubSeries::of_pico_dynamics(&repository, run, split, Signal::Gradient, None)?;
    /// # Ok::<(), settling_hub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such branch, no step with this file, one of `steps` is missing, or the hub
    /// cannot be asked.
    pub fn of_pico_dynamics(
        repository: &Repository,
        branch: &str,
        split: PicoSplit,
        signal: Signal,
        steps: Option<&[Step]>,
    ) -> Result<Self, Error> {
        // In other commits the files of this split are still those of the step before.
        let revisions = steps_of_commits(repository, branch, |title| {
            let commit = PicoCommit::parse(title)?;
            (commit.content == PicoContent::Dynamics(split)).then_some(commit.step)
        })?;
        let revisions = choose_steps(repository, revisions, steps)?;
        let lists = repository.files_of_many(&commits_of(&revisions))?;
        let path = split.file(signal);
        let mut found = BTreeMap::new();
        for ((step, revision), all) in revisions.into_iter().zip(lists) {
            if let Some(file) = all.iter().find(|file| file.path == path) {
                let weights = vec![file.clone()];
                found.insert(step, RemoteCheckpoint { revision, all, weights });
            }
        }
        let asked = steps.unwrap_or_default().iter().find(|step| !found.contains_key(step));
        if found.is_empty() || asked.is_some() {
            let which =
                asked.map_or_else(|| "no step".to_owned(), |step| format!("not step {step}"));
            let message = format!("{}, branch {branch}: {which} has {path}", repository.id());
            return Err(Error::new(ErrorKind::Steps, message));
        }
        Ok(Self::new(repository, found, Layout::OneFile))
    }

    fn new(
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
    /// studies larger than the disk. Only what this series brought is removed, and the last step
    /// only with the series. What an interrupted run leaves behind stays.
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
        let cache = &self.shared.repository.cache;
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

    /// The names and hashes of the weights that are read, for
    /// [`Audit::run_listing`](settling_checkpoint::Audit::run_listing).
    #[must_use]
    pub fn listing(&self) -> Vec<ListedFile> {
        self.listed(|checkpoint| &checkpoint.weights)
    }

    /// The names and hashes of every large file, also of weights in the format that is not read:
    /// who loads these models with another program may get those.
    #[must_use]
    pub fn full_listing(&self) -> Vec<ListedFile> {
        self.listed(|checkpoint| &checkpoint.all)
    }

    fn listed(&self, of: impl Fn(&RemoteCheckpoint) -> &[RemoteFile]) -> Vec<ListedFile> {
        let mut files = Vec::new();
        for (&step, checkpoint) in &self.shared.steps {
            for file in of(checkpoint) {
                if let FileHash::Sha256(sha256) = &file.hash {
                    let (name, sha256) = (file.path.clone(), sha256.clone());
                    files.push(ListedFile { step, name, sha256 });
                }
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

impl Shared {
    fn get(&self, step: Step) -> Result<&RemoteCheckpoint, Error> {
        self.steps.get(&step).ok_or_else(|| no_step(&self.repository, step, &self.steps))
    }

    fn open(
        &self,
        place: &Path,
        mut files: Vec<(String, Box<dyn ReadRange>)>,
    ) -> Result<Checkpoint, Error> {
        match (self.layout, files.pop()) {
            (Layout::OneFile, Some((name, bytes))) => {
                Ok(Checkpoint::from_file(place.join(name), bytes)?.without_common_prefix())
            }
            (_, last) => {
                files.extend(last);
                Ok(Checkpoint::from_files(place, files)?)
            }
        }
    }

    fn fetch(&self, step: Step, deletes: bool) -> Result<Local, Error> {
        let checkpoint = self.get(step)?;
        let commit = &checkpoint.revision.commit;
        let mut fetched = Fetched {
            repository: self.repository.clone(),
            commit: commit.clone(),
            files: Vec::new(),
        };
        let mut paths = Vec::new();
        for file in checkpoint.files() {
            let here = download::fetch(&self.repository, commit, file)?;
            if here.is_new && deletes && checkpoint.weights.contains(file) {
                fetched.files.push(file.clone());
            }
            paths.push((file.path.clone(), here.path));
        }
        self.repository.cache.remember(&checkpoint.revision.name, commit)?;
        Ok(Local { paths, fetched: Arc::new(fetched) })
    }
}

impl RemoteCheckpoint {
    /// What a checkpoint is opened from.
    fn files(&self) -> impl Iterator<Item = &RemoteFile> {
        self.all.iter().filter(|file| file.path == "config.json").chain(&self.weights)
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
        let place = self.shared.repository.cache.snapshot(&fetched.commit);
        Ok(HubCheckpoint { checkpoint: self.shared.open(&place, files)?, _fetched: fetched })
    }

    /// SHA-256 over the names and hashes of `config.json` and the files of weights, as the hub lists
    /// them and as they are verified when they are fetched.
    fn fingerprint(&self, step: Step) -> Result<Option<String>, Error> {
        let mut hash = Sha256::new();
        for file in self.shared.get(step)?.files() {
            hash.update(format!("{} {}\n", file.hash, file.path));
        }
        Ok(Some(hex(&hash.finalize())))
    }

    /// From names and sizes alone: whether what is in the cache is sound is seen when a step is
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

/// A checkpoint from the hub, on this machine.
#[derive(Debug)]
pub struct HubCheckpoint {
    checkpoint: Checkpoint,
    /// Behind the checkpoint, whose files are open until it is dropped.
    _fetched: Arc<Fetched>,
}

impl HubCheckpoint {
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
        Ok(self.checkpoint.read(name)?)
    }
}

impl ModelSource for HubCheckpoint {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        Ok(self.checkpoint.architecture()?)
    }
}

/// Files that are removed when nobody uses them any more.
#[derive(Debug)]
struct Fetched {
    repository: Repository,
    commit: String,
    files: Vec<RemoteFile>,
}

impl Drop for Fetched {
    fn drop(&mut self) {
        for file in mem::take(&mut self.files) {
            // What cannot be removed stays: it is a cache.
            let _ = self.repository.cache.remove(&self.commit, &file);
        }
    }
}

/// What is in there is whole after every statement, so a panic elsewhere leaves nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn commits_of(revisions: &BTreeMap<Step, Revision>) -> Vec<&str> {
    revisions.values().map(|revision| revision.commit.as_str()).collect()
}

fn no_step<T>(repository: &Repository, step: Step, steps: &BTreeMap<Step, T>) -> Error {
    let there = steps.keys().map(Step::to_string).collect::<Vec<_>>().join(", ");
    let message = format!("{} has no step {step}; it has {there}", repository.id());
    Error::new(ErrorKind::Steps, message)
}

/// The commits of a branch that are steps, by what `step_of` makes of their titles. Of several for
/// one step, the latest.
fn steps_of_commits(
    repository: &Repository,
    branch: &str,
    step_of: impl Fn(&str) -> Option<Step>,
) -> Result<BTreeMap<Step, Revision>, Error> {
    let mut steps = BTreeMap::new();
    for commit in repository.commits(branch)? {
        if let Some(step) = step_of(commit.title.trim()) {
            let revision = Revision { name: commit.id.clone(), commit: commit.id };
            steps.entry(step).or_insert(revision);
        }
    }
    Ok(steps)
}

/// The revisions that are steps, by the step. A tag beside a branch of the same commit is the same
/// step.
pub(crate) fn steps_of(
    repository: &Repository,
    pattern: &StepPattern,
) -> Result<BTreeMap<Step, Revision>, Error> {
    let mut steps: BTreeMap<Step, Revision> = BTreeMap::new();
    let mut names = Vec::new();
    let is_offline = repository.connection.settings.offline;
    for revision in repository.revisions()? {
        let Some(step) = pattern.step(&revision.name) else {
            names.push(revision.name);
            continue;
        };
        // What a study has removed again leaves its name behind.
        if is_offline && !repository.cache.files(&revision.commit)?.iter().any(is_weights) {
            names.push(format!("{} (its weights are not in the cache)", revision.name));
            continue;
        }
        if let Some(other) = steps.get(&step)
            && other.commit != revision.commit
        {
            let message = format!(
                "{}: the revisions {} and {} are the same step, {step}: choose a pattern that leaves one out",
                repository.id(),
                other.name,
                revision.name
            );
            return Err(Error::new(ErrorKind::Steps, message));
        }
        steps.entry(step).or_insert(revision);
    }
    if steps.is_empty() {
        names.truncate(10);
        let message = format!(
            "{} has no revision named {pattern}; it has {}",
            repository.id(),
            names.join(", ")
        );
        return Err(Error::new(ErrorKind::Steps, message));
    }
    Ok(steps)
}

/// Those of `steps`, and the last.
pub(crate) fn choose_steps(
    repository: &Repository,
    mut revisions: BTreeMap<Step, Revision>,
    steps: Option<&[Step]>,
) -> Result<BTreeMap<Step, Revision>, Error> {
    let Some(steps) = steps else { return Ok(revisions) };
    if let Some(missing) = steps.iter().find(|step| !revisions.contains_key(step)) {
        return Err(no_step(repository, *missing, &revisions));
    }
    let last = revisions.keys().next_back().copied();
    revisions.retain(|step, _| Some(*step) == last || steps.contains(step));
    Ok(revisions)
}
