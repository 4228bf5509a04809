//! What an audit can find, and how it is said.

use std::fmt;

use serde_json::{Value, json};
use settling_core::Step;

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
/// It displays as a sentence that names the steps and what to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub kind: FindingKind,
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
    /// A step does not have the tensors of the last.
    OtherTensors {
        /// The step.
        step: Step,
        /// Names and shapes that only the last step has.
        missing: Vec<String>,
        /// Names and shapes that only this step has.
        surplus: Vec<String>,
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
    /// Matrices of a step hold infinities or NaN.
    NotFinite {
        /// The step.
        step: Step,
        /// The names of the matrices.
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
    fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::MissingSteps { .. } => "missing_steps",
            Self::Unreadable { .. } => "unreadable",
            Self::SameAsLast { .. } => "same_as_last",
            Self::IdenticalSteps { .. } => "identical_steps",
            Self::MixedOrigin { .. } => "mixed_origin",
            Self::Constant { .. } => "constant",
            Self::OtherTensors { .. } => "other_tensors",
            Self::ChangedSettings { .. } => "changed_settings",
            Self::UnreadableSettings { .. } => "unreadable_settings",
            Self::ChangedConfig { .. } => "changed_config",
            Self::NotFinite { .. } => "not_finite",
            Self::Discontinuity { .. } => "discontinuity",
        }
    }

    /// The steps whose numbers are in question, ascending.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        match self {
            Self::Empty | Self::Constant { .. } => Vec::new(),
            Self::MissingSteps { steps, .. }
            | Self::SameAsLast { steps, .. }
            | Self::IdenticalSteps { steps } => steps.clone(),
            Self::ChangedSettings { step, previous, .. }
            | Self::ChangedConfig { step, previous } => vec![*previous, *step],
            Self::Unreadable { step, .. }
            | Self::UnreadableSettings { step, .. }
            | Self::MixedOrigin { step, .. }
            | Self::OtherTensors { step, .. }
            | Self::NotFinite { step, .. }
            | Self::Discontinuity { step, .. } => vec![*step],
        }
    }
}

impl Finding {
    pub(super) fn new(severity: Severity, kind: FindingKind) -> Self {
        Self { severity, kind }
    }

    pub(super) fn json(&self) -> Value {
        let steps: Vec<u64> = self.kind.steps().iter().map(|step| step.0).collect();
        let mut json = json!({
            "kind": self.kind.name(),
            "severity": self.severity.to_string(),
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
            FindingKind::NotFinite { tensors, .. } => json!({ "tensors": tensors }),
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
        write!(f, "{}: {}", self.severity, self.kind)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("there is no step"),
            Self::MissingSteps { steps, last } => {
                write!(f, "{} expected but not there: fetch them", Steps(steps))?;
                f.write_str(if *last { "; the last is the reference" } else { "" })
            }
            Self::Unreadable { step, message } => {
                write!(f, "step {step} cannot be read: {message}")
            }
            Self::SameAsLast { steps, last } => {
                let one = if steps.len() == 1 { "serves" } else { "serve" };
                write!(f, "{} {one} the weights of the last step, {last}: ", Steps(steps))?;
                f.write_str("fetch again or leave out")
            }
            Self::IdenticalSteps { steps } => {
                write!(f, "{} have the same weights", Steps(steps))?;
                f.write_str(if steps.iter().all(early) {
                    ": updates skipped at the start?"
                } else {
                    ": at most one can be right; fetch again or leave out"
                })
            }
            Self::MixedOrigin { step, other, shared, differing, files } => {
                write!(f, "step {step} shares ")?;
                if files.is_empty() {
                    write!(f, "{}", Names(shared))?;
                } else {
                    write!(f, "{}", Names(files))?;
                    if files != shared {
                        write!(f, " ({} matrices)", shared.len())?;
                    }
                }
                write!(f, " with step {other}, but ")?;
                match differing {
                    0 => f.write_str("not the rest")?,
                    1 => f.write_str("1 other is its own")?,
                    many => write!(f, "{many} others are its own")?,
                }
                f.write_str(": compare the files of both with their source")
            }
            Self::Constant { names } => {
                write!(f, "{} the same in every checkpoint: frozen?", Names(names))
            }
            Self::OtherTensors { step, missing, surplus } => {
                write!(f, "step {step} has not the tensors of the last step:")?;
                if !missing.is_empty() {
                    write!(f, " it lacks {}", Names(missing))?;
                }
                if !surplus.is_empty() {
                    let and = if missing.is_empty() { "" } else { " and" };
                    write!(f, "{and} has {} besides", Names(surplus))?;
                }
                Ok(())
            }
            Self::ChangedSettings { step, previous, settings } => {
                write!(f, "the configuration changes between step {previous} and step {step}: ")?;
                list(f, settings)?;
                f.write_str("; compare the config.json of both with their source, and run each step by its own")
            }
            Self::UnreadableSettings { step, message } => {
                write!(f, "the configuration of step {step} cannot be read: {message}")
            }
            Self::ChangedConfig { step, previous } => {
                write!(f, "config.json is another file at step {step} than at step {previous}: ")?;
                f.write_str("compare the two, and run each step by its own")
            }
            Self::NotFinite { step, tensors } => {
                write!(f, "step {step} holds infinities or NaN in {}", Names(tensors))
            }
            Self::Discontinuity { step, between: [a, c], distances: [ab, bc, ac], tensors, of } => {
                write!(f, "step {step} is off the way from step {a} to step {c}: ")?;
                write!(f, "relative distances {ab:.3e} to it and {bc:.3e} from it, ")?;
                write!(f, "but {ac:.3e} past it ({tensors} of {of} matrices): ")?;
                f.write_str("is it, or one of these, mislabeled?")
            }
        }
    }
}

/// Steps in which updates may not have happened yet.
pub(super) fn early(step: &Step) -> bool {
    step.0 <= 2
}

struct Steps<'a>(&'a [Step]);

impl fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => write!(f, "step {one}"),
            many => {
                write!(f, "{} steps (", many.len())?;
                list(f, many)?;
                f.write_str(")")
            }
        }
    }
}

struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0)
    }
}

/// The first few: names may be thousands, and to_json has them all.
fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    const SHOWN: usize = 8;
    for (index, item) in items.iter().take(SHOWN).enumerate() {
        write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
    }
    match items.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}
