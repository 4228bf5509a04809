//! Every choice that a number depends on, as data.

mod choices;
mod file;
mod spelling;

use serde::{Deserialize, Serialize};
use settling_analysis::{CkaEstimator, Early, Large, Rules, Summary, Views, Window};
use settling_core::{Inputs, LossReduction, Positions};

pub use choices::{Combine, GradientBatches, Gradients, PerOver, Pers, Rows};

use crate::error::{Error, ErrorKind};

/// Every choice between a checkpoint and the tables, each explicit: what is measured, on what, and
/// how it becomes the paper's binary variables and figures.
///
/// Two are built in, [`corrected`](Self::corrected) and [`published`](Self::published); the page
/// METHOD.md of the project's documentation lists where they differ, and what each difference does.
/// A file changes single choices of either ([`from_toml`](Self::from_toml)). A study writes all of
/// it into its manifest.
///
/// ```
/// use settling::Protocol;
/// use settling_core::View;
///
/// let protocol = Protocol::from_toml(
///     "
///     name = 'heads'
///     base = 'corrected'
///     [views]
///     activations = 'ov'
///     weights = 'ov'
///     heads = true
///     [early]
///     window = { up_to = 0.2 }
///     ",
/// )?;
/// assert_eq!(protocol.views.weights, View::Ov);
/// // Everything else is that of the base.
/// assert_eq!(protocol.per, Protocol::corrected().per);
/// assert_eq!(Protocol::from_toml(&protocol.to_toml())?, protocol);
///
/// let text = "name = 'mine'\nbase = 'corrected'\nviews.weights = 'value'";
/// let error = Protocol::from_toml(text).unwrap_err().to_string();
/// assert!(error.contains("views.weights") && error.contains("`ov_flat`"), "{error}");
/// # Ok::<(), settling::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// The name that records carry and that a folder has.
    pub name: String,
    /// The estimator of CKA that decides about early convergence. All are always recorded.
    pub cka: CkaEstimator,
    /// Which token rows activations are taken on, and where in them.
    pub rows: Rows,
    /// Which map of Attention is looked at.
    pub views: Views,
    /// Which batches gradients are computed on, and how they are combined.
    pub gradients: Gradients,
    /// What effective ranks are divided by.
    pub per: Pers,
    /// When a layer has converged early.
    pub early: Early,
    /// When an effective rank is large.
    pub large: Large,
    /// How the layers of a model become one line of a figure.
    pub summary: Summary,
}

impl Protocol {
    /// The paper's definitions, computed soundly: its thresholds (0.45 within 10 % of training;
    /// 0.95; 90 %), applied with `>=` as its text says, to the true writes of each component, with
    /// the debiased CKA, because the biased one confounds similarity with width; the gradient of
    /// the mean loss on the evaluation rows; every rank over what the matrix can reach.
    #[must_use]
    pub fn corrected() -> Self {
        let Rules { protocol: name, cka, views, early, large, summary } = Rules::corrected();
        Self {
            rows: Rows { sequences: None, inputs: Inputs::Context, positions: Positions::Last },
            gradients: Gradients {
                batches: GradientBatches::Evaluation,
                rows: None,
                sub_batches: LossReduction::Mean,
                combine: Combine::MeanGradient,
            },
            per: Pers {
                attention: PerOver::Attainable,
                heads: PerOver::Attainable,
                mlp: PerOver::Attainable,
            },
            name,
            cka,
            views,
            early,
            large,
            summary,
        }
    }

    /// What the released code of "Tending Towards Stability" computes, quirk by quirk
    /// (`rdiehlmartinez/pretraining-playground` at 252207e, of which two notebooks could not be
    /// read: of the gradients' table this is the text's rule).
    ///
    /// The first 128 rows, fed whole, at their last position; in the place of V the last third of
    /// the fused projection; the biased CKA at the step of index 13, strictly above 0.45; gradients
    /// of two batches of training around the step, each the sum of the means over 1, 2, 4, ...
    /// sequences; their spectra averaged before one entropy; only the `head_dim` largest singular
    /// values of everything, strictly above 0.95; medians over layers and heads together.
    ///
    /// It needs batches of the training ([`Study::with_training`](crate::Study::with_training)).
    /// Without them, a file with `base = 'published'` and `gradients.batches = 'evaluation'` takes
    /// gradients on the evaluation rows.
    #[must_use]
    pub fn published() -> Self {
        let Rules { protocol: name, cka, views, early, large, summary } = Rules::published();
        Self {
            rows: Rows { sequences: Some(128), inputs: Inputs::Whole, positions: Positions::Last },
            gradients: Gradients {
                batches: GradientBatches::Training { from: -5, to: 5, take: Some(2) },
                rows: Some(128),
                sub_batches: LossReduction::SumOfMeans { largest: None },
                combine: Combine::MeanSpectrum,
            },
            per: Pers {
                attention: PerOver::TopHeadDim,
                heads: PerOver::TopHeadDim,
                mlp: PerOver::TopHeadDim,
            },
            name,
            cka,
            views,
            early,
            large,
            summary,
        }
    }

    /// The built-in protocol of this name: `corrected` or `published`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::corrected(), Self::published()].into_iter().find(|protocol| protocol.name == name)
    }

    /// What decides about records of this protocol.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            protocol: self.name.clone(),
            cka: self.cka,
            views: self.views,
            early: self.early,
            large: self.large,
            summary: self.summary.clone(),
        }
    }

    /// The choices that determine the numbers of a unit; the rest decides what is made of them.
    pub(crate) fn measured(&self) -> serde_json::Value {
        let Self { name, cka: _, rows, views, gradients, per, early: _, large: _, summary: _ } =
            self;
        // How many rows there are, the hash of the rows says.
        serde_json::json!({
            "name": name,
            "inputs": rows.inputs.to_string(),
            "positions": rows.positions.to_string(),
            "views": views,
            "gradients": gradients,
            "per": per,
        })
    }

    /// Checks what the types leave open.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], with the key, what was expected, and what was found: a name that
    /// cannot be a folder's, a count of 0, a fraction outside 0 to 1, a threshold that is not
    /// finite.
    pub fn validate(&self) -> Result<(), Error> {
        let wrong = |key: &str, expected: &str, found: &dyn std::fmt::Display| {
            let message =
                format!("protocol `{}`, `{key}`: expected {expected}, found {found}", self.name);
            Err(Error::new(ErrorKind::Usage, message))
        };
        if !crate::names::is_plain(&self.name) {
            return wrong("name", "a name that a folder can have", &format!("`{}`", self.name));
        }
        for (key, count) in
            [("rows.sequences", self.rows.sequences), ("gradients.rows", self.gradients.rows)]
        {
            if count == Some(0) {
                return wrong(key, "at least 1, or \"all\"", &0);
            }
        }
        if let GradientBatches::Training { from, to, take } = self.gradients.batches {
            if from > to {
                return wrong("gradients.batches", "`from` to be at most `to`", &from);
            }
            if take == Some(0) {
                return wrong("gradients.batches", "`take` to be at least 1, or \"all\"", &0);
            }
        }
        if self.gradients.sub_batches == (LossReduction::SumOfMeans { largest: Some(0) }) {
            return wrong("gradients.sub_batches", "at least 1 sequence", &0);
        }
        if let Window::UpTo(fraction) | Window::LastUpTo(fraction) = self.early.window
            && !(0.0..=1.0).contains(&fraction)
        {
            return wrong("early.window", "a fraction of training, 0 to 1", &fraction);
        }
        let numbers = [
            ("early.cka", self.early.cka.number()),
            ("large.weight_per", self.large.weight_per.number()),
            ("large.gradient_per_share", self.large.gradient_per_share.number()),
            ("summary.least_gradient_per", self.summary.least_gradient_per),
        ];
        match numbers.into_iter().find(|(_, number)| !number.is_finite()) {
            Some((key, number)) => wrong(key, "a finite number", &number),
            None => Ok(()),
        }
    }
}
