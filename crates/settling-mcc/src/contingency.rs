use crate::Error;

/// How often two binary variables take each pair of values.
///
/// One is called predicted and the other actual; every statistic here is the same if they change places.
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
/// # Ok::<(), settling_mcc::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
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
            return Err(Error::lengths(predicted.len(), actual.len()));
        }
        Ok(predicted.iter().copied().zip(actual.iter().copied()).collect())
    }

    /// The number of observations.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.predicted() + self.not_predicted()
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
impl FromIterator<(bool, bool)> for Contingency {
    fn from_iter<I: IntoIterator<Item = (bool, bool)>>(pairs: I) -> Self {
        let mut table = Self::default();
        table.extend(pairs);
        table
    }
}

/// Counts further pairs (predicted, actual).
impl Extend<(bool, bool)> for Contingency {
    fn extend<I: IntoIterator<Item = (bool, bool)>>(&mut self, pairs: I) {
        for pair in pairs {
            *match pair {
                (true, true) => &mut self.true_positives,
                (true, false) => &mut self.false_positives,
                (false, true) => &mut self.false_negatives,
                (false, false) => &mut self.true_negatives,
            } += 1;
        }
    }
}
