//! How likely each table with the same margins is.

use crate::coefficient::contingency::Contingency;

/// How likely each table with the margins of a given one is, if the variables are independent:
/// [`Contingency::permutation_null`].
///
/// This is the distribution of the table, and so of the MCC, over all ways to pair the predictions
/// with the outcomes anew.
#[derive(Clone, Debug, PartialEq)]
pub struct PermutationNull {
    margins: Contingency,
    /// The true positives of the first table.
    pub(crate) fewest: u128,
    /// Relative to the most likely table, by true positives.
    pub(crate) weights: Vec<f64>,
    pub(crate) total: f64,
}

impl Contingency {
    /// The distribution of the table over all re-pairings of predictions and outcomes:
    /// hypergeometric, since they keep the margins. The error and the cost are those of
    /// [`fisher_exact`](Self::fisher_exact).
    ///
    /// # Panics
    ///
    /// If the total is above 2^64 - 1; long before, the distribution takes more memory than there
    /// is.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::Contingency;
    ///
    /// // Six layers, two of them predicted and two actual: 6, 8 and 1 of the 15 pairings have 0, 1
    /// // and 2 in common.
    /// let table = Contingency { true_positives: 2, true_negatives: 4, ..Contingency::default() };
    /// let null = table.permutation_null();
    /// let mcc: Vec<f64> = null.tables().map(|(table, _)| table.mcc().value().unwrap()).collect();
    /// let p: Vec<f64> = null.tables().map(|(_, p)| p).collect();
    /// assert_eq!(mcc, [-0.5, 0.25, 1.0]);
    /// assert!(p.iter().zip([6.0, 8.0, 1.0]).all(|(p, ways)| (p - ways / 15.0).abs() < 1e-15));
    /// ```
    #[must_use]
    pub fn permutation_null(&self) -> PermutationNull {
        assert!(self.total() <= u128::from(u64::MAX), "the total is below 2^64");
        self.null()
    }

    pub(crate) fn null(&self) -> PermutationNull {
        let start = self.likely_true_positives();
        let table = self.with_true_positives(start);
        let [tp, fp, missed, tn] = table;
        // Fewer true positives are more false ones: the same walk with the roles of the cells
        // exchanged.
        let mut weights: Vec<f64> = walk([fp, tp, tn, missed]).collect();
        let fewest = start - weights.len() as u128;
        weights.reverse();
        weights.push(1.0);
        weights.extend(walk(table));
        // Plain sums in one order: rounding is monotone, so no part can exceed the whole.
        let total = weights.iter().sum();
        PermutationNull { margins: *self, fewest, weights, total }
    }

    /// The mode of the hypergeometric distribution, or a number near it: the walks may start beside
    /// it.
    fn likely_true_positives(&self) -> u128 {
        let (predicted, actual, total) = (self.predicted(), self.actual(), self.total());
        let mode = (predicted + 1) as f64 * ((actual + 1) as f64 / (total + 2) as f64);
        (mode as u128).clamp((predicted + actual).saturating_sub(total), predicted.min(actual))
    }

    /// The cells of the table with the same margins and another number of true positives.
    pub(crate) fn with_true_positives(&self, count: u128) -> [u128; 4] {
        let (predicted, actual) = (self.predicted(), self.actual());
        [count, predicted - count, actual - count, self.total() + count - predicted - actual]
    }
}

impl PermutationNull {
    /// Each table with its probability, from the fewest true positives to the most. Tables that are
    /// less likely than 2^-1022 times the most likely one are left out.
    pub fn tables(&self) -> impl Iterator<Item = (Contingency, f64)> + '_ {
        (self.fewest..).zip(&self.weights).map(|(count, weight)| {
            // The total is below 2^64, and so is each cell.
            let cells = self.margins.with_true_positives(count).map(|cell| cell as u64);
            let [true_positives, false_positives, false_negatives, true_negatives] = cells;
            let table =
                Contingency { true_positives, false_positives, false_negatives, true_negatives };
            (table, weight / self.total)
        })
    }

    /// The weight of the table with so many true positives, 0 if it is too unlikely for an f64.
    pub(crate) fn weight(&self, count: u128) -> f64 {
        let index = count.checked_sub(self.fewest).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.weights.get(index)).copied().unwrap_or(0.0)
    }

    /// How likely a number of true positives is that passes `keep`.
    pub(crate) fn share(&self, keep: impl Fn(u128) -> bool) -> f64 {
        let kept = (self.fewest..).zip(&self.weights).filter(|&(count, _)| keep(count));
        // Not `sum`, which is -0 of nothing.
        kept.fold(0.0, |sum, (_, weight)| sum + weight) / self.total
    }
}

/// The probabilities of the tables with one, two, ... more in the first and the last cell, relative
/// to that of the table given, until there are no more tables or the probability is below the least
/// normal f64.
fn walk([mut a, mut b, mut c, mut d]: [u128; 4]) -> impl Iterator<Item = f64> {
    let mut weight = 1.0;
    std::iter::from_fn(move || {
        weight *= (b as f64 * c as f64) / ((a + 1) as f64 * (d + 1) as f64);
        // Not 0: the least subnormal number times anything above 1/2 rounds back to itself, and the
        // walk would not end.
        if weight < f64::MIN_POSITIVE {
            return None;
        }
        (a, b, c, d) = (a + 1, b - 1, c - 1, d + 1);
        Some(weight)
    })
}
