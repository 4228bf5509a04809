//! How records become variables, averages and tables: the deciding half of a protocol, as data.

mod summary;
mod threshold;
mod views;
mod window;

use serde::{Deserialize, Serialize};
use settling_core::View;

pub use summary::{Average, PerSites, StepAxis, Summary, SummarySteps};
pub use threshold::Threshold;
pub use views::Views;
pub use window::Window;

/// How the records of one protocol are decided about: which of them are looked at, and by which
/// thresholds and averages they become the paper's binary variables, tables and figures.
///
/// A study has them from its protocol; with nothing but a `records.csv`, take those of a built-in
/// protocol and change what differs.
///
/// ```
/// use settling_analysis::{Rules, Threshold, Window};
///
/// let rules = Rules { protocol: "mine".to_owned(), ..Rules::corrected() };
/// assert_eq!(rules.early.window, Window::UpTo(0.1));
/// assert_eq!(rules.large.weight_per, Threshold::AtLeast(0.95));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The protocol whose records are looked at, by its name.
    pub protocol: String,
    /// The estimator of CKA that decides about early convergence and is averaged.
    pub cka: CkaEstimator,
    /// Which map of Attention is looked at.
    pub views: Views,
    /// When a layer has converged early.
    pub early: Early,
    /// When an effective rank is large.
    pub large: Large,
    /// How the layers of a model become one line of a figure.
    pub summary: Summary,
}

impl Rules {
    /// Those of the protocol `corrected`: the paper's definitions computed soundly. Its thresholds
    /// (0.45 within 10 % of training; 0.95; 90 %) are applied with `>=` as its text says, with the
    /// debiased CKA, because the biased one confounds similarity with width.
    #[must_use]
    pub fn corrected() -> Self {
        Self {
            protocol: "corrected".to_owned(),
            cka: CkaEstimator::Debiased,
            views: Views { activations: View::Write, weights: View::Write, heads: false },
            early: Early { window: Window::UpTo(0.1), cka: Threshold::AtLeast(0.45) },
            large: Large {
                weight_per: Threshold::AtLeast(0.95),
                gradient_per_share: Threshold::AtLeast(0.9),
            },
            summary: Summary {
                average: Average::Mean,
                per_sites: PerSites::Layers,
                least_gradient_per: 0.0,
                steps: SummarySteps::All,
                step_axis: StepAxis::BySteps,
            },
        }
    }

    /// Those of the protocol `published`: what the released code of the paper decides. The biased
    /// CKA at the step of index 13, strictly above 0.45; PER strictly above 0.95; medians over
    /// layers and heads together, at the steps that its figures show.
    #[must_use]
    pub fn published() -> Self {
        Self {
            protocol: "published".to_owned(),
            cka: CkaEstimator::Biased,
            views: Views { activations: View::OvFlat, weights: View::OvFlat, heads: true },
            early: Early { window: Window::Index(13), cka: Threshold::Above(0.45) },
            large: Large {
                weight_per: Threshold::Above(0.95),
                gradient_per_share: Threshold::Above(0.9),
            },
            summary: Summary {
                average: Average::Median,
                per_sites: PerSites::LayersAndHeads,
                least_gradient_per: 0.5,
                steps: SummarySteps::Some { these: vec![0, 1000, 3000], from: 10_000 },
                step_axis: StepAxis::BySteps,
            },
        }
    }
}

/// Which estimator of CKA decides. A study records all of them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CkaEstimator {
    /// Kornblith et al. 2019. With few observations for the width it is far above 0 even for
    /// unrelated features.
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

/// When a layer has converged early: the CKA of its activations with those of the last checkpoint
/// reaches a threshold in a window.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Early {
    /// The steps at which it is looked at.
    pub window: Window,
    /// What it must reach: in a file `{ at_least = X }` or `{ above = X }`.
    pub cka: Threshold,
}

/// When a PER is large, at the last step.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Large {
    /// What the PER of a weight must reach: in a file `{ at_least = X }` or `{ above = X }`.
    pub weight_per: Threshold,
    /// What the PER of a gradient must reach, as a share of the largest of any layer of either
    /// component.
    pub gradient_per_share: Threshold,
}
