use crate::Contingency;

/// The p-values of Fisher's exact test: [`Contingency::fisher_exact`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FisherExact {
    /// How likely a table is that is no more likely than the one observed.
    pub two_sided: f64,
    /// How likely at least as many true positives are: small for a positive association.
    pub greater: f64,
    /// How likely at most as many true positives are: small for a negative association.
    pub less: f64,
}

/// Probabilities that differ by less than this factor count as equal in the two-sided test, since they may differ by rounding
/// only. The value is that of R's `fisher.test`; SciPy 1.17 has 1 + 1e-14.
const TIE: f64 = 1.0 + 1e-7;

impl Contingency {
    /// Fisher's exact test of independence: given the margins of the table, how unusual is the table?
    ///
    /// It assumes independent observations. **The layers of one model are not independent**: they are trained together, and
    /// neighbours resemble each other. For them a p-value from this test describes the table, it does not test a hypothesis. Few
    /// observations also set a floor: with six, of which one is actual, even perfect agreement has p = 1/6.
    ///
    /// # Definition
    ///
    /// With the margins fixed and the variables independent, the number of true positives has the hypergeometric distribution.
    /// `greater` and `less` are its tails, the observed number included; `two_sided` sums over every number that is at most
    /// 1 + 10^-7 times as probable as the observed one. If a margin is empty only one table is possible, and all three are 1.
    ///
    /// # Numerics
    ///
    /// Probabilities are computed by recurrence from the most likely table outwards, one table at a time, until they fall
    /// below 2^-1022. With k tables the relative error is below `8 k 2^-53`: 2e-11 at a total of 10^6, where 1e-13 is
    /// measured. Below 1e-290 digits are lost, and a p-value below 1e-307 comes out as 0. k grows with the square root of the
    /// total, and time and memory with k: 30 ms at 10^9, a second at 10^12. For greater totals use a chi-squared test.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::Contingency;
    ///
    /// // Six layers, two of them positive, all told apart: one of the 15 ways to choose two of six. The only table as unlikely
    /// // is itself: the others have probabilities 8/15 and 6/15.
    /// let p = Contingency { true_positives: 2, true_negatives: 4, ..Contingency::default() }.fisher_exact();
    /// assert!((p.greater - 1.0 / 15.0).abs() < 1e-15);
    /// assert!((p.two_sided - 1.0 / 15.0).abs() < 1e-15);
    /// assert_eq!(p.less, 1.0);
    /// ```
    ///
    /// # References
    ///
    /// Fisher (1935), "The logic of inductive inference", Journal of the Royal Statistical Society 98(1). The two-sided rule:
    /// Freeman & Halton (1951), Biometrika 38.
    #[must_use]
    pub fn fisher_exact(&self) -> FisherExact {
        let start = self.likely_true_positives();
        let table = self.with_true_positives(start);
        let [tp, fp, fnn, tn] = table;
        // Fewer true positives are more false ones: the same walk with the roles of the cells exchanged.
        let mut weights: Vec<f64> = walk([fp, tp, tn, fnn]).collect();
        let fewest = start - weights.len() as u128;
        weights.reverse();
        weights.push(1.0);
        weights.extend(walk(table));

        // Plain sums in one order: rounding is monotone, so no part can exceed the whole.
        let total: f64 = weights.iter().sum();
        let observed = u128::from(self.true_positives);
        // Out of range if the observed table is too unlikely for an f64.
        let index = observed.checked_sub(fewest).filter(|&index| index < weights.len() as u128);
        let Some(index) = index.map(|index| index as usize) else {
            let (less, greater) = if observed < fewest { (0.0, 1.0) } else { (1.0, 0.0) };
            return FisherExact { two_sided: 0.0, greater, less };
        };
        let limit = weights[index] * TIE;
        FisherExact {
            two_sided: weights.iter().filter(|&&weight| weight <= limit).sum::<f64>() / total,
            greater: weights[index..].iter().sum::<f64>() / total,
            less: weights[..=index].iter().sum::<f64>() / total,
        }
    }

    /// The mode of the hypergeometric distribution, or a number near it: the walks may start beside it.
    fn likely_true_positives(&self) -> u128 {
        let (predicted, actual, total) = (self.predicted(), self.actual(), self.total());
        let mode = (predicted + 1) as f64 * ((actual + 1) as f64 / (total + 2) as f64);
        (mode as u128).clamp((predicted + actual).saturating_sub(total), predicted.min(actual))
    }

    /// The cells of the table with the same margins and another number of true positives.
    fn with_true_positives(&self, count: u128) -> [u128; 4] {
        let (predicted, actual) = (self.predicted(), self.actual());
        [count, predicted - count, actual - count, self.total() + count - predicted - actual]
    }
}

/// The probabilities of the tables with one, two, ... more in the first and the last cell, relative to that of the table given,
/// until there are no more tables or the probability is below the least normal f64.
fn walk([mut a, mut b, mut c, mut d]: [u128; 4]) -> impl Iterator<Item = f64> {
    let mut weight = 1.0;
    std::iter::from_fn(move || {
        weight *= (b as f64 * c as f64) / ((a + 1) as f64 * (d + 1) as f64);
        // Not 0: the least subnormal number times anything above 1/2 rounds back to itself, and the walk would not end.
        if weight < f64::MIN_POSITIVE {
            return None;
        }
        (a, b, c, d) = (a + 1, b - 1, c - 1, d + 1);
        Some(weight)
    })
}
