//! Exact tests of a 2x2 table.

use crate::coefficient::contingency::Contingency;
use crate::inference::null::PermutationNull;

/// The p-values of a test of association, two-sided and one-sided.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PValues {
    /// How likely an association is that is as unusual, in either direction, if there is none.
    pub two_sided: f64,
    /// How likely an association is that is as positive: small for a positive one.
    pub greater: f64,
    /// How likely an association is that is as negative: small for a negative one.
    pub less: f64,
}

/// Probabilities that differ by less than this factor count as equal in the two-sided test, since
/// they may differ by rounding only. The value is that of R's `fisher.test`; SciPy 1.17 has 1 +
/// 1e-14.
pub(crate) const TIE: f64 = 1.0 + 1e-7;

impl Contingency {
    /// Fisher's exact test of independence: given the margins of the table, how unusual is the
    /// table?
    ///
    /// It assumes independent observations. **The layers of one model are not independent**: they
    /// are trained together, and neighbors resemble each other. For them a p-value from this test
    /// describes the table, it does not test a hypothesis. Few observations also set a floor: with
    /// six, of which one is actual, even perfect agreement has p = 1/6.
    ///
    /// # Definition
    ///
    /// With the margins fixed and the variables independent, the number of true positives has the
    /// hypergeometric distribution. `greater` and `less` are its tails, the observed number
    /// included; `two_sided` sums over every number that is at most 1 + 10^-7 times as probable as
    /// the observed one. If a margin is empty only one table is possible, and all three are 1.
    ///
    /// # Numerics
    ///
    /// Probabilities are computed by recurrence from the most likely table outwards, one table at a
    /// time, until they fall below 2^-1022. With k tables the relative error is below `8 k 2^-53`:
    /// 2e-11 at a total of 10^6, where 1e-13 is measured. Below 1e-290 digits are lost, and a
    /// p-value below 1e-307 comes out as 0. k grows with the square root of the total, and time and
    /// memory with k: 30 ms at 10^9, a second at 10^12. For greater totals use a chi-squared test.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::Contingency;
    ///
    /// // Six layers, two of them positive, all told apart: one of the 15 ways to choose two of
    /// // six. The only table as unlikely
    /// // is itself: the others have probabilities 8/15 and 6/15.
    /// let p = Contingency {
    ///     true_positives: 2,
    ///     true_negatives: 4,
    ///     ..Contingency::default()
    /// }.fisher_exact();
    /// assert!((p.greater - 1.0 / 15.0).abs() < 1e-15);
    /// assert!((p.two_sided - 1.0 / 15.0).abs() < 1e-15);
    /// assert_eq!(p.less, 1.0);
    /// ```
    ///
    /// # References
    ///
    /// Fisher (1935), "The logic of inductive inference", Journal of the Royal Statistical Society
    /// 98(1). The two-sided rule: Freeman & Halton (1951), Biometrika 38.
    #[must_use]
    pub fn fisher_exact(&self) -> PValues {
        let null = self.null();
        let observed = u128::from(self.true_positives);
        let limit = null.weight(observed) * TIE;
        PValues {
            two_sided: null.share(|count| null.weight(count) <= limit),
            greater: null.share(|count| count >= observed),
            less: null.share(|count| count <= observed),
        }
    }

    /// The mid-p-values of Fisher's exact test: what is as unusual as the observed table counts
    /// half.
    ///
    /// Since few tables are possible, the exact test rejects less often than its level says. The
    /// mid-p-value is about as large on average as a p-value should be, at the price that it may
    /// now and then reject more often than its level says.
    ///
    /// In the two-sided value every table as likely as the observed one (up to the factor of
    /// [`fisher_exact`](Self::fisher_exact)) counts half. If a margin is empty all three are 1/2.
    ///
    /// ```
    /// use settling_mcc::Contingency;
    ///
    /// let table = Contingency { true_positives: 2, true_negatives: 4, ..Contingency::default() };
    /// assert!((table.fisher_mid_p().greater - 1.0 / 30.0).abs() < 1e-15);
    /// ```
    ///
    /// Reference: Lancaster (1961), "Significance tests in discrete distributions", JASA 56.
    #[must_use]
    pub fn fisher_mid_p(&self) -> PValues {
        let null = self.null();
        let observed = u128::from(self.true_positives);
        let weight = null.weight(observed);
        let half = weight / null.total / 2.0;
        let rarer = null.share(|count| null.weight(count) * TIE < weight);
        let no_likelier = null.share(|count| null.weight(count) <= weight * TIE);
        PValues {
            two_sided: (rarer + no_likelier) / 2.0,
            greater: null.share(|count| count > observed) + half,
            less: null.share(|count| count < observed) + half,
        }
    }

    /// The permutation test of the MCC, over all re-pairings of predictions and outcomes instead of
    /// a random few.
    ///
    /// `greater` and `less` are those of [`fisher_exact`](Self::fisher_exact). `two_sided` is not:
    /// it asks how often the MCC is at least as far from 0, and Fisher's test how often the table
    /// is at most as likely. If the margins are lopsided the two differ.
    ///
    /// # Panics
    ///
    /// If the total is above 2^64 - 1.
    ///
    /// ```
    /// use settling_mcc::Contingency;
    ///
    /// // Two of six layers predicted and two actual: none in common has an MCC of -0.5 and
    /// // probability 6/15; one in common 0.25
    /// // and 8/15; two in common 1 and 1/15.
    /// let table = Contingency {
    ///     true_positives: 0,
    ///     false_positives: 2,
    ///     false_negatives: 2,
    ///     true_negatives: 2,
    /// };
    /// let p = table.permutation_exact();
    /// assert!((p.two_sided - 7.0 / 15.0).abs() < 1e-15);
    /// assert!((p.less - 6.0 / 15.0).abs() < 1e-15);
    /// ```
    #[must_use]
    pub fn permutation_exact(&self) -> PValues {
        let null: PermutationNull = self.permutation_null();
        // Among tables with the same margins the MCC is the determinant times a constant.
        let determinant = |[tp, fp, missed, tn]: [u128; 4]| (tp * tn).abs_diff(fp * missed);
        let observed = u128::from(self.true_positives);
        let distance = determinant(self.with_true_positives(observed));
        PValues {
            two_sided: null.share(|count| determinant(self.with_true_positives(count)) >= distance),
            greater: null.share(|count| count >= observed),
            less: null.share(|count| count <= observed),
        }
    }
}
