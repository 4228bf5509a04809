use serde::{Deserialize, Serialize};
use settling_core::Step;

/// Which estimator of CKA a protocol decides by. Both are always recorded.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CkaEstimator {
    /// Kornblith et al. 2019. With few observations for the width it is far above 0 even for unrelated features.
    Biased,
    /// The U-statistic of Song et al. 2012: 0 on average for independent features.
    Debiased,
}

impl CkaEstimator {
    /// The name used in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Biased => "biased",
            Self::Debiased => "debiased",
        }
    }
}

/// The choices that turn measurements into the paper's binary variables, each explicit.
///
/// ```
/// use settling::Protocol;
/// use settling_core::Step;
///
/// let protocol = Protocol::corrected();
/// assert_eq!(protocol.early_cka, 0.45);
/// // Ten percent of 143,000 steps.
/// assert!(protocol.is_early(Step(14_300), Step(143_000)));
/// assert!(!protocol.is_early(Step(14_301), Step(143_000)));
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Protocol {
    /// The name that records carry.
    pub name: String,
    /// The estimator of CKA that decides about early convergence.
    pub cka: CkaEstimator,
    /// A layer converges early if its CKA with the last checkpoint is at least this ...
    pub early_cka: f64,
    /// ... at some step that is at most this share of the last step.
    pub early_fraction: f64,
    /// A layer's weight has a large PER if it is at least this at the last step.
    pub large_weight_per: f64,
    /// A layer's gradient has a large PER if it is, at the last step, at least this share of the largest of any layer and
    /// component of the model.
    pub large_gradient_per_share: f64,
}

impl Protocol {
    /// The paper's definitions, computed soundly: its thresholds (0.45 within 10 % of training; 0.95; 90 %), applied with `>=`
    /// as its text says, to the true writes of each component, with the debiased CKA, because the biased one confounds
    /// similarity with width.
    #[must_use]
    pub fn corrected() -> Self {
        Self {
            name: "corrected".to_owned(),
            cka: CkaEstimator::Debiased,
            early_cka: 0.45,
            early_fraction: 0.1,
            large_weight_per: 0.95,
            large_gradient_per_share: 0.9,
        }
    }

    /// The protocol of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        (name == "corrected").then(Self::corrected)
    }

    /// Whether `step` lies in the early part of a training that ends at `last`.
    #[must_use]
    pub fn is_early(&self, step: Step, last: Step) -> bool {
        step.0 as f64 <= self.early_fraction * last.0 as f64
    }
}
