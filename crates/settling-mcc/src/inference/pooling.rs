//! What several tables say together.

use crate::arithmetic::double::Double;
use crate::coefficient::contingency::Contingency;
use crate::inference::exact::{PValues, TIE};

/// How several tables become one coefficient.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Pooling {
    /// The MCC of their sum. It also sees the differences between the tables: if the layers of one
    /// model all are early and large, and those of another all neither, the sum is perfect, though
    /// there is no association in any model.
    Sum,
    /// [`stratified_mcc`], which sees only the association within tables.
    Stratified,
}

/// The association within tables, such as one per model, as one coefficient: a mean of their MCCs,
/// in the manner of Mantel and Haenszel.
///
/// `None` if every table has an empty margin.
///
/// # Definition
///
/// ```text
/// sum over tables of (tp tn - fp fn) / n, divided by
/// sum over tables of sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)) / n
/// ```
///
/// This is the mean of the MCCs, weighted by n times the product of the variables' standard
/// deviations. A table with an empty margin has weight 0, as it says nothing about association; it
/// is no 0 in the mean.
///
/// The observations of one table may depend on each other: that does not bias the coefficient, but
/// [`Bootstrap::clusters`](crate::Bootstrap::clusters), which resamples tables, and not
/// [`stratified_exact`], then says how uncertain it is.
///
/// # Example
///
/// ```
/// use settling_mcc::{Contingency, stratified_mcc};
///
/// // 2 of 6 layers told apart; 12 layers with a determinant of 5 * 4 - 1 * 2 = 18 and margins
/// // 6 7 6 5; a model with none early.
/// let models = [[2, 0, 0, 4], [5, 1, 2, 4], [0, 3, 0, 3]].map(|[tp, fp, missed, tn]| Contingency {
///     true_positives: tp,
///     false_positives: fp,
///     false_negatives: missed,
///     true_negatives: tn,
/// });
/// let expected = (8.0 / 6.0 + 18.0 / 12.0) / (8.0 / 6.0 + 1260.0_f64.sqrt() / 12.0);
/// assert!((stratified_mcc(&models).unwrap() - expected).abs() < 1e-15);
/// ```
///
/// Reference: Mantel & Haenszel (1959), "Statistical aspects of the analysis of data from
/// retrospective studies of disease", Journal of the National Cancer Institute 22.
#[must_use]
pub fn stratified_mcc(tables: &[Contingency]) -> Option<f64> {
    let (mut sum, mut whole) = (Double::default(), Double::default());
    for table in tables.iter().filter(|table| table.mcc().value().is_some()) {
        let [tp, fp, missed, tn] = table.cells().map(u128::from);
        let total = Double::from(table.total());
        let determinant = Double::from((tp * tn).abs_diff(fp * missed));
        let determinant = if tp * tn < fp * missed { -determinant } else { determinant };
        sum = sum + determinant.divided_by(total);
        whole = whole + table.spread().sqrt().divided_by(total);
    }
    // No part of the sum is larger than that of the whole, up to the rounding that 106 bits leave.
    (whole != Double::default()).then(|| sum.divided_by(whole).round().clamp(-1.0, 1.0))
}

/// The exact test of association within tables, given the margins of each:
/// [`Contingency::fisher_exact`] for several tables at once.
///
/// The statistic is the sum of the true positives. It assumes independent observations within
/// tables, too: **for the layers of models it is a description.**
///
/// The error is below that of [`fisher_exact`](Contingency::fisher_exact) with k the sum over the
/// tables; the time grows with the product of their numbers of possible true positives.
///
/// # Example
///
/// ```
/// use settling_mcc::{Contingency, stratified_exact};
///
/// // Two models, in each 2 of 6 layers told apart: (1/15)^2.
/// let table = Contingency { true_positives: 2, true_negatives: 4, ..Contingency::default() };
/// let p = stratified_exact(&[table, table]);
/// assert!((p.greater - 1.0 / 225.0).abs() < 1e-15);
/// assert_eq!(p.less, 1.0);
/// ```
///
/// Reference: Birch (1964), "The detection of partial association, I: the 2 x 2 case", Journal of
/// the Royal Statistical Society B 26.
#[must_use]
pub fn stratified_exact(tables: &[Contingency]) -> PValues {
    // How likely each sum of true positives is, from the fewest.
    let (mut fewest, mut weights, mut observed) = (0_u128, vec![1.0], 0_u128);
    for table in tables {
        let null = table.null();
        let mut sums = vec![0.0; weights.len() + null.weights.len() - 1];
        for (at, weight) in weights.iter().enumerate() {
            for (sum, other) in sums[at..].iter_mut().zip(&null.weights) {
                *sum += weight * (other / null.total);
            }
        }
        weights = sums;
        fewest += null.fewest;
        observed += u128::from(table.true_positives);
    }
    let total: f64 = weights.iter().sum();
    let weight = |count: u128| {
        let index = count.checked_sub(fewest).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| weights.get(index)).copied().unwrap_or(0.0)
    };
    let limit = weight(observed) * TIE;
    let share = |keep: &dyn Fn(u128) -> bool| {
        let counts = (fewest..).take(weights.len()).filter(|&count| keep(count));
        // Not `sum`, which is -0 of nothing.
        counts.fold(0.0, |sum, count| sum + weight(count)) / total
    };
    PValues {
        two_sided: share(&|count| weight(count) <= limit),
        greater: share(&|count| count >= observed),
        less: share(&|count| count <= observed),
    }
}
