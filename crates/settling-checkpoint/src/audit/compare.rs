//! What hashes alone can tell, of tensors or of whole files.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::Step;

use super::finding::{Finding, FindingKind, Severity, early};

/// One step as hashes see it.
#[derive(Debug, Default)]
pub(super) struct Hashed {
    /// By name: everything that must agree for two steps to be the same.
    pub(super) all: BTreeMap<String, String>,
    /// By name: what two different steps of training cannot share.
    pub(super) telling: BTreeMap<String, Part>,
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) hash: String,
    pub(super) file: Option<String>,
}

/// Findings about steps that are not there.
pub(super) fn missing(expected: &[Step], there: &[Step]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if there.is_empty() {
        findings.push(Finding::new(Severity::Broken, FindingKind::Empty));
    }
    let there: BTreeSet<&Step> = there.iter().collect();
    let steps: Vec<Step> = expected.iter().filter(|&step| !there.contains(step)).copied().collect();
    if !steps.is_empty() {
        let last = steps.last() == expected.last();
        let severity = if last { Severity::Broken } else { Severity::Suspect };
        findings.push(Finding::new(severity, FindingKind::MissingSteps { steps, last }));
    }
    findings
}

/// Findings about identical, partly identical and constant weights. The greatest step is taken for
/// the last of training.
pub(super) fn compare(steps: &BTreeMap<Step, Hashed>, allowed: &BTreeSet<Step>) -> Vec<Finding> {
    let Some((&last, final_step)) = steps.last_key_value() else { return Vec::new() };
    let mut findings = Vec::new();

    let same_as_last: Vec<Step> = steps
        .range(..last)
        .filter(|(_, hashed)| same(&hashed.all, &final_step.all))
        .map(|(step, _)| *step)
        .collect();
    let (excused, accused): (Vec<_>, Vec<_>) =
        same_as_last.iter().partition(|step| allowed.contains(step));
    for (severity, steps) in [(Severity::Broken, accused), (Severity::Note, excused)] {
        if !steps.is_empty() {
            findings.push(Finding::new(severity, FindingKind::SameAsLast { steps, last }));
        }
    }

    let mut groups: BTreeMap<_, Vec<Step>> = BTreeMap::new();
    for (&step, hashed) in steps {
        groups.entry(&hashed.all).or_default().push(step);
    }
    let mut identical: Vec<Vec<Step>> = groups
        .into_values()
        .map(|group| group.into_iter().filter(|&step| step < last && !same_as_last.contains(&step)))
        .map(Iterator::collect)
        .filter(|group: &Vec<Step>| group.len() > 1)
        .collect();
    identical.sort();
    for group in identical {
        let severity = if group.iter().all(|step| early(step) || allowed.contains(step)) {
            Severity::Note
        } else if group[0] == Step(0) && group.iter().eq(steps.keys().take(group.len())) {
            Severity::Suspect
        } else {
            Severity::Broken
        };
        findings.push(Finding::new(severity, FindingKind::IdenticalSteps { steps: group }));
    }

    let constant = constant(steps);
    if !constant.is_empty() {
        let names = constant.iter().map(|&name| name.to_owned()).collect();
        findings.push(Finding::new(Severity::Note, FindingKind::Constant { names }));
    }
    for ((step, other), shared) in shared(steps, &constant) {
        let (mine, others) = (&steps[&step], &steps[&other]);
        if same(&mine.all, &others.all) || (other == last && same_as_last.contains(&step)) {
            continue;
        }
        let severity = if allowed.contains(&step) || (early(&step) && early(&other)) {
            Severity::Note
        } else if other == last {
            Severity::Broken
        } else {
            Severity::Suspect
        };
        findings.push(Finding::new(severity, mixed(mine, step, other, shared, &constant)));
    }
    findings
}

/// Whether two steps are the same as far as both are there: one may have its weights in a second
/// format that the other lacks.
fn same(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> bool {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    !few.is_empty() && few.iter().all(|(name, hash)| many.get(name) == Some(hash))
}

/// Parts that every step has, with one hash, among three or more different checkpoints. Among two,
/// one hash is no evidence that a part is constant.
fn constant(steps: &BTreeMap<Step, Hashed>) -> BTreeSet<&str> {
    let different: BTreeSet<_> = steps.values().map(|hashed| &hashed.all).collect();
    let Some(first) = steps.values().next().filter(|_| different.len() > 2) else {
        return BTreeSet::new();
    };
    let everywhere = |name: &str, hash: &str| {
        steps.values().all(|step| step.telling.get(name).is_some_and(|part| part.hash == hash))
    };
    let parts = first.telling.iter();
    parts
        .filter(|(name, part)| everywhere(name, &part.hash))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// Which parts two steps share, for every step and the latest step that has the same part.
fn shared<'a>(
    steps: &'a BTreeMap<Step, Hashed>,
    constant: &BTreeSet<&str>,
) -> BTreeMap<(Step, Step), Vec<&'a str>> {
    let mut places: BTreeMap<(&str, &str), Vec<Step>> = BTreeMap::new();
    for (&step, hashed) in steps {
        let parts = hashed.telling.iter().filter(|(name, _)| !constant.contains(name.as_str()));
        for (name, part) in parts {
            places.entry((name, &part.hash)).or_default().push(step);
        }
    }
    let mut shared: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for ((name, _), at) in places {
        if let Some((&latest, earlier)) = at.split_last() {
            for &step in earlier {
                shared.entry((step, latest)).or_default().push(name);
            }
        }
    }
    shared
}

fn mixed(
    mine: &Hashed,
    step: Step,
    other: Step,
    shared: Vec<&str>,
    constant: &BTreeSet<&str>,
) -> FindingKind {
    let parts = || mine.telling.iter().filter(|(name, _)| !constant.contains(name.as_str()));
    let shares: BTreeSet<&str> = shared.into_iter().collect();
    let of_files = |want: bool| -> BTreeSet<&String> {
        let chosen = parts().filter(|(name, _)| shares.contains(name.as_str()) == want);
        chosen.filter_map(|(_, part)| part.file.as_ref()).collect()
    };
    let (some, not_all) = (of_files(true), of_files(false));
    FindingKind::MixedOrigin {
        step,
        other,
        differing: parts().count() - shares.len(),
        shared: shares.into_iter().map(str::to_owned).collect(),
        files: some.difference(&not_all).map(|&file| file.clone()).collect(),
    }
}
