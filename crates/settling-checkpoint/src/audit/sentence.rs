//! What a finding says, as a sentence.

use std::fmt;

use settling_core::Step;

use super::finding::{FindingKind, early};

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
            Self::MissingWeights { steps, weights } => {
                write!(f, "{} {} not the weights that ", Steps(steps), has(steps))?;
                write!(f, "config.json says: {}", Names(weights))
            }
            Self::UnknownTensors { steps, tensors } => {
                write!(
                    f,
                    "{} {} tensors that the model of config.json ",
                    Steps(steps),
                    has(steps)
                )?;
                write!(f, "does not have: {}; ", Names(tensors))?;
                f.write_str(
                    "they are left out, so merge adapters, or compare config.json with its source",
                )
            }
            Self::ZeroWeights { steps, tensors } => {
                write!(
                    f,
                    "{} {} zeros for weights: {}; ",
                    Steps(steps),
                    has(steps),
                    Names(tensors)
                )?;
                f.write_str("fetch again: were they never written, or begins this model so?")
            }
            Self::UniformWeights { steps, tensors } => {
                write!(f, "{} {} one value throughout ", Steps(steps), has(steps))?;
                write!(f, "in {}: were they never written?", Names(tensors))
            }
            Self::RepeatedWeights { steps, tensors } => {
                write!(f, "{} {} one matrix in several places: ", Steps(steps), has(steps))?;
                write!(f, "{}; compare with the source", Names(tensors))
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
            Self::NotFinite { steps, tensors } => {
                let hold = if steps.len() > 1 { "hold" } else { "holds" };
                write!(f, "{} {hold} infinities or NaN in {}", Steps(steps), Names(tensors))
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

fn has(steps: &[Step]) -> &'static str {
    if steps.len() > 1 { "have" } else { "has" }
}

struct Steps<'a>(&'a [Step]);

impl fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("the checkpoint"),
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
        let names: Vec<Name<'_>> = self.0.iter().map(|name| Name(name)).collect();
        list(f, &names)
    }
}

/// A name out of a file, on one line and of bounded length whatever it is.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(200) {
            match character {
                '\'' | '"' => write!(f, "{character}")?,
                _ => write!(f, "{}", character.escape_debug())?,
            }
        }
        f.write_str(if characters.next().is_some() { "..." } else { "" })
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
