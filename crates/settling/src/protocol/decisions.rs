//! What is made of the numbers.

use std::fmt;

use serde::{Deserialize, Serialize};
use settling_core::Step;
use settling_mcc::Threshold;

use super::spelling;

/// When a layer has converged early: the CKA of its activations with the last checkpoint's reaches
/// a threshold in a window.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Early {
    /// Where it is looked at.
    pub window: EarlyWindow,
    /// What it must reach: `{ at_least = X }` or `{ above = X }`.
    #[serde(with = "spelling::ThresholdSpelling")]
    pub cka: Threshold,
}

/// Which steps decide about early convergence. A fraction is one of the last step.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EarlyWindow {
    /// Any studied step up to this fraction of training.
    UpTo(f64),
    /// The last studied step up to this fraction of training.
    LastUpTo(f64),
    /// This step.
    Step(u64),
    /// The step at this place among the studied ones, counted from 0: of the paper's 27, 13 is step
    /// 13,000.
    Index(usize),
}

/// As `within 10 % of training` or `at step 13000`.
impl fmt::Display for EarlyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpTo(fraction) => write!(f, "within {} % of training", 100.0 * fraction),
            Self::LastUpTo(fraction) => {
                write!(f, "at the last step within {} % of training", 100.0 * fraction)
            }
            Self::Step(step) => write!(f, "at step {step}"),
            Self::Index(index) => write!(f, "at index {index}"),
        }
    }
}

/// When a PER is large, at the last step.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Large {
    /// What the PER of a weight must reach: `{ at_least = X }` or `{ above = X }`.
    #[serde(with = "spelling::ThresholdSpelling")]
    pub weight_per: Threshold,
    /// What the PER of a gradient must reach, as a share of the largest of any layer of either
    /// component.
    #[serde(with = "spelling::ThresholdSpelling")]
    pub gradient_per_share: Threshold,
}

/// How the layers of a model become one line of a figure.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Of the values at a step.
    pub average: Average,
    /// Whose values those of a PER are. Those of a CKA are the layers'.
    pub per_sites: PerSites,
    /// Averages of gradients' PERs that are not above this are left out; 0 leaves out none.
    pub least_gradient_per: f64,
    /// At which steps.
    pub steps: SummarySteps,
}

/// An average.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Average {
    /// The arithmetic mean.
    Mean,
    /// The middle one, or half the sum of the two in the middle.
    Median,
}

impl Average {
    /// The name used in summaries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
        }
    }
}

/// Whose values an average of PERs is over.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PerSites {
    /// One value a layer: that of the whole layer.
    Layers,
    /// One value a layer: the mean over its heads, where it has any.
    MeanOverHeads,
    /// Layers and heads alike.
    LayersAndHeads,
}

/// At which steps a summary has values.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SummarySteps {
    /// At all.
    All,
    /// At some.
    Some {
        /// At these ...
        these: Vec<u64>,
        /// ... and at all from this one on.
        from: u64,
    },
}

impl SummarySteps {
    /// Whether `step` is one of them.
    #[must_use]
    pub fn contains(&self, step: Step) -> bool {
        match self {
            Self::All => true,
            Self::Some { these, from } => step.0 >= *from || these.contains(&step.0),
        }
    }
}
