//! What is measured at every layer, and which records hold it.

use settling_core::Signal;
use settling_records::{Record, SummaryRow};

use crate::{CkaEstimator, Rules};

/// A number that is measured at every layer: what tables and figures of layers are about.
///
/// ```
/// use settling_analysis::{Quantity, Rules};
///
/// assert_eq!(Quantity::deciding(&Rules::corrected()), Quantity::DebiasedCka);
/// assert_eq!(Quantity::deciding(&Rules::published()), Quantity::BiasedCka);
/// assert_eq!(Quantity::WeightPer.metric(), "per");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Quantity {
    /// CKA of the activations with those of the last checkpoint, without bias: signal `activation`,
    /// metric `cka`, estimator `debiased`.
    DebiasedCka,
    /// The same, biased: estimator `biased`.
    BiasedCka,
    /// What the biased CKA of independent features of the same shape would be: estimator `floor`.
    CkaFloor,
    /// Proportional effective rank of the weight: signal `weight`, metric `per`, of any estimator
    /// but `marchenko_pastur`, which is the yardstick of random matrices.
    WeightPer,
    /// Proportional effective rank of the gradient: signal `gradient`, metric `per`.
    GradientPer,
}

impl Quantity {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] =
        [Self::DebiasedCka, Self::BiasedCka, Self::CkaFloor, Self::WeightPer, Self::GradientPer];

    /// The quantity that a record holds, of whatever site; `None` if it holds something else.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<Self> {
        Self::from_columns(record.signal, &record.metric, &record.estimator)
    }

    /// The quantity whose average a row of a summary is.
    #[must_use]
    pub fn from_summary(row: &SummaryRow) -> Option<Self> {
        Self::from_columns(row.signal, &row.metric, &row.estimator)
    }

    fn from_columns(signal: Signal, metric: &str, estimator: &str) -> Option<Self> {
        match (signal, metric, estimator) {
            (Signal::Activation, "cka", "debiased") => Some(Self::DebiasedCka),
            (Signal::Activation, "cka", "biased") => Some(Self::BiasedCka),
            (Signal::Activation, "cka", "floor") => Some(Self::CkaFloor),
            (_, _, "marchenko_pastur") => None,
            (Signal::Weight, "per", _) => Some(Self::WeightPer),
            (Signal::Gradient, "per", _) => Some(Self::GradientPer),
            _ => None,
        }
    }

    /// The CKA by whose value a layer converges early under `rules`.
    #[must_use]
    pub const fn deciding(rules: &Rules) -> Self {
        match rules.cka {
            CkaEstimator::Debiased => Self::DebiasedCka,
            CkaEstimator::Biased => Self::BiasedCka,
        }
    }

    /// What it is measured of.
    #[must_use]
    pub const fn signal(self) -> Signal {
        match self {
            Self::DebiasedCka | Self::BiasedCka | Self::CkaFloor => Signal::Activation,
            Self::WeightPer => Signal::Weight,
            Self::GradientPer => Signal::Gradient,
        }
    }

    /// The metric of its records: `cka` or `per`.
    #[must_use]
    pub const fn metric(self) -> &'static str {
        match self {
            Self::DebiasedCka | Self::BiasedCka | Self::CkaFloor => "cka",
            Self::WeightPer | Self::GradientPer => "per",
        }
    }
}
