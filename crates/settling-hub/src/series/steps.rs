//! Which revisions of a repository are the steps of a run.

use std::collections::BTreeMap;

use settling_checkpoint::StepPattern;
use settling_core::Step;

use super::weights::is_weights;
use crate::error::{Error, ErrorKind};
use crate::listing::Revision;
use crate::repository::Repository;

pub(super) fn commits_of(revisions: &BTreeMap<Step, Revision>) -> Vec<&str> {
    revisions.values().map(|revision| revision.commit.as_str()).collect()
}

pub(super) fn no_step<T>(repository: &Repository, step: Step, steps: &BTreeMap<Step, T>) -> Error {
    let there = steps.keys().map(Step::to_string).collect::<Vec<_>>().join(", ");
    let message = format!("{} has no step {step}; it has {there}", repository.id());
    Error::new(ErrorKind::Steps, message)
}

/// The commits of a branch that are steps, by what `step_of` makes of their titles. Of several for
/// one step, the latest.
pub(super) fn steps_of_commits(
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
pub(super) fn steps_of(
    repository: &Repository,
    pattern: &StepPattern,
) -> Result<BTreeMap<Step, Revision>, Error> {
    let mut steps: BTreeMap<Step, Revision> = BTreeMap::new();
    let mut names = Vec::new();
    let is_offline = repository.remote.is_offline();
    for revision in repository.revisions()? {
        let Some(step) = pattern.step(&revision.name) else {
            names.push(revision.name);
            continue;
        };
        // What a study has removed again leaves its name behind.
        if is_offline && !repository.remote.cache.files(&revision.commit)?.iter().any(is_weights) {
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
pub(super) fn choose_steps(
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

/// The revision `main`.
pub(super) fn main_revision(repository: &Repository) -> Result<Revision, Error> {
    let revisions = repository.revisions()?;
    revisions.into_iter().find(|revision| revision.name == "main").ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("{} has no revision main", repository.id()))
    })
}
