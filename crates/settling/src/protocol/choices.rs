//! What is measured.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use settling_core::{Component, Inputs, LossReduction, Positions, Site, Step};
use settling_rank::Denominator;

use super::spelling;

/// Which token rows activations are taken on, and where in them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// How many of the evaluation rows, from the first on; `None`, in a file `"all"`, for every
    /// one.
    #[serde(with = "spelling::count")]
    pub sequences: Option<usize>,
    /// How much of a row is fed: `context` or `whole`.
    #[serde(with = "spelling::text")]
    pub inputs: Inputs,
    /// Which of the fed positions are observations: `last`, `all`, `every:K` or `index:I`.
    #[serde(with = "spelling::text")]
    pub positions: Positions,
}

/// Which batches gradients are computed on, and how they are combined.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gradients {
    /// The rows whose loss is differentiated.
    pub batches: GradientBatches,
    /// How many rows of each batch, from the first on; `None`, in a file `"all"`, for every one.
    #[serde(with = "spelling::count")]
    pub rows: Option<usize>,
    /// How the loss is reduced over a batch: in a file `whole` for the mean, `doubling` or
    /// `{ doubling_up_to = N }` for the sum of means over growing sub-batches.
    #[serde(with = "spelling::sub_batches")]
    pub sub_batches: LossReduction,
    /// How several batches become one number.
    pub combine: Combine,
}

/// The batches that gradients are taken on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum GradientBatches {
    /// One batch: the evaluation rows.
    Evaluation,
    /// Batches of the training around the step, counted from 0: the checkpoint of step N has seen
    /// those before N.
    Training {
        /// The first, relative to the step; batches before the first of the training do not count.
        from: i64,
        /// The last, relative to the step; batches after the last of the training do not count.
        to: i64,
        /// How many of them, from the first on; `None`, in a file `"all"`, for every one.
        #[serde(with = "spelling::count")]
        take: Option<usize>,
    },
}

impl GradientBatches {
    /// The training-batch indices for `step`, out of `available`. Empty for
    /// [`Evaluation`](Self::Evaluation).
    ///
    /// ```
    /// use settling::GradientBatches;
    /// use settling_core::Step;
    ///
    /// // The published code's, of Pythia.
    /// let batches = GradientBatches::Training { from: -5, to: 5, take: Some(2) };
    /// let of = |step| batches.of_step(Step(step), 143_000);
    /// assert_eq!(of(1_000), [995, 996]);
    /// assert_eq!(of(143_000), [142_995, 142_996]);
    /// assert_eq!((of(0), of(4), of(8)), (vec![0, 1], vec![0, 1], vec![3, 4]));
    /// ```
    #[must_use]
    pub fn of_step(self, step: Step, available: u64) -> Vec<u64> {
        let Self::Training { from, to, take } = self else { return Vec::new() };
        let first = step.0.saturating_add_signed(from);
        // The one after the last.
        let end = match step.0.checked_add_signed(to) {
            Some(last) => last.saturating_add(1).min(available),
            None => 0,
        };
        (first..end).take(take.unwrap_or(usize::MAX)).collect()
    }
}

/// How the gradients of several batches become one effective rank. With one batch, all three are
/// the same.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Combine {
    /// The effective rank of the mean gradient.
    MeanGradient,
    /// The effective rank of the mean of the spectra, largest with largest.
    MeanSpectrum,
    /// The mean of the effective ranks.
    MeanPer,
}

/// What effective ranks are divided by to give PERs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pers {
    /// The denominator of a whole layer of Attention.
    pub attention: PerOver,
    /// The denominator of one attention head.
    pub heads: PerOver,
    /// The denominator of an MLP.
    pub mlp: PerOver,
}

impl Pers {
    pub(crate) fn of(&self, site: &Site) -> PerOver {
        match (site.component, site.head) {
            (Component::Attention, None) => self.attention,
            (Component::Attention, Some(_)) => self.heads,
            _ => self.mlp,
        }
    }
}

/// What an effective rank is divided by. Its name is the estimator in the records.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PerOver {
    /// The number of singular values: the largest rank that the matrix can have.
    Attainable,
    /// The number of columns, the paper's H taken literally.
    Columns,
    /// The width of an attention head.
    HeadDim,
    /// The width of an attention head, and only as many singular values, the largest, count.
    TopHeadDim,
}

impl PerOver {
    /// The name used in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attainable => "attainable",
            Self::Columns => "columns",
            Self::HeadDim => "head_dim",
            Self::TopHeadDim => "top_head_dim",
        }
    }

    /// The denominator of a matrix of so many columns, or why there is none.
    pub(crate) fn denominator(
        self,
        columns: usize,
        head_dim: Option<usize>,
    ) -> Result<Denominator, String> {
        let head_dim = || {
            head_dim.and_then(NonZeroUsize::new).ok_or("the width of an attention head is unknown")
        };
        Ok(match self {
            Self::Attainable => Denominator::Attainable,
            Self::Columns => {
                let columns = NonZeroUsize::new(columns).ok_or("a matrix without columns")?;
                Denominator::Dimensions(columns)
            }
            Self::HeadDim => Denominator::Dimensions(head_dim()?),
            Self::TopHeadDim => Denominator::TopK(head_dim()?),
        })
    }
}
