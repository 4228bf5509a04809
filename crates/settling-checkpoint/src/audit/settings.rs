//! Whether the configurations of all steps are one.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::Step;
use settling_models::Architecture;

use super::finding::{ChangedSetting, Finding, FindingKind, Severity};

/// Findings about settings that are not those of the step before, and about configurations that
/// cannot be read where others can. A series in which no step has a configuration is one of
/// tensors, and gives none.
pub(super) fn changed_settings(
    architectures: &BTreeMap<Step, Result<Architecture, String>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before: Option<(Step, &Architecture)> = None;
    for (&step, found) in architectures {
        let Ok(architecture) = found else { continue };
        if let Some((previous, of_previous)) = before {
            let settings = differences(of_previous, architecture);
            if !settings.is_empty() {
                let kind = FindingKind::ChangedSettings { step, previous, settings };
                findings.push(Finding::new(Severity::Suspect, kind));
            }
        }
        before = Some((step, architecture));
    }
    if before.is_none() {
        return findings;
    }
    let unread = architectures.iter().filter_map(|(&step, found)| {
        let message = found.as_ref().err()?.clone();
        Some(Finding::new(Severity::Suspect, FindingKind::UnreadableSettings { step, message }))
    });
    findings.extend(unread);
    findings
}

fn differences(before: &Architecture, after: &Architecture) -> Vec<ChangedSetting> {
    let named = |architecture: &Architecture| -> BTreeMap<&'static str, String> {
        architecture.settings().into_iter().collect()
    };
    let (before, after) = (named(before), named(after));
    let names: BTreeSet<&&str> = before.keys().chain(after.keys()).collect();
    let value = |of: &BTreeMap<&str, String>, name: &str| {
        of.get(name).cloned().unwrap_or_else(|| "absent".to_owned())
    };
    let differing = names.into_iter().filter(|&&name| before.get(name) != after.get(name));
    let changed = differing.map(|&name| ChangedSetting {
        name: name.to_owned(),
        before: value(&before, name),
        after: value(&after, name),
    });
    changed.collect()
}

/// Findings about configurations of which only hashes are known.
pub(super) fn changed_files(hashes: &BTreeMap<Step, String>) -> Vec<Finding> {
    let steps: Vec<(&Step, &String)> = hashes.iter().collect();
    let changes = steps.windows(2).filter(|pair| pair[0].1 != pair[1].1);
    let findings = changes.map(|pair| {
        let kind = FindingKind::ChangedConfig { step: *pair[1].0, previous: *pair[0].0 };
        Finding::new(Severity::Note, kind)
    });
    findings.collect()
}
