//! How a series is opened.

use std::collections::BTreeMap;

use settling_checkpoint::{PicoCommit, PicoContent, PicoSplit, StepPattern};
use settling_core::{Signal, Step};

use super::hub_series::HubSeries;
use super::shared::{Layout, RemoteCheckpoint};
use super::steps::{choose_steps, commits_of, main_revision, steps_of, steps_of_commits};
use super::weights::{Format, choose};
use crate::error::{Error, ErrorKind};
use crate::hub::Hub;
use crate::listing::Revision;
use crate::repository::Repository;
use crate::suites::{StepNames, Suite};

/// Which model, which of its revisions are steps, and which steps are wanted:
/// [`HubSeries::builder`].
///
/// Where nothing is said of how the steps are named, they are named as the model's [`Suite`] names
/// them, and `step{N}` in a model of no suite that is known. What is said last counts.
///
/// ```no_run
/// use settling_checkpoint::paper_steps;
/// use settling_hub::{Hub, HubSeries};
///
/// let hub = Hub::from_env()?;
/// let series = HubSeries::builder(&hub, "EleutherAI/pythia-410m-deduped")
///     .steps(paper_steps())
///     .delete_after(true)
///     .open()?;
/// # Ok::<(), settling_hub::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a series is there when it is opened"]
pub struct HubSeriesBuilder {
    hub: Hub,
    id: String,
    source: Source,
    steps: Option<Vec<Step>>,
    deletes: bool,
}

/// What the steps are.
#[derive(Clone, Debug)]
enum Source {
    /// What the suite of the model says.
    Suite,
    Named(StepNames),
    Revisions(BTreeMap<Step, Revision>),
    PicoDynamics {
        branch: String,
        split: PicoSplit,
        signal: Signal,
    },
}

impl HubSeries {
    /// All steps of a model, named as its [`Suite`] names them: [`builder`](Self::builder) with no
    /// choices made.
    ///
    /// # Errors
    ///
    /// Those of [`HubSeriesBuilder::open`]: the hub cannot be asked, or has no such model or steps.
    pub fn open(hub: &Hub, id: &str) -> Result<Self, Error> {
        Self::builder(hub, id).open()
    }

    /// Chooses the steps of a model, such as `EleutherAI/pythia-410m-deduped`, before they are
    /// opened. No request is made before [`open`](HubSeriesBuilder::open).
    pub fn builder(hub: &Hub, id: &str) -> HubSeriesBuilder {
        HubSeriesBuilder {
            hub: hub.clone(),
            id: id.to_owned(),
            source: Source::Suite,
            steps: None,
            deletes: false,
        }
    }
}

impl HubSeriesBuilder {
    /// The steps are the branches and tags whose names the pattern matches. `None` changes nothing.
    ///
    /// ```no_run
    /// use settling_checkpoint::StepPattern;
    /// use settling_hub::{Hub, HubSeries};
    ///
    /// let hub = Hub::from_env()?;
    /// let pattern: StepPattern = "checkpoint-{N}".parse()?;
    /// let series = HubSeries::builder(&hub, "me/my-run").pattern(pattern).open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pattern(self, pattern: impl Into<Option<StepPattern>>) -> Self {
        match pattern.into() {
            Some(pattern) => self.named(StepNames::Revisions { pattern, main: None }),
            None => self,
        }
    }

    /// The steps are commits of a branch, by the titles of the commits: Pico's, for one. Where a
    /// step has several commits, the latest counts.
    ///
    /// ```no_run
    /// use settling_hub::{Hub, HubSeries};
    ///
    /// let hub = Hub::from_env()?;
    /// let series = HubSeries::builder(&hub, "pico-lm/pico-decoder-tiny")
    ///     .commits("pico-decoder-tiny-1", "Saving HF Model -- Step {N}".parse()?)
    ///     .open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn commits(self, branch: &str, title: StepPattern) -> Self {
        self.named(StepNames::Commits { title, branch: branch.to_owned() })
    }

    /// The steps are named as those of this suite are, for a model that the suite does not list.
    pub fn suite(self, suite: &Suite) -> Self {
        self.named(suite.steps.clone())
    }

    /// The steps are these revisions.
    pub fn revisions(self, revisions: BTreeMap<Step, Revision>) -> Self {
        Self { source: Source::Revisions(revisions), ..self }
    }

    /// The steps are what Pico's trainer recorded of a run,
    /// `learning_dynamics/{split}_{signal}s.pt`, where it is there: as
    /// [`PicoDynamics`](settling_checkpoint::PicoDynamics) has it of a folder, with names without
    /// their common prefix. A run is a branch, and a step is a commit whose title says so.
    ///
    /// ```no_run
    /// use settling_checkpoint::PicoSplit;
    /// use settling_core::Signal;
    /// use settling_hub::{Hub, HubSeries};
    ///
    /// let hub = Hub::from_env()?;
    /// let gradients = HubSeries::builder(&hub, "pico-lm/pico-decoder-tiny")
    ///     .pico_dynamics("pico-decoder-tiny-1", PicoSplit::Train, Signal::Gradient)
    ///     .open()?;
    /// # Ok::<(), settling_hub::Error>(())
    /// ```
    pub fn pico_dynamics(self, branch: &str, split: PicoSplit, signal: Signal) -> Self {
        let branch = branch.to_owned();
        Self { source: Source::PicoDynamics { branch, split, signal }, ..self }
    }

    fn named(self, names: StepNames) -> Self {
        Self { source: Source::Named(names), ..self }
    }

    /// These steps and no others, but for the last one that there is: everything is compared with
    /// it. `None`, as before this is called, is all steps.
    pub fn steps(self, steps: impl Into<Option<Vec<Step>>>) -> Self {
        Self { steps: steps.into(), ..self }
    }

    /// Whether to remove the weights of a step from the cache when its checkpoint is dropped:
    /// [`HubSeries::delete_after`].
    pub fn delete_after(self, delete: bool) -> Self {
        Self { deletes: delete, ..self }
    }

    /// Lists the steps and their files. Of 154 steps this is 155 small requests, 16 at a time.
    ///
    /// # Errors
    ///
    /// If the name of the model cannot be one, the hub cannot be asked, there is no revision that
    /// is a step, two are the same step, one of the steps asked for is missing, or a revision has
    /// no weights in a format that is read.
    pub fn open(self) -> Result<HubSeries, Error> {
        let repository = self.hub.model(&self.id)?;
        let steps = self.steps.as_deref();
        let series = match &self.source {
            Source::Suite => {
                let names = Suite::for_model(&self.id).map(|suite| suite.steps.clone());
                named(&repository, &names.unwrap_or_default(), steps)
            }
            Source::Named(names) => named(&repository, names, steps),
            Source::Revisions(revisions) => models(&repository, revisions.clone(), steps),
            Source::PicoDynamics { branch, split, signal } => {
                pico_dynamics(&repository, branch, *split, *signal, steps)
            }
        };
        series.map(|series| series.delete_after(self.deletes))
    }
}

fn named(
    repository: &Repository,
    names: &StepNames,
    steps: Option<&[Step]>,
) -> Result<HubSeries, Error> {
    let revisions = match names {
        StepNames::Revisions { pattern, main } => {
            let mut revisions = steps_of(repository, pattern)?;
            if let Some(main) = main {
                revisions.insert(Step(*main), main_revision(repository)?);
            }
            revisions
        }
        StepNames::Commits { title, branch } => {
            let id = repository.id();
            let branch = branch.replace("{model}", id.rsplit('/').next().unwrap_or(id));
            steps_of_commits(repository, &branch, |text| title.step(text))?
        }
    };
    models(repository, revisions, steps)
}

fn models(
    repository: &Repository,
    revisions: BTreeMap<Step, Revision>,
    steps: Option<&[Step]>,
) -> Result<HubSeries, Error> {
    let revisions = choose_steps(repository, revisions, steps)?;
    if revisions.is_empty() {
        let message = format!("{}: no revision is a step", repository.id());
        return Err(Error::new(ErrorKind::Steps, message));
    }
    let lists = repository.files_of_many(&commits_of(&revisions))?;
    let weights = choose(&lists);
    let mut found = BTreeMap::new();
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
        found.insert(step, RemoteCheckpoint { revision, all, weights });
    }
    Ok(HubSeries::new(repository, found, Layout::Model))
}

fn pico_dynamics(
    repository: &Repository,
    branch: &str,
    split: PicoSplit,
    signal: Signal,
    steps: Option<&[Step]>,
) -> Result<HubSeries, Error> {
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
        let which = asked.map_or_else(|| "no step".to_owned(), |step| format!("not step {step}"));
        let message = format!("{}, branch {branch}: {which} has {path}", repository.id());
        return Err(Error::new(ErrorKind::Steps, message));
    }
    Ok(HubSeries::new(repository, found, Layout::OneFile))
}
