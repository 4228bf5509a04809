//! Correlations that need no threshold, and their permutation tests.

use crate::error::{Error, ErrorKind, Undefined};
use crate::inference::concordance::{Sorted, pairs, tied_pairs};
use crate::inference::permutation::{Permutation, PermutationTest, Tally, classes};

/// A measure of association that needs no threshold: [`association`], [`Permutation::test`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Measure {
    /// Pearson's correlation. If one variable is zeros and ones this is the point-biserial
    /// correlation, and if both are, the MCC.
    Pearson,
    /// Spearman's rho: Pearson's correlation of ranks, equal values having the mean of theirs.
    Spearman,
    /// Kendall's tau-b: pairs in the same order minus pairs in opposite order, divided by the
    /// geometric mean of the numbers of pairs that differ in either variable.
    Kendall,
}

/// The association of two variables, observation by observation, from -1 to 1.
///
/// Labels are zeros and ones: `labels.map(|early| f64::from(u8::from(early)))`.
///
/// Pearson's is that of the differences from the first value, so that an offset costs nothing; its
/// error is that of the sums, `n` roundings of the largest term. The ranks and counts of the others
/// are exact, and so is everything up to the last few roundings.
///
/// The time grows with `n log n`.
///
/// # Errors
///
/// [`LengthMismatch`](ErrorKind::LengthMismatch), if the slices differ in length;
/// [`InvalidValue`](ErrorKind::InvalidValue), if a number is not finite;
/// [`Undefined`](ErrorKind::Undefined), if a variable is constant, or there are fewer than two
/// observations; [`Error::undefined`] says which.
///
/// # Example
///
/// ```
/// use settling_mcc::{Measure, association};
///
/// let rank = [0.5, 0.6, 0.9, 0.8];
/// let similarity = [0.1, 0.2, 0.3, 0.4];
/// // Ranks 1 2 4 3 and 1 2 3 4: five of six pairs in the same order; 1 - 6 * 2 / (4 * 15).
/// assert!((association(Measure::Kendall, &rank, &similarity)? - 4.0 / 6.0).abs() < 1e-15);
/// assert!((association(Measure::Spearman, &rank, &similarity)? - 0.8).abs() < 1e-15);
/// # Ok::<(), settling_mcc::Error>(())
/// ```
pub fn association(measure: Measure, x: &[f64], y: &[f64]) -> Result<f64, Error> {
    let pairing = Pairing::new(measure, x, y)?;
    let order: Vec<usize> = (0..y.len()).collect();
    Ok(pairing.value(&order))
}

/// The area under the receiver operating characteristic: how likely a positive observation has a
/// higher score than a negative one, equal scores counting half.
///
/// 0.5 is no association, and 2 auc - 1 is linear in Spearman's rho, so that its p-value is that of
/// [`Permutation::test`] with [`Measure::Spearman`] (the test of Mann, Whitney and Wilcoxon).
///
/// # Errors
///
/// The same as [`association`]: lengths that differ, a score that is not finite, or labels that are
/// all alike.
///
/// # Example
///
/// ```
/// use settling_mcc::roc_auc;
///
/// // Of 2 * 3 pairs one is in the wrong order and one has equal scores.
/// let auc = roc_auc(&[0.9, 0.5, 0.7, 0.5, 0.1], &[true, true, false, false, false])?;
/// assert!((auc - 4.5 / 6.0).abs() < 1e-15);
/// # Ok::<(), settling_mcc::Error>(())
/// ```
pub fn roc_auc(scores: &[f64], labels: &[bool]) -> Result<f64, Error> {
    if scores.len() != labels.len() {
        return Err(Error::lengths(("score", scores.len()), ("label", labels.len())));
    }
    check("score", scores)?;
    let positives = labels.iter().filter(|&&label| label).count();
    if positives == 0 || positives == labels.len() {
        let message = format!(
            "expected positive and negative labels, found {positives} positive of {}",
            labels.len()
        );
        return Err(Error::undefined_because(Undefined::OneLabel, message));
    }
    let of_positives = doubled_ranks(scores).into_iter().zip(labels).filter(|&(_, &label)| label);
    let ranks: u128 = of_positives.map(|(rank, _)| u128::from(rank)).sum();
    let (positives, negatives) = (positives as u128, (labels.len() - positives) as u128);
    let wins = ranks - positives * (positives + 1);
    Ok(wins as f64 / (2 * positives * negatives) as f64)
}

impl Permutation {
    /// How unusual an association is if the variables have nothing to do with each other: over the
    /// ways to pair them anew.
    ///
    /// `two_sided` counts those at least as far from 0. Values that differ by less than 1e-12 count
    /// as equal.
    ///
    /// # Errors
    ///
    /// The same as [`association`]: lengths that differ, a value that is not finite, or a variable
    /// that is constant.
    ///
    /// # Panics
    ///
    /// If `arrangements` is 0.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::{Measure, Permutation};
    ///
    /// // The only order of four that fits so well, and its reverse: 1/24, 2/24.
    /// let (x, y) = ([0.1, 0.2, 0.3, 0.4], [1.0, 2.0, 3.0, 4.0]);
    /// let test = Permutation::default().test(Measure::Kendall, &x, &y)?;
    /// assert!(test.exact);
    /// assert_eq!((test.p.greater, test.p.two_sided), (1.0 / 24.0, 2.0 / 24.0));
    /// # Ok::<(), settling_mcc::Error>(())
    /// ```
    pub fn test(&self, measure: Measure, x: &[f64], y: &[f64]) -> Result<PermutationTest, Error> {
        let pairing = Pairing::new(measure, x, y)?;
        // Equal values need not be told apart: any observation with the value will do.
        let classes = classes(y);
        let mut with_class = vec![0; y.len()];
        for (observation, &class) in classes.iter().enumerate() {
            with_class[class] = observation;
        }
        let observed = pairing.value(&(0..y.len()).collect::<Vec<_>>());
        let mut tally = Tally::default();
        let mut order = vec![0; y.len()];
        let exact = self.visit(&classes, |arrangement| {
            for (place, &class) in order.iter_mut().zip(arrangement) {
                *place = with_class[class];
            }
            let value = pairing.value(&order);
            tally.count(
                value.abs() >= observed.abs() - SAME,
                value >= observed - SAME,
                value <= observed + SAME,
            );
        });
        Ok(tally.p(exact))
    }
}

/// Coefficients that differ by less are equal up to rounding.
const SAME: f64 = 1e-12;

/// Two variables in the form in which a measure needs them.
enum Pairing {
    /// The sum of products, and what it is divided by.
    Products { x: Vec<f64>, y: Vec<f64>, scale: f64 },
    /// The same of whole numbers.
    Ranks { x: Vec<i64>, y: Vec<i64>, scale: f64 },
    /// The order of pairs.
    Orders { x: Sorted, y: Vec<usize>, differing_in_y: u128, scale: f64 },
}

impl Pairing {
    fn new(measure: Measure, x: &[f64], y: &[f64]) -> Result<Self, Error> {
        if x.len() != y.len() {
            return Err(Error::lengths(("first", x.len()), ("second", y.len())));
        }
        check("first", x)?;
        check("second", y)?;
        if x.len() < 2 {
            let message = format!(
                "expected at least two observations, found {}: there is nothing to correlate",
                x.len()
            );
            return Err(Error::undefined_because(Undefined::TooFew, message));
        }
        for (name, values, why) in
            [("first", x, Undefined::FirstConstant), ("second", y, Undefined::SecondConstant)]
        {
            if values.iter().all(|&value| value == values[0]) {
                let message = format!(
                    "expected a {name} variable with different values, found {} equal ones: there is nothing to correlate with",
                    values.len()
                );
                return Err(Error::undefined_because(why, message));
            }
        }
        Ok(match measure {
            Measure::Pearson => {
                let (x, y) = (standardised(x), standardised(y));
                let scale = (squares(&x) * squares(&y)).sqrt();
                Self::Products { x, y, scale }
            }
            Measure::Spearman => {
                // Twice the distance from the mean rank, a whole number.
                let centered = |values: &[f64]| -> Vec<i64> {
                    let ranks = doubled_ranks(values).into_iter();
                    ranks.map(|rank| rank as i64 - (values.len() as i64 + 1)).collect()
                };
                let (x, y) = (centered(x), centered(y));
                let squares =
                    |ranks: &[i64]| ranks.iter().map(|&r| i128::from(r).pow(2)).sum::<i128>();
                let scale = (squares(&x) as f64 * squares(&y) as f64).sqrt();
                Self::Ranks { x, y, scale }
            }
            Measure::Kendall => {
                let (x, y) = (Sorted::new(&classes(x)), classes(y));
                let differing_in_y = pairs(y.len()) - tied_pairs(sizes(&y));
                let scale = (x.differing as f64 * differing_in_y as f64).sqrt();
                Self::Orders { x, y, differing_in_y, scale }
            }
        })
    }

    /// The coefficient if observation i of the second variable is that with the number `order[i]`.
    fn value(&self, order: &[usize]) -> f64 {
        let (sum, scale) = match self {
            Self::Products { x, y, scale } => {
                (x.iter().zip(order).map(|(x, &at)| x * y[at]).sum(), scale)
            }
            Self::Ranks { x, y, scale } => {
                let products =
                    x.iter().zip(order).map(|(&x, &at)| i128::from(x) * i128::from(y[at]));
                (products.sum::<i128>() as f64, scale)
            }
            Self::Orders { x, y, differing_in_y, scale } => {
                let sum = x.concordance(|observation| y[order[observation]], *differing_in_y);
                (sum as f64, scale)
            }
        };
        (sum / scale).clamp(-1.0, 1.0)
    }
}

/// Centered, and at most 1 in magnitude, with differences of at least 1, so that no square
/// overflows or vanishes.
fn standardised(values: &[f64]) -> Vec<f64> {
    // About the first value, not about a mean: far from zero that would be too coarse beside the
    // differences.
    let halved = if values.iter().any(|value| value.abs() > f64::MAX / 2.0) { 0.5 } else { 1.0 };
    let moved: Vec<f64> = values.iter().map(|value| value * halved - values[0] * halved).collect();
    let reach = moved.iter().fold(0.0, |reach: f64, value| reach.max(value.abs()));
    let scaled: Vec<f64> = moved.iter().map(|value| value / reach).collect();
    let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
    scaled.iter().map(|value| value - mean).collect()
}

fn squares(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

/// Twice the ranks from 1, equal values having the mean of theirs.
fn doubled_ranks(values: &[f64]) -> Vec<u64> {
    let classes = classes(values);
    let sizes = sizes(&classes);
    let ends = sizes.iter().scan(0, |end, size| {
        *end += size;
        Some(*end)
    });
    let ends: Vec<u64> = ends.collect();
    // A class that ends at rank e and has s members has the ranks e - s + 1 to e.
    classes.iter().map(|&class| 2 * ends[class] - sizes[class] + 1).collect()
}

/// How many observations each class has.
fn sizes(classes: &[usize]) -> Vec<u64> {
    let mut sizes = vec![0; classes.len()];
    classes.iter().for_each(|&class| sizes[class] += 1);
    sizes
}

fn check(name: &str, values: &[f64]) -> Result<(), Error> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let message = format!(
                "expected finite {name} values, found {} at observation {index}; leave out what is undefined",
                values[index]
            );
            Err(Error::new(ErrorKind::InvalidValue, message))
        }
    }
}
