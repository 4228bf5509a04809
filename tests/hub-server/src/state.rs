//! What is served, and how.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::fault::Rule;
use crate::repo::{Repo, RepoKind};

/// What is served, and how.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) url: String,
    pub(crate) cdn_url: String,
    pub(crate) repos: BTreeMap<(RepoKind, String), Repo>,
    pub(crate) renamed: BTreeMap<(RepoKind, String), String>,
    pub(crate) missing_is_404: bool,
    pub(crate) resolve_cache: bool,
    pub(crate) page_size: Option<usize>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) delay: Option<Duration>,
    pub(crate) waiting: usize,
    pub(crate) most_waiting: usize,
}

/// A panic elsewhere leaves nothing half done here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
