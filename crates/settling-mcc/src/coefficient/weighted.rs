//! The coefficient of observations that do not count alike.

use crate::arithmetic::double::Double;
use crate::coefficient::contingency::Contingency;
use crate::coefficient::mcc::{Margin, Mcc};
use crate::error::{Error, ErrorKind};

/// How much weight each pair of values of two binary variables has: a [`Contingency`] whose
/// observations do not count alike.
///
/// There is no test of it here: exact tests are about counts, and what a weight says about
/// uncertainty is known to whoever chose it. If weights are how often an observation occurs,
/// collect them into a [`Contingency`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WeightedContingency {
    /// True positives, false positives, false negatives, true negatives.
    cells: [Double; 4],
}

/// Weights within these limits cannot overflow or vanish in a product of four sums.
const LIMITS: std::ops::RangeInclusive<f64> = 1e-60..=1e60;

impl WeightedContingency {
    /// Adds up the weights of pairs (predicted, actual). A weight of 0 leaves an observation out.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`](ErrorKind::InvalidValue), if a weight is neither 0 nor between 1e-60 and
    /// 1e60.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::WeightedContingency;
    ///
    /// let pairs = [
    ///     ((true, true), 1.5),
    ///     ((true, false), 0.5),
    ///     ((false, false), 1.0),
    ///     ((false, true), 0.0),
    /// ];
    /// let table = WeightedContingency::from_pairs(pairs)?;
    /// // 1.5 * 1 / sqrt(2 * 1.5 * 1.5 * 1).
    /// assert!((table.mcc().value().unwrap() - 1.5 / 4.5_f64.sqrt()).abs() < 1e-15);
    /// # Ok::<(), settling_mcc::Error>(())
    /// ```
    pub fn from_pairs(pairs: impl IntoIterator<Item = ((bool, bool), f64)>) -> Result<Self, Error> {
        let mut table = Self::default();
        for (index, ((predicted, actual), weight)) in pairs.into_iter().enumerate() {
            if weight != 0.0 && !LIMITS.contains(&weight) {
                let message = format!(
                    "expected weights that are 0 or from 1e-60 to 1e60, found {weight} at observation {index}; divide all weights \
                     by their largest first"
                );
                return Err(Error::new(ErrorKind::InvalidValue, message));
            }
            let cell = &mut table.cells[2 * usize::from(!predicted) + usize::from(!actual)];
            *cell = *cell + Double::from(weight);
        }
        Ok(table)
    }

    /// The Matthews correlation coefficient, as [`Contingency::mcc`] with weights for counts.
    ///
    /// Sums and products have 106 bits: the result is within one unit in the last place plus 1e-29.
    #[must_use]
    pub fn mcc(&self) -> Mcc {
        let [tp, fp, missed, tn] = self.cells;
        let margins = [
            (tp + fp + missed + tn, Margin::Total),
            (tp + fp, Margin::Predicted),
            (missed + tn, Margin::NotPredicted),
            (tp + missed, Margin::Actual),
            (fp + tn, Margin::NotActual),
        ];
        let empty = margins.iter().find(|(weight, _)| *weight == Double::default());
        if let Some(&(_, margin)) = empty {
            return Mcc::Undefined(margin);
        }
        let determinant = tp * tn + -(fp * missed);
        let [_, predicted, not_predicted, actual, not_actual] = margins.map(|(weight, _)| weight);
        let root = (predicted * not_predicted * (actual * not_actual)).sqrt();
        // With weights, unlike with counts, rounding could lead beyond 1.
        Mcc::Value(determinant.divided_by(root).round().clamp(-1.0, 1.0))
    }
}

impl From<Contingency> for WeightedContingency {
    fn from(table: Contingency) -> Self {
        Self { cells: table.cells().map(Double::from) }
    }
}
