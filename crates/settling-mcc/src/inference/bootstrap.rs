//! Intervals by resampling.

use crate::arithmetic::normal;
use crate::arithmetic::random::Random;
use crate::coefficient::contingency::Contingency;
use crate::error::{Error, ErrorKind, Undefined};
use crate::inference::interval::quantile_of_level;
use crate::inference::pooling::{Pooling, stratified_mcc};

/// Intervals by resampling, repeatable from a seed.
///
/// What is drawn with replacement is the unit that could have turned out otherwise: observations,
/// if they are independent; models, if there are several and their layers are not
/// ([`clusters`](Self::clusters)).
///
/// **A bootstrap knows only what it has seen.** If the table is perfect, so is every resample, and
/// the interval is the point 1. For few observations use [`Contingency::profile_interval`]. With
/// fewer than some ten units no bootstrap is worth much.
///
/// ```
/// use settling_mcc::{Bootstrap, Contingency};
///
/// let table = Contingency {
///     true_positives: 9,
///     false_positives: 3,
///     false_negatives: 4,
///     true_negatives: 16,
/// };
/// let interval = Bootstrap::default().mcc(&table)?;
/// assert!(interval.low < interval.estimate && interval.estimate < interval.high);
/// assert_eq!(interval, Bootstrap::default().mcc(&table)?); // the same seed, the same interval
/// # Ok::<(), settling_mcc::Error>(())
/// ```
///
/// Reference: Efron & Tibshirani (1993), "An introduction to the bootstrap".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// How the interval is read off the resamples.
    pub method: BootstrapMethod,
    /// The share of the distribution between its ends, such as 0.95.
    pub level: f64,
    /// How many resamples; the ends of an interval are good to about 1 / sqrt(replicates) of its
    /// width.
    pub replicates: usize,
    /// What the random numbers are drawn from.
    pub seed: u64,
}

/// BCa, 95 %, 10 000 resamples, seed 0.
impl Default for Bootstrap {
    fn default() -> Self {
        Self { method: BootstrapMethod::Bca, level: 0.95, replicates: 10_000, seed: 0 }
    }
}

/// How an interval is read off resamples. Quantiles between two of them are interpolated linearly.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum BootstrapMethod {
    /// The quantiles of the resamples.
    Percentile,
    /// Bias-corrected and accelerated: other quantiles, moved by how many resamples lie below the
    /// estimate (half of those that equal it included) and by how skewed it is when each unit in
    /// turn is left out.
    ///
    /// Reference: Efron (1987), "Better bootstrap confidence intervals", JASA 82.
    Bca,
}

/// An interval by [`Bootstrap`].
///
/// ```
/// use settling_mcc::{Bootstrap, Contingency};
///
/// // Six layers, all told apart: so they are in every resample.
/// let table = Contingency { true_positives: 3, true_negatives: 3, ..Contingency::default() };
/// let interval = Bootstrap::default().mcc(&table)?;
/// assert_eq!((interval.low, interval.high), (1.0, 1.0));
/// assert!(interval.is_degenerate());
/// # Ok::<(), settling_mcc::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BootstrapInterval {
    /// The statistic of the data itself.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Resamples in which the statistic is undefined, such as those in which a variable is
    /// constant. The interval is of the others, at least half of all; of fewer there would be none.
    pub undefined: usize,
}

impl BootstrapInterval {
    /// Whether the interval is a point, to rounding. Then it says nothing about how sure the value
    /// is: a bootstrap knows only what it has seen, and the table of a perfect prediction is
    /// perfect in every resample. [`Contingency::profile_interval`] does not collapse.
    #[must_use]
    pub fn is_degenerate(&self) -> bool {
        let scale = self.low.abs().max(self.high.abs()).max(self.estimate.abs());
        self.high - self.low <= DEGENERATE * scale
    }
}

/// The rounding that a statistic of equal resamples may differ by, to be on the safe side.
const DEGENERATE: f64 = 1e-12;

impl Bootstrap {
    /// An interval of the MCC, resampling observations. It takes time in proportion to total x
    /// replicates.
    ///
    /// # Errors
    ///
    /// [`Undefined`](ErrorKind::Undefined), if the MCC is, or is in more than half of the
    /// resamples, which would make it an interval of another question; and for BCa, if it is
    /// without some observation (use the percentiles, or [`Contingency::profile_interval`]), if all
    /// resamples lie on one side of the estimate, or if the statistic is so skewed that the level
    /// is out of reach.
    ///
    /// # Panics
    ///
    /// If `level` is not between 0 and 1, `replicates` is 0, or the total is above 2^64 - 1.
    pub fn mcc(&self, table: &Contingency) -> Result<BootstrapInterval, Error> {
        let total = u64::try_from(table.total()).expect("the total is below 2^64");
        let estimate = table.mcc().value().ok_or_else(undefined_estimate)?;
        let [tp, fp, missed, _] = table.cells();
        let mut random = Random::new(self.seed);
        let replicates = (0..self.replicates).map(|_| {
            let mut cells = [0; 4];
            for _ in 0..total {
                let at = random.below(total);
                let past = [tp, tp + fp, tp + fp + missed].iter().filter(|&&end| at >= end).count();
                cells[past] += 1;
            }
            from_cells(cells).mcc().value()
        });
        let replicates: Vec<Option<f64>> = replicates.collect();
        // Observations of a cell are alike, and so are the tables without one of them.
        let without = || {
            let present = (0..4).filter(|&cell| table.cells()[cell] > 0);
            let left_out = present.map(|cell| {
                let mut cells = table.cells();
                cells[cell] -= 1;
                (from_cells(cells).mcc().value(), table.cells()[cell] as f64)
            });
            left_out.collect()
        };
        self.interval(estimate, replicates, without)
    }

    /// An interval of the difference between two MCCs with the same outcomes, `first` minus
    /// `second`, resampling observations with all three values: what the predictions share does not
    /// count as uncertainty.
    ///
    /// # Errors
    ///
    /// [`LengthMismatch`](ErrorKind::LengthMismatch), if the slices differ in length, and the
    /// errors of [`mcc`](Self::mcc).
    ///
    /// # Panics
    ///
    /// If `level` is not between 0 and 1, or `replicates` is 0.
    ///
    /// ```
    /// use settling_mcc::Bootstrap;
    ///
    /// let actual = [true, false, true, false, true, false, true, false, true, false, true, false];
    /// let first = [true, false, true, false, true, false, true, false, true, false, false, true];
    /// let second = [true, true, false, false, true, false, false, true, true, true, true, false];
    /// // 4/6 and 2/6.
    /// let difference = Bootstrap::default().mcc_difference(&first, &second, &actual)?;
    /// assert!((difference.estimate - (2.0 / 3.0 - 0.169)).abs() < 1e-3);
    /// # Ok::<(), settling_mcc::Error>(())
    /// ```
    pub fn mcc_difference(
        &self,
        first: &[bool],
        second: &[bool],
        actual: &[bool],
    ) -> Result<BootstrapInterval, Error> {
        for (name, predicted) in [("first", first), ("second", second)] {
            if predicted.len() != actual.len() {
                return Err(Error::lengths((name, predicted.len()), ("actual", actual.len())));
            }
        }
        // Which of the eight kinds there are an observation is of; those of a kind are alike.
        let kinds = first.iter().zip(second).zip(actual);
        let kinds: Vec<usize> = kinds
            .map(|((&first, &second), &actual)| {
                usize::from(first) + 2 * usize::from(second) + 4 * usize::from(actual)
            })
            .collect();
        let difference = |counts: [u64; 8]| {
            let mcc = |bit: usize| {
                let pairs = (0..8).map(|kind| ((kind & bit != 0, kind & 4 != 0), counts[kind]));
                pairs.collect::<Contingency>().mcc().value()
            };
            Some(mcc(1)? - mcc(2)?)
        };
        let mut counts = [0; 8];
        kinds.iter().for_each(|&kind| counts[kind] += 1);
        let estimate = difference(counts).ok_or_else(undefined_estimate)?;
        let mut random = Random::new(self.seed);
        let replicates = (0..self.replicates).map(|_| {
            let mut drawn = [0; 8];
            kinds.iter().for_each(|_| drawn[kinds[random.below(kinds.len() as u64) as usize]] += 1);
            difference(drawn)
        });
        let replicates = replicates.collect();
        let without = || {
            let present = (0..8).filter(|&kind| counts[kind] > 0);
            let left_out = present.map(|kind| {
                let mut others = counts;
                others[kind] -= 1;
                (difference(others), counts[kind] as f64)
            });
            left_out.collect()
        };
        self.interval(estimate, replicates, without)
    }

    /// An interval of the MCC over several tables, such as one per model, resampling whole tables:
    /// for observations that are dependent within a table, and independent between them.
    ///
    /// # Errors
    ///
    /// The same as [`mcc`](Self::mcc): the statistic is undefined, for the tables or for too many
    /// resamples.
    ///
    /// # Panics
    ///
    /// If `level` is not between 0 and 1, or `replicates` is 0; where the counts of a resample pass
    /// 2^64 - 1.
    pub fn clusters(
        &self,
        tables: &[Contingency],
        pooling: Pooling,
    ) -> Result<BootstrapInterval, Error> {
        self.statistic(tables.len(), |units| {
            let drawn = units.iter().map(|&unit| tables[unit]);
            match pooling {
                Pooling::Sum => drawn.sum::<Contingency>().mcc().value(),
                Pooling::Stratified => stratified_mcc(&drawn.collect::<Vec<_>>()),
            }
        })
    }

    /// An interval of any statistic of `units` units, which is given the numbers of those that were
    /// drawn, and says `None` where it is undefined.
    ///
    /// # Errors
    ///
    /// The same as [`mcc`](Self::mcc); and [`InvalidValue`](ErrorKind::InvalidValue), if the
    /// statistic is not finite.
    ///
    /// # Panics
    ///
    /// If `level` is not between 0 and 1, or `replicates` is 0.
    ///
    /// ```
    /// use settling_mcc::Bootstrap;
    ///
    /// // The mean of six numbers.
    /// let x = [1.0, 2.0, 2.5, 3.0, 4.0, 5.5];
    /// let sum = |units: &[usize]| units.iter().map(|&unit| x[unit]).sum::<f64>();
    /// let mean = |units: &[usize]| Some(sum(units) / units.len() as f64);
    /// assert_eq!(Bootstrap::default().statistic(6, mean)?.estimate, 3.0);
    /// # Ok::<(), settling_mcc::Error>(())
    /// ```
    pub fn statistic(
        &self,
        units: usize,
        statistic: impl Fn(&[usize]) -> Option<f64>,
    ) -> Result<BootstrapInterval, Error> {
        let mut drawn: Vec<usize> = (0..units).collect();
        let estimate = statistic(&drawn).ok_or_else(undefined_estimate)?;
        let mut random = Random::new(self.seed);
        let replicates = (0..self.replicates).map(|_| {
            drawn.fill_with(|| random.below(units as u64) as usize);
            statistic(&drawn)
        });
        let replicates = replicates.collect();
        let without = || {
            let others = |unit| (0..units).filter(|&other| other != unit).collect::<Vec<_>>();
            (0..units).map(|unit| (statistic(&others(unit)), 1.0)).collect()
        };
        self.interval(estimate, replicates, without)
    }

    /// `without` has the statistic with each unit in turn left out, and how many units that stands
    /// for.
    fn interval(
        &self,
        estimate: f64,
        replicates: Vec<Option<f64>>,
        without: impl FnOnce() -> Vec<(Option<f64>, f64)>,
    ) -> Result<BootstrapInterval, Error> {
        let tail = (1.0 - self.level) / 2.0;
        let z = quantile_of_level(self.level);
        assert!(self.replicates > 0, "an interval needs at least one resample");
        let mut defined: Vec<f64> = replicates.iter().copied().flatten().collect();
        if !estimate.is_finite() || defined.iter().any(|value| !value.is_finite()) {
            return Err(not_finite());
        }
        let without_value = replicates.len() - defined.len();
        if without_value > defined.len() {
            let place = format!("in {without_value} of {} resamples", replicates.len());
            return Err(undefined(Undefined::Resamples, &place));
        }
        defined.sort_by(f64::total_cmp);
        let shares = match self.method {
            BootstrapMethod::Percentile => [tail, 1.0 - tail],
            BootstrapMethod::Bca => {
                let below = defined.partition_point(|&value| value < estimate);
                let not_above = defined.partition_point(|&value| value <= estimate);
                if not_above == 0 || below == defined.len() {
                    let message = "expected resamples on both sides of the estimate, found all on one: the bias cannot be \
                                   corrected; use the percentiles, or more resamples";
                    return Err(Error::undefined_because(Undefined::OneSided, message.to_owned()));
                }
                let bias =
                    normal::quantile((below + not_above) as f64 / (2 * defined.len()) as f64);
                let acceleration = acceleration(&without())?;
                let moved = [-z, z].map(|z| (bias + z, 1.0 - acceleration * (bias + z)));
                if moved.iter().any(|&(_, slowed)| slowed <= 0.0) {
                    let message = "expected a level that the acceleration leaves in reach, found one beyond it; use a lower level, or \
                                   the percentiles";
                    return Err(Error::undefined_because(Undefined::Skewed, message.to_owned()));
                }
                moved.map(|(moved, slowed)| normal::probability(bias + moved / slowed))
            }
        };
        let [low, high] = shares.map(|share| quantile(&defined, share));
        Ok(BootstrapInterval { estimate, low, high, undefined: without_value })
    }
}

/// A sixth of the skewness of the jackknife; its magnitude is at most 1/6, since no unit stands for
/// more than itself.
fn acceleration(without: &[(Option<f64>, f64)]) -> Result<f64, Error> {
    let values: Option<Vec<(f64, f64)>> =
        without.iter().map(|&(value, units)| Some((value?, units))).collect();
    let values = values
        .ok_or_else(|| undefined(Undefined::LeftOut, "without some unit, as BCa needs it"))?;
    if values.iter().any(|(value, _)| !value.is_finite()) {
        return Err(not_finite());
    }
    // The differences from the first, in units of the largest, so that no power of them overflows
    // or vanishes, and values that are alike differ by nothing.
    let reach = |values: &[(f64, f64)]| {
        values
            .iter()
            .fold(0.0, |reach: f64, (value, _)| reach.max(value.abs()))
            .max(f64::MIN_POSITIVE)
    };
    let scaled = |values: &[(f64, f64)], from: f64| -> Vec<(f64, f64)> {
        let reach = reach(values);
        values.iter().map(|&(value, units)| (value / reach - from, units)).collect()
    };
    let first = values.first().map_or(0.0, |(value, _)| value / reach(&values));
    let values = scaled(&values, first);
    let values = scaled(&values, 0.0);
    let sum =
        |f: &dyn Fn(f64) -> f64| values.iter().map(|&(value, units)| units * f(value)).sum::<f64>();
    let mean = sum(&|value| value) / sum(&|_| 1.0);
    let (square, cube) =
        (sum(&|value| (mean - value).powi(2)), sum(&|value| (mean - value).powi(3)));
    Ok(if square == 0.0 { 0.0 } else { cube / (6.0 * square.powf(1.5)) })
}

/// The number at this share of `sorted`, which is not empty.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = (place as usize).min(sorted.len() - 1);
    let above = (below + 1).min(sorted.len() - 1);
    let (share, low, high) = (place - below as f64, sorted[below], sorted[above]);
    let between = low + share * (high - low);
    // Their difference may be greater than any f64.
    if between.is_finite() { between } else { (1.0 - share) * low + share * high }
}

fn from_cells(
    [true_positives, false_positives, false_negatives, true_negatives]: [u64; 4],
) -> Contingency {
    Contingency { true_positives, false_positives, false_negatives, true_negatives }
}

fn not_finite() -> Error {
    let message = "expected a statistic that is finite or `None`, found NaN or infinity";
    Error::new(ErrorKind::InvalidValue, message.to_owned())
}

fn undefined_estimate() -> Error {
    undefined(Undefined::Estimate, "for the data itself")
}

fn undefined(why: Undefined, place: &str) -> Error {
    let message = format!(
        "expected a statistic with a value, found it undefined {place}: a variable may be constant there; \
         `Contingency::profile_interval` exists for every table"
    );
    Error::undefined_because(why, message)
}
