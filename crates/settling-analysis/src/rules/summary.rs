//! Which average of the layers of a model a figure shows.

use serde::{Deserialize, Serialize};
use settling_core::Step;

/// How the layers of a model become one line of a figure.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The average that is taken of the values at a step.
    pub average: Average,
    /// Which sites an average of PERs covers. Averages of CKA always cover whole layers.
    pub per_sites: PerSites,
    /// Averages of gradients' PERs that are not above this are left out; 0 leaves out none.
    pub least_gradient_per: f64,
    /// The steps at which there is an average.
    pub steps: SummarySteps,
    /// How figures place training steps; in a file `linear` or `logarithmic`, or left out.
    #[serde(default, skip_serializing_if = "StepAxis::is_by_steps")]
    pub step_axis: StepAxis,
}

/// How figures place training steps. Their axes say which it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepAxis {
    /// Logarithmic if the last step is at least 20 times the first one above 0, else linear.
    #[default]
    BySteps,
    /// Equal distances are equal numbers of steps.
    Linear,
    /// Equal distances are equal ratios; step 0 has a place of its own before the others.
    Logarithmic,
}

impl StepAxis {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_by_steps(&self) -> bool {
        *self == Self::BySteps
    }
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

/// The steps at which a summary has values.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SummarySteps {
    /// Every step.
    All,
    /// Some steps.
    Some {
        /// These ...
        these: Vec<u64>,
        /// ... and every step from this one on.
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
