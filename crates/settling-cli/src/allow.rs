//! What an audit may find without refusing the checkpoints, as the command line says it.

use std::str::FromStr;

use settling::checkpoint::{Audit, AuditReport, Checkpoint, FindingKind, FindingName};
use settling::core::Step;

use crate::exit::{Failure, Fallible};
use crate::unique::unique;

/// One value of `--allow`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Allow {
    /// A step that may have the same weights as another.
    Step(Step),
    /// Findings of one name, at any step.
    Finding(FindingName),
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(step) = text.parse() {
            return Ok(Self::Step(step));
        }
        text.parse().map(Self::Finding).map_err(|error: settling::checkpoint::Error| {
            format!("{error}; or a step that may have the same weights as another")
        })
    }
}

impl std::fmt::Display for Allow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Step(step) => step.fmt(f),
            Self::Finding(name) => name.fmt(f),
        }
    }
}

/// An audit that allows this.
pub(crate) fn audit(allow: &[Allow]) -> Result<Audit, Failure> {
    unique("--allow", allow)?;
    let mut audit = Audit::new();
    for one in allow {
        audit = match *one {
            Allow::Step(step) => audit.allow([step]),
            Allow::Finding(name) => audit.allow_findings([name]),
        };
    }
    Ok(audit)
}

/// Looks at the one checkpoint that a command measures. Tensors that its model does not have refuse
/// it, unless they are allowed; what else is found is said.
pub(crate) fn check_one(checkpoint: &Checkpoint, allow: &[FindingName]) -> Fallible<()> {
    unique("--allow", allow)?;
    for finding in
        Audit::new().allow_findings(allow.iter().copied()).run_on_one(None, checkpoint)?
    {
        match finding.kind {
            // Whether they are needed is seen when it is loaded.
            FindingKind::MissingWeights { .. } => {}
            FindingKind::UnknownTensors { .. } if finding.refuses() => {
                return Err(Failure::input(format!(
                    "{}: {finding}\n{}",
                    checkpoint.folder().display(),
                    with_allow(&[finding.kind.name()])
                ))
                .into());
            }
            _ if finding.refuses() => eprintln!("{}: {finding}", checkpoint.folder().display()),
            _ => {}
        }
    }
    Ok(())
}

/// How to go on with what an audit refuses; nothing if it refuses nothing.
pub(crate) fn how_to_go_on(report: &AuditReport) -> Option<String> {
    let mut names: Vec<FindingName> =
        report.refusals().map(|finding| finding.kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| with_allow(&names))
}

fn with_allow(names: &[FindingName]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    format!("Whoever has looked and knows better goes on with --allow {}", names.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_findings_are_allowed() {
        assert_eq!("512".parse(), Ok(Allow::Step(Step(512))));
        let Ok(Allow::Finding(name)) = "zero-weights".parse() else { panic!() };
        assert_eq!(name.to_string(), "zero-weights");
        let error = "zero".parse::<Allow>().unwrap_err();
        assert!(error.contains("unknown-tensors") && error.contains("a step"), "{error}");
        let twice = [Allow::Step(Step(5)), Allow::Step(Step(5))];
        assert!(audit(&twice).unwrap_err().message.contains("--allow"));
    }
}
