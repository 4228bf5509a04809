//! What an audit can find, and how it is said.

use std::fmt;

use serde_json::{Value, json};
use settling_core::Step;

use super::name::FindingName;

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Worth knowing; there is an innocent explanation, or the caller has allowed it.
    Note,
    /// Numbers of the steps named may be wrong: look before you publish them.
    Suspect,
    /// A step is not the checkpoint that its name says, or cannot be read.
    Broken,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Suspect => "suspect",
            Self::Broken => "broken",
        })
    }
}

/// What an audit says of the whole series: the worst of its findings.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// Nothing was found.
    Sound,
    /// Nothing but notes.
    Notes,
    /// Something suspect, and nothing worse.
    Suspect,
    /// Something broken.
    Broken,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sound => "sound",
            Self::Notes => "notes",
            Self::Suspect => "suspect",
            Self::Broken => "broken",
        })
    }
}

impl From<Severity> for Verdict {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Note => Self::Notes,
            Severity::Suspect => Self::Suspect,
            Severity::Broken => Self::Broken,
        }
    }
}

/// One thing that an audit found.
///
/// It displays as a sentence that names the steps and what to do, and ends with its name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub kind: FindingKind,
    /// Whether it was [allowed by its name](crate::Audit::allow_findings).
    pub allowed: bool,
}

/// The sorts of findings. Steps are ascending wherever there are several.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FindingKind {
    /// There is no step at all.
    Empty,
    /// Steps that were expected are not there. Broken if the last of those expected is missing, for
    /// it is what the others are compared with; else suspect.
    MissingSteps {
        /// The missing ones.
        steps: Vec<Step>,
        /// Whether the last of those expected is among them.
        last: bool,
    },
    /// A step cannot be opened or read.
    Unreadable {
        /// The step.
        step: Step,
        /// The error's message.
        message: String,
    },
    /// Steps before the last serve the weights of the last.
    SameAsLast {
        /// The steps.
        steps: Vec<Step>,
        /// The last step.
        last: Step,
    },
    /// Two or more steps before the last have the same weights. A note if they are among the steps
    /// 0, 1 and 2: mixed-precision training skips updates until its loss scale fits. Suspect if
    /// they are a longer run from step 0 on, else broken.
    IdenticalSteps {
        /// The steps.
        steps: Vec<Step>,
    },
    /// Some weights of a step are those of another step and some are not, as when a shard was
    /// uploaded to the wrong revision. Broken if the other is the last step, a note if both are
    /// among the steps 0, 1 and 2, else suspect.
    MixedOrigin {
        /// The earlier step.
        step: Step,
        /// The later step. Which of the two is wrong, the hashes cannot tell; but the last step is
        /// usually right.
        other: Step,
        /// What is the same: matrices by name, or files where only files are known.
        shared: Vec<String>,
        /// How many other matrices, or files, there are to be compared.
        differing: usize,
        /// The files of `step` in which everything that counts is the same. Empty where files are
        /// not known.
        files: Vec<String>,
    },
    /// Matrices, or files, that are the same in every one of three or more different checkpoints:
    /// frozen, or a constant that the model carries along.
    Constant {
        /// Their names.
        names: Vec<String>,
    },
    /// A step does not have the tensors of the last. Only of steps without a configuration that is
    /// understood: others are held to it.
    OtherTensors {
        /// The step.
        step: Step,
        /// Names and shapes that only the last step has.
        missing: Vec<String>,
        /// Names and shapes that only this step has.
        surplus: Vec<String>,
    },
    /// Steps lack weights that their configuration says, or have them in another shape or in a type
    /// that is no floating-point number.
    MissingWeights {
        /// The steps.
        steps: Vec<Step>,
        /// The weights, with what is wrong.
        weights: Vec<String>,
    },
    /// Steps have tensors that the model of their configuration does not have, so that what runs is
    /// not all that is in the file: adapters that were not merged, biases, layers beyond those of
    /// the configuration. A note if all of them are the state of an optimizer or the like.
    ///
    /// Masks and tables that older files carry along (`attention.bias`, `masked_bias`,
    /// `rotary_emb.inv_freq`) are none of these.
    UnknownTensors {
        /// The steps.
        steps: Vec<Step>,
        /// Their names.
        tensors: Vec<String>,
    },
    /// Weights of which all elements are zero, or more than half of them: a cut file that was
    /// padded, or a tensor that was never written. Biases do not count. A note at step 0 if all
    /// weights of that sort are: some models begin so.
    ZeroWeights {
        /// The steps.
        steps: Vec<Step>,
        /// The weights, with how much of them is zero if not all is.
        tensors: Vec<String>,
    },
    /// Matrices with one value throughout that is not zero.
    UniformWeights {
        /// The steps.
        steps: Vec<Step>,
        /// The names of the matrices.
        tensors: Vec<String>,
    },
    /// Matrices of layers that are, to the bit, another matrix of the same step.
    RepeatedWeights {
        /// The steps.
        steps: Vec<Step>,
        /// Each with the one that it repeats, as `a = b`.
        tensors: Vec<String>,
    },
    /// The configuration of a step is not that of the step before: the model computes something
    /// else with the same weights. Only settings that bear on the forward pass count.
    ChangedSettings {
        /// The later step.
        step: Step,
        /// The step before it.
        previous: Step,
        /// The settings that differ, by name.
        settings: Vec<ChangedSetting>,
    },
    /// The configuration of a step cannot be read, though that of another step can.
    UnreadableSettings {
        /// The step.
        step: Step,
        /// The error's message.
        message: String,
    },
    /// The `config.json` of a step is not the file of the step before. A note: hashes cannot tell
    /// whether a setting differs that matters.
    ChangedConfig {
        /// The later step.
        step: Step,
        /// The step before it.
        previous: Step,
    },
    /// Weights hold infinities or NaN.
    NotFinite {
        /// The steps.
        steps: Vec<Step>,
        /// The names of the weights.
        tensors: Vec<String>,
    },
    /// A step lies far off the way between its neighbors. A warning: read [`Audit`](crate::Audit)
    /// for what it can tell.
    Discontinuity {
        /// The step.
        step: Step,
        /// The neighbors it was compared with.
        between: [Step; 2],
        /// The relative distances: previous to this, this to next, previous to next.
        distances: [f64; 3],
        /// How many matrices exceed the limit, each taken alone.
        tensors: usize,
        /// How many matrices there are in all.
        of: usize,
    },
}

/// A setting that two neighboring steps do not have in common.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChangedSetting {
    /// Its name, as in `config.json`.
    pub name: String,
    /// Its value at the earlier step; `absent` if the model of that step has no such setting.
    pub before: String,
    /// Its value at the later step.
    pub after: String,
}

impl fmt::Display for ChangedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}, then {}", self.name, self.before, self.after)
    }
}

impl FindingKind {
    /// What findings of this sort are called.
    #[must_use]
    pub const fn name(&self) -> FindingName {
        FindingName::of(match self {
            Self::Empty => "empty",
            Self::MissingSteps { .. } => "missing-steps",
            Self::Unreadable { .. } => "unreadable",
            Self::SameAsLast { .. } => "same-as-last",
            Self::IdenticalSteps { .. } => "identical-steps",
            Self::MixedOrigin { .. } => "mixed-origin",
            Self::Constant { .. } => "constant",
            Self::OtherTensors { .. } => "other-tensors",
            Self::MissingWeights { .. } => "missing-weights",
            Self::UnknownTensors { .. } => "unknown-tensors",
            Self::ZeroWeights { .. } => "zero-weights",
            Self::UniformWeights { .. } => "uniform-weights",
            Self::RepeatedWeights { .. } => "repeated-weights",
            Self::NotFinite { .. } => "not-finite",
            Self::ChangedSettings { .. } => "changed-settings",
            Self::UnreadableSettings { .. } => "unreadable-settings",
            Self::ChangedConfig { .. } => "changed-config",
            Self::Discontinuity { .. } => "discontinuity",
        })
    }

    /// The steps whose numbers are in question, ascending.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        match self {
            Self::Empty | Self::Constant { .. } => Vec::new(),
            Self::MissingSteps { steps, .. }
            | Self::SameAsLast { steps, .. }
            | Self::IdenticalSteps { steps }
            | Self::MissingWeights { steps, .. }
            | Self::UnknownTensors { steps, .. }
            | Self::ZeroWeights { steps, .. }
            | Self::UniformWeights { steps, .. }
            | Self::RepeatedWeights { steps, .. }
            | Self::NotFinite { steps, .. } => steps.clone(),
            Self::ChangedSettings { step, previous, .. }
            | Self::ChangedConfig { step, previous } => vec![*previous, *step],
            Self::Unreadable { step, .. }
            | Self::UnreadableSettings { step, .. }
            | Self::MixedOrigin { step, .. }
            | Self::OtherTensors { step, .. }
            | Self::Discontinuity { step, .. } => vec![*step],
        }
    }
}

impl FindingKind {
    /// The steps, and what is the same at all of them, of a finding about the tensors of steps.
    fn of_tensors(&mut self) -> Option<(&mut Vec<Step>, &mut Vec<String>)> {
        match self {
            Self::MissingWeights { steps, weights: tensors }
            | Self::UnknownTensors { steps, tensors }
            | Self::ZeroWeights { steps, tensors }
            | Self::UniformWeights { steps, tensors }
            | Self::RepeatedWeights { steps, tensors }
            | Self::NotFinite { steps, tensors } => Some((steps, tensors)),
            _ => None,
        }
    }

    pub(super) fn forget_steps(&mut self) {
        if let Some((steps, _)) = self.of_tensors() {
            steps.clear();
        }
    }

    /// Takes the steps of another finding in, if it is the same of other steps.
    pub(super) fn join(&mut self, other: &mut Self) -> bool {
        if self.name() != other.name() {
            return false;
        }
        let (Some((steps, mine)), Some((more, others))) = (self.of_tensors(), other.of_tensors())
        else {
            return false;
        };
        if mine != others {
            return false;
        }
        steps.append(more);
        steps.sort_unstable();
        steps.dedup();
        true
    }
}

impl Finding {
    pub(super) fn new(severity: Severity, kind: FindingKind) -> Self {
        Self { severity, kind, allowed: false }
    }

    /// Whether numbers of these steps should not be computed before somebody has looked: worse than
    /// a note, and not allowed.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.severity > Severity::Note && !self.allowed
    }

    pub(super) fn json(&self) -> Value {
        let steps: Vec<u64> = self.kind.steps().iter().map(|step| step.0).collect();
        let mut json = json!({
            "kind": self.kind.name().to_string(),
            "severity": self.severity.to_string(),
            "allowed": self.allowed,
            "steps": steps,
            "message": self.kind.to_string(),
        });
        let more = match &self.kind {
            FindingKind::SameAsLast { last, .. } => json!({ "last": last.0 }),
            FindingKind::MixedOrigin { other, shared, differing, files, .. } => {
                json!({ "other": other.0, "shared": shared, "differing": differing, "files": files })
            }
            FindingKind::Constant { names } => json!({ "names": names }),
            FindingKind::OtherTensors { missing, surplus, .. } => {
                json!({ "missing": missing, "surplus": surplus })
            }
            FindingKind::ChangedSettings { previous, settings, .. } => {
                let settings = settings.iter().map(
                    |one| json!({ "name": one.name, "before": one.before, "after": one.after }),
                );
                json!({ "previous": previous.0, "settings": settings.collect::<Vec<_>>() })
            }
            FindingKind::ChangedConfig { previous, .. } => json!({ "previous": previous.0 }),
            FindingKind::MissingWeights { weights, .. } => json!({ "weights": weights }),
            FindingKind::UnknownTensors { tensors, .. }
            | FindingKind::ZeroWeights { tensors, .. }
            | FindingKind::UniformWeights { tensors, .. }
            | FindingKind::RepeatedWeights { tensors, .. }
            | FindingKind::NotFinite { tensors, .. } => json!({ "tensors": tensors }),
            FindingKind::Discontinuity { between, distances, tensors, of, .. } => json!({
                "between": between.map(|step| step.0),
                "distances": distances,
                "tensors": tensors,
                "of": of,
            }),
            _ => json!({}),
        };
        if let (Value::Object(json), Value::Object(more)) = (&mut json, more) {
            json.extend(more);
        }
        json
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = if self.allowed { ", allowed" } else { "" };
        write!(f, "{}: {} [{}{allowed}]", self.severity, self.kind, self.kind.name())
    }
}

/// Steps in which updates may not have happened yet.
pub(super) fn early(step: &Step) -> bool {
    step.0 <= 2
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_finding_has_a_name_of_its_own_that_can_be_allowed() {
        let (step, steps) = (Step(1), vec![Step(1)]);
        let names = || vec!["a".to_owned()];
        let kinds = [
            FindingKind::Empty,
            FindingKind::MissingSteps { steps: steps.clone(), last: false },
            FindingKind::Unreadable { step, message: String::new() },
            FindingKind::SameAsLast { steps: steps.clone(), last: Step(2) },
            FindingKind::IdenticalSteps { steps: steps.clone() },
            FindingKind::MixedOrigin {
                step,
                other: Step(2),
                shared: names(),
                differing: 1,
                files: Vec::new(),
            },
            FindingKind::Constant { names: names() },
            FindingKind::OtherTensors { step, missing: names(), surplus: Vec::new() },
            FindingKind::MissingWeights { steps: steps.clone(), weights: names() },
            FindingKind::UnknownTensors { steps: steps.clone(), tensors: names() },
            FindingKind::ZeroWeights { steps: steps.clone(), tensors: names() },
            FindingKind::UniformWeights { steps: steps.clone(), tensors: names() },
            FindingKind::RepeatedWeights { steps: steps.clone(), tensors: names() },
            FindingKind::NotFinite { steps, tensors: names() },
            FindingKind::ChangedSettings { step, previous: Step(0), settings: Vec::new() },
            FindingKind::UnreadableSettings { step, message: String::new() },
            FindingKind::ChangedConfig { step, previous: Step(0) },
            FindingKind::Discontinuity {
                step,
                between: [Step(0), Step(2)],
                distances: [1.0; 3],
                tensors: 1,
                of: 1,
            },
        ];
        let found: BTreeSet<FindingName> = kinds.iter().map(FindingKind::name).collect();
        assert_eq!(found, BTreeSet::from(FindingName::ALL));
        for kind in kinds {
            let finding = Finding::new(Severity::Note, kind);
            assert!(finding.to_string().ends_with(&format!("[{}]", finding.kind.name())));
        }
    }

    #[test]
    fn the_same_finding_of_other_steps_is_one() {
        let of = |steps: &[u64], name: &str| FindingKind::ZeroWeights {
            steps: steps.iter().map(|&step| Step(step)).collect(),
            tensors: vec![name.to_owned()],
        };
        let mut first = of(&[1, 5], "a");
        assert!(first.join(&mut of(&[3, 5], "a")));
        assert_eq!(first, of(&[1, 3, 5], "a"));
        assert!(!first.join(&mut of(&[7], "b")) && !first.join(&mut FindingKind::Empty));
    }
}
