//! The 2x2 table.

use std::iter::Sum;

use crate::error::Error;

/// How often two binary variables take each pair of values.
///
/// One is called predicted and the other actual; every statistic here is the same if they change
/// places.
///
/// | | actual | not actual |
/// |---|---|---|
/// | **predicted** | `true_positives` | `false_positives` |
/// | **not predicted** | `false_negatives` | `true_negatives` |
///
/// ```
/// use settling_mcc::Contingency;
///
/// let predicted = [true, true, false, false, false];
/// let actual = [true, false, true, false, false];
/// let table = Contingency::from_slices(&predicted, &actual)?;
/// assert_eq!(
///     table,
///     Contingency { true_positives: 1, false_positives: 1, false_negatives: 1, true_negatives: 2 }
/// );
///
/// let pairs = predicted.into_iter().zip(actual);
/// assert_eq!(pairs.collect::<Contingency>(), table);
///
/// // With how often each pair occurs; tables add up.
/// let weighted: Contingency = [((true, true), 3), ((false, false), 0)].into_iter().collect();
/// assert_eq!(weighted, Contingency { true_positives: 3, ..Contingency::default() });
/// assert_eq!([table, weighted].into_iter().sum::<Contingency>().true_positives, 4);
/// # Ok::<(), settling_mcc::Error>(())
/// ```
///
/// Weights that are no counts are for [`WeightedContingency`](crate::WeightedContingency).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Contingency {
    /// Observations that are predicted and actual.
    pub true_positives: u64,
    /// Observations that are predicted and not actual.
    pub false_positives: u64,
    /// Observations that are actual and not predicted.
    pub false_negatives: u64,
    /// Observations that are neither.
    pub true_negatives: u64,
}

impl Contingency {
    /// Counts paired observations: element i of both slices is the same observation.
    ///
    /// # Errors
    ///
    /// [`LengthMismatch`](crate::ErrorKind::LengthMismatch), if the slices differ in length.
    pub fn from_slices(predicted: &[bool], actual: &[bool]) -> Result<Self, Error> {
        if predicted.len() != actual.len() {
            return Err(Error::lengths(("predicted", predicted.len()), ("actual", actual.len())));
        }
        Ok(predicted.iter().copied().zip(actual.iter().copied()).collect())
    }

    /// The number of observations.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.predicted() + self.not_predicted()
    }

    /// True positives, false positives, false negatives, true negatives.
    pub(crate) fn cells(&self) -> [u64; 4] {
        [self.true_positives, self.false_positives, self.false_negatives, self.true_negatives]
    }

    pub(crate) fn predicted(&self) -> u128 {
        u128::from(self.true_positives) + u128::from(self.false_positives)
    }

    pub(crate) fn not_predicted(&self) -> u128 {
        u128::from(self.false_negatives) + u128::from(self.true_negatives)
    }

    pub(crate) fn actual(&self) -> u128 {
        u128::from(self.true_positives) + u128::from(self.false_negatives)
    }

    pub(crate) fn not_actual(&self) -> u128 {
        u128::from(self.false_positives) + u128::from(self.true_negatives)
    }
}

/// Counts pairs (predicted, actual).
///
/// # Panics
///
/// Where a count passes 2^64 - 1.
impl FromIterator<(bool, bool)> for Contingency {
    fn from_iter<I: IntoIterator<Item = (bool, bool)>>(pairs: I) -> Self {
        pairs.into_iter().map(|pair| (pair, 1)).collect()
    }
}

/// Counts further pairs (predicted, actual).
///
/// # Panics
///
/// Where a count passes 2^64 - 1.
impl Extend<(bool, bool)> for Contingency {
    fn extend<I: IntoIterator<Item = (bool, bool)>>(&mut self, pairs: I) {
        self.extend(pairs.into_iter().map(|pair| (pair, 1)));
    }
}

/// Counts pairs (predicted, actual), each as often as the number beside it says; 0 is not at all.
///
/// # Panics
///
/// Where a count passes 2^64 - 1.
impl FromIterator<((bool, bool), u64)> for Contingency {
    fn from_iter<I: IntoIterator<Item = ((bool, bool), u64)>>(pairs: I) -> Self {
        let mut table = Self::default();
        table.extend(pairs);
        table
    }
}

/// Counts further pairs (predicted, actual), each as often as the number beside it says; 0 is not
/// at all.
///
/// # Panics
///
/// Where a count passes 2^64 - 1.
impl Extend<((bool, bool), u64)> for Contingency {
    fn extend<I: IntoIterator<Item = ((bool, bool), u64)>>(&mut self, pairs: I) {
        for (pair, times) in pairs {
            let cell = match pair {
                (true, true) => &mut self.true_positives,
                (true, false) => &mut self.false_positives,
                (false, true) => &mut self.false_negatives,
                (false, false) => &mut self.true_negatives,
            };
            *cell = plus(*cell, times);
        }
    }
}

/// Adds tables cell by cell, which forgets from which of them an observation came:
/// [`stratified_mcc`](crate::stratified_mcc) does not.
///
/// # Panics
///
/// Where a count passes 2^64 - 1.
impl Sum for Contingency {
    fn sum<I: Iterator<Item = Self>>(tables: I) -> Self {
        tables.fold(Self::default(), |sum, table| Self {
            true_positives: plus(sum.true_positives, table.true_positives),
            false_positives: plus(sum.false_positives, table.false_positives),
            false_negatives: plus(sum.false_negatives, table.false_negatives),
            true_negatives: plus(sum.true_negatives, table.true_negatives),
        })
    }
}

fn plus(count: u64, more: u64) -> u64 {
    count.checked_add(more).expect("a count stays below 2^64")
}
