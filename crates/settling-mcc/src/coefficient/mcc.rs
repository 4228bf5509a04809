//! The Matthews correlation coefficient of a 2x2 table.

use std::fmt;

use crate::arithmetic::double::Double;
use crate::coefficient::contingency::Contingency;

/// The Matthews correlation coefficient of a table, or why it has none: [`Contingency::mcc`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Mcc {
    /// The coefficient, from -1 to 1.
    Value(f64),
    /// A margin is empty, which makes the definition 0 / 0.
    Undefined(Margin),
}

impl Mcc {
    /// The coefficient, if there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Undefined(_) => None,
        }
    }
}

/// The margin of a [`Contingency`] that is empty. If several are, the first in this order.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Margin {
    /// There are no observations.
    Total,
    /// No observation is predicted.
    Predicted,
    /// Every observation is predicted.
    NotPredicted,
    /// No observation is actual.
    Actual,
    /// Every observation is actual.
    NotActual,
}

impl fmt::Display for Margin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Total => "there are no observations",
            Self::Predicted => "no observation is predicted",
            Self::NotPredicted => "every observation is predicted",
            Self::Actual => "no observation is actual",
            Self::NotActual => "every observation is actual",
        })
    }
}

impl Contingency {
    /// The Matthews correlation coefficient: Pearson's correlation of the two variables, as zeros
    /// and ones.
    ///
    /// # Definition
    ///
    /// ```text
    ///                       tp tn - fp fn
    /// mcc = ---------------------------------------------------
    ///       sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))
    /// ```
    ///
    /// Where a variable is constant this is 0 / 0. Some libraries answer 0 and some NaN; here the
    /// answer is [`Mcc::Undefined`], with the [`Margin`] that is empty. A study that counts such
    /// cases as "no correlation" should say so itself, and [`mcc_as`](Self::mcc_as) has the answers
    /// of other libraries.
    ///
    /// # Numerics
    ///
    /// Within one unit in the last place, for all counts: the numerator is an exact integer,
    /// everything after it is computed with twice the digits of an f64. In particular the sign is
    /// right, perfect agreement is exactly 1 and perfect disagreement exactly -1.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::{Contingency, Margin, Mcc};
    ///
    /// // (6 * 3 - 1 * 2) / sqrt(7 * 8 * 4 * 5) = 16 / sqrt(1120).
    /// let table =
    ///     Contingency {
    ///         true_positives: 6,
    ///         false_positives: 1,
    ///         false_negatives: 2,
    ///         true_negatives: 3,
    ///     };
    /// let mcc = table.mcc().value().unwrap();
    /// assert!((mcc - 16.0 / 1120.0_f64.sqrt()).abs() < 1e-15);
    ///
    /// // Nothing is ever predicted.
    /// let silent = Contingency {
    ///     false_negatives: 3,
    ///     true_negatives: 9,
    ///     ..Contingency::default()
    /// };
    /// assert_eq!(silent.mcc(), Mcc::Undefined(Margin::Predicted));
    /// ```
    ///
    /// # References
    ///
    /// Matthews (1975), "Comparison of the predicted and observed secondary structure of T4 phage
    /// lysozyme", Biochimica et Biophysica Acta 405(2). As the phi coefficient: Yule (1912), "On
    /// the methods of measuring association between two attributes".
    #[must_use]
    pub fn mcc(&self) -> Mcc {
        if let Some(empty) = self.empty_margin() {
            return Mcc::Undefined(empty);
        }

        // A product of two u64 fits u128.
        let product = |x: u64, y: u64| u128::from(x) * u128::from(y);
        let agreement = product(self.true_positives, self.true_negatives);
        let disagreement = product(self.false_positives, self.false_negatives);

        let magnitude =
            Double::from(agreement.abs_diff(disagreement)).divided_by(self.spread().sqrt()).round();
        Mcc::Value(if agreement < disagreement { -magnitude } else { magnitude })
    }
    /// The range of the coefficient among the tables with the same margins, or `None` where it is
    /// undefined.
    ///
    /// If the variables are true for different numbers of observations, they cannot agree
    /// everywhere, and 1 cannot be reached. A coefficient is large or small within this range.
    ///
    /// ```
    /// use settling_mcc::Contingency;
    ///
    /// // Of six layers one is predicted, three are actual. At best: 1 * 3 / sqrt(1 * 5 * 3 * 3);
    /// // at worst, its negative.
    /// let table = Contingency {
    ///     true_positives: 1,
    ///     false_positives: 0,
    ///     false_negatives: 2,
    ///     true_negatives: 3,
    /// };
    /// let (low, high) = table.attainable_mcc().unwrap();
    /// assert!((high - 0.2_f64.sqrt()).abs() < 1e-15);
    /// assert_eq!(low, -high);
    /// ```
    #[must_use]
    pub fn attainable_mcc(&self) -> Option<(f64, f64)> {
        if self.empty_margin().is_some() {
            return None;
        }
        let (predicted, actual) = (self.predicted(), self.actual());
        let root = self.spread().sqrt();
        // At both ends a cell is empty, so that one product is the whole numerator.
        let most = predicted.min(actual);
        let [most_tp, _, _, most_tn] = self.with_true_positives(most);
        let [_, fp, missed, _] =
            self.with_true_positives((predicted + actual).saturating_sub(self.total()));
        let share = |x: u128, y: u128| (Double::from(x) * Double::from(y)).divided_by(root).round();
        Some((-share(fp, missed), share(most_tp, most_tn)))
    }

    fn empty_margin(&self) -> Option<Margin> {
        let margins = [
            (self.total(), Margin::Total),
            (self.predicted(), Margin::Predicted),
            (self.not_predicted(), Margin::NotPredicted),
            (self.actual(), Margin::Actual),
            (self.not_actual(), Margin::NotActual),
        ];
        margins.into_iter().find(|&(count, _)| count == 0).map(|(_, empty)| empty)
    }

    /// The product of the margins.
    pub(crate) fn spread(&self) -> Double {
        let predicted = Double::from(self.predicted()) * Double::from(self.not_predicted());
        let actual = Double::from(self.actual()) * Double::from(self.not_actual());
        predicted * actual
    }
}
