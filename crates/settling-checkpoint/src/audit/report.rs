//! What an audit has found, as text and as JSON.

use std::fmt;

use serde_json::json;
use settling_core::Step;

use super::finding::{Finding, Severity, Verdict};
use crate::hash::TensorHashes;

/// What an [`Audit`](crate::Audit) found. It displays as a table of the steps, followed by the
/// findings and the verdict.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AuditReport {
    /// The steps there are, ascending.
    pub steps: Vec<AuditedStep>,
    /// The findings, worst first. Within a severity, in the order of their first steps.
    pub findings: Vec<Finding>,
}

/// What was learned about one step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AuditedStep {
    /// The step.
    pub step: Step,
    /// How many tensors, or files of weights, it has.
    pub parts: usize,
    /// The size of its tensors in bytes; `None` where only hashes of files are known, or it cannot
    /// be read.
    pub bytes: Option<u64>,
    /// The [`content_hash`](crate::content_hash); in an audit of a listing the hash of the file, if
    /// the step has just one. `None` if neither is known.
    pub sha256: Option<String>,
    /// The relative distance from the step before it with which it was compared.
    pub distance: Option<f64>,
    /// How much longer the way from the step before to the step after is through this one than past
    /// it: at least 1, infinite if those two are the same.
    pub detour: Option<f64>,
}

impl AuditReport {
    pub(crate) fn new(steps: Vec<AuditedStep>, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| {
            (std::cmp::Reverse(finding.severity), finding.kind.steps().first().copied())
        });
        Self { steps, findings }
    }

    /// The same report with findings that came later, such as those of
    /// [`Audit::run_on_one`](crate::Audit::run_on_one): the same finding of other steps is one.
    #[must_use]
    pub fn with_findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        for mut one in findings {
            let mut there = self.findings.iter_mut();
            let joined = there.any(|other| {
                (other.severity, other.allowed) == (one.severity, one.allowed)
                    && other.kind.join(&mut one.kind)
            });
            if !joined && !self.findings.contains(&one) {
                self.findings.push(one);
            }
        }
        Self::new(self.steps, self.findings)
    }

    /// The worst of the findings.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.severity.into()).max().unwrap_or(Verdict::Sound)
    }

    /// The findings that should keep a study from its work: worse than a note, and not
    /// [allowed](crate::Audit::allow_findings).
    pub fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.refuses())
    }

    /// The steps that no finding worse than a note calls into question: those a study can use as
    /// they are.
    #[must_use]
    pub fn sound_steps(&self) -> Vec<Step> {
        let steps = self.steps.iter().map(|audited| audited.step);
        steps.filter(|&step| self.worst(step).is_none_or(|worst| worst == Severity::Note)).collect()
    }

    fn worst(&self, step: Step) -> Option<Severity> {
        let about = self.findings.iter().filter(|finding| finding.kind.steps().contains(&step));
        about.map(|finding| finding.severity).max()
    }

    /// The whole report as JSON, with every name and number. `detour` is null if it is infinite or
    /// unknown.
    #[must_use]
    pub fn to_json(&self) -> String {
        let steps = self.steps.iter().map(|audited| {
            json!({
                "step": audited.step.0,
                "parts": audited.parts,
                "bytes": audited.bytes,
                "sha256": audited.sha256,
                "distance": audited.distance,
                "detour": audited.detour,
            })
        });
        let json = json!({
            "schema": "settling-audit/1",
            "verdict": self.verdict().to_string(),
            "steps": steps.collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
        });
        format!("{json:#}\n")
    }
}

impl AuditedStep {
    pub(super) fn hashed(step: Step, hashes: &TensorHashes) -> Self {
        Self {
            parts: hashes.tensors().len(),
            bytes: Some(hashes.bytes()),
            sha256: Some(hashes.content().to_owned()),
            ..Self::unread(step)
        }
    }

    pub(super) fn unread(step: Step) -> Self {
        Self { step, parts: 0, bytes: None, sha256: None, distance: None, detour: None }
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.iter().map(|audited| audited.step.to_string().len()).max();
        let width = width.unwrap_or(0).max("step".len());
        let (step, parts, size, hash) = ("step", "parts", "MiB", "sha256");
        let (distance, detour) = ("distance", "detour");
        writeln!(
            f,
            "{step:>width$}  {parts:>5}  {size:>9}  {hash:<12}  {distance:>9}  {detour:>7}  finding"
        )?;
        for audited in &self.steps {
            let size =
                audited.bytes.map(|bytes| format!("{:.2}", bytes as f64 / f64::from(1 << 20)));
            let hash: Option<String> =
                audited.sha256.as_ref().map(|hash| hash.chars().take(12).collect());
            let distance = audited.distance.map(|distance| format!("{distance:.2e}"));
            let detour = audited.detour.map(|detour| format!("{detour:.2}"));
            let worst = self.worst(audited.step).map(|worst| worst.to_string());
            let or = |text: Option<String>, none: &str| text.unwrap_or_else(|| none.to_owned());
            let line = format!(
                "{:>width$}  {:>5}  {:>9}  {:<12}  {:>9}  {:>7}  {}",
                audited.step.0,
                audited.parts,
                or(size, "-"),
                or(hash, "-"),
                or(distance, "-"),
                or(detour, "-"),
                or(worst, ""),
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f)?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        writeln!(f, "verdict: {}", self.verdict())
    }
}
