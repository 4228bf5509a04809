use std::fmt;

use crate::{Contingency, double::Double};

/// The Matthews correlation coefficient of a table, or why it has none: [`Contingency::mcc`].
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// The Matthews correlation coefficient: Pearson's correlation of the two variables, as zeros and ones.
    ///
    /// # Definition
    ///
    /// ```text
    ///                       tp tn - fp fn
    /// mcc = ---------------------------------------------------
    ///       sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn))
    /// ```
    ///
    /// Where a variable is constant this is 0 / 0. Some libraries answer 0 and some NaN; here the answer is
    /// [`Mcc::Undefined`], with the [`Margin`] that is empty. A study that counts such cases as "no correlation" should say so
    /// itself.
    ///
    /// # Numerics
    ///
    /// Within one unit in the last place, for all counts: the numerator is an exact integer, everything after it is computed
    /// with twice the digits of an f64. In particular the sign is right, perfect agreement is exactly 1 and perfect
    /// disagreement exactly -1.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::{Contingency, Margin, Mcc};
    ///
    /// // (6 * 3 - 1 * 2) / sqrt(7 * 8 * 4 * 5) = 16 / sqrt(1120).
    /// let table =
    ///     Contingency { true_positives: 6, false_positives: 1, false_negatives: 2, true_negatives: 3 };
    /// let mcc = table.mcc().value().unwrap();
    /// assert!((mcc - 16.0 / 1120.0_f64.sqrt()).abs() < 1e-15);
    ///
    /// // Nothing is ever predicted.
    /// let silent = Contingency { false_negatives: 3, true_negatives: 9, ..Contingency::default() };
    /// assert_eq!(silent.mcc(), Mcc::Undefined(Margin::Predicted));
    /// ```
    ///
    /// # References
    ///
    /// Matthews (1975), "Comparison of the predicted and observed secondary structure of T4 phage lysozyme", Biochimica et
    /// Biophysica Acta 405(2). As the phi coefficient: Yule (1912), "On the methods of measuring association between two
    /// attributes".
    #[must_use]
    pub fn mcc(&self) -> Mcc {
        let margins = [
            (self.total(), Margin::Total),
            (self.predicted(), Margin::Predicted),
            (self.not_predicted(), Margin::NotPredicted),
            (self.actual(), Margin::Actual),
            (self.not_actual(), Margin::NotActual),
        ];
        if let Some((_, empty)) = margins.into_iter().find(|&(count, _)| count == 0) {
            return Mcc::Undefined(empty);
        }

        // A product of two u64 fits u128.
        let product = |x: u64, y: u64| u128::from(x) * u128::from(y);
        let agreement = product(self.true_positives, self.true_negatives);
        let disagreement = product(self.false_positives, self.false_negatives);

        let predicted = Double::from(self.predicted()) * Double::from(self.not_predicted());
        let actual = Double::from(self.actual()) * Double::from(self.not_actual());
        let magnitude = Double::from(agreement.abs_diff(disagreement))
            .divided_by((predicted * actual).sqrt())
            .round();
        Mcc::Value(if agreement < disagreement { -magnitude } else { magnitude })
    }
}
