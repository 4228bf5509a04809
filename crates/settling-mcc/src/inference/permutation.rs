//! Permutation tests, over all orders or a sample of them.

use crate::arithmetic::random::Random;
use crate::inference::exact::PValues;

/// Permutation tests: of all ways to pair two variables anew if they are few, else of a random
/// sample, repeatable from a seed.
///
/// They assume that observations can be exchanged. The layers of one model cannot: neighbors
/// resemble each other, in both variables. For them p-values are descriptions, and too small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Permutation {
    /// If there are at most so many ways to arrange the values of one variable (equal ones not told
    /// apart), all are tried, and p-values are exact; else so many are drawn.
    pub arrangements: u32,
    /// What the random numbers are drawn from.
    pub seed: u64,
}

/// 50 000 arrangements: p-values of up to eight distinct values are exact. Seed 0.
impl Default for Permutation {
    fn default() -> Self {
        Self { arrangements: 50_000, seed: 0 }
    }
}

/// P-values by [`Permutation`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PermutationTest {
    /// The p-values. If arrangements were drawn, the data's own counts as one more, so that none is
    /// 0; they are uncertain by about sqrt(p / arrangements).
    pub p: PValues,
    /// Whether all arrangements were tried.
    pub exact: bool,
    /// How many were tried or drawn.
    pub arrangements: u32,
}

impl Permutation {
    /// Shows arrangements of `classes`, which are numbers that say which values are equal, to
    /// `visit`; says whether these were all.
    ///
    /// # Panics
    ///
    /// If `arrangements` is 0.
    pub(crate) fn visit(&self, classes: &[usize], mut visit: impl FnMut(&[usize])) -> bool {
        assert!(self.arrangements > 0, "a permutation test needs at least one arrangement");
        let mut order = classes.to_vec();
        order.sort_unstable();
        if at_most(&order, self.arrangements) {
            loop {
                visit(&order);
                if !next(&mut order) {
                    return true;
                }
            }
        }
        let mut random = Random::new(self.seed);
        for _ in 0..self.arrangements {
            random.shuffle(&mut order);
            visit(&order);
        }
        false
    }
}

/// The least and the largest of several statistics in every arrangement: what a test of all of them
/// at once compares with. See [`Permutation::extremes`].
#[derive(Clone, Debug, PartialEq)]
pub struct Extremes {
    /// Least and largest, by arrangement.
    of_arrangements: Vec<[f64; 2]>,
    exact: bool,
}

/// Statistics that differ by less are equal up to rounding.
const SAME: f64 = 1e-12;

impl Permutation {
    /// Shows arrangements of `values` to `statistics`, which answers with the least and the largest
    /// of the statistics that are tested together (Westfall & Young 1993, single-step maxT).
    ///
    /// ```
    /// use settling_mcc::Permutation;
    ///
    /// // Two statistics of three values: the first, and minus the last.
    /// let first_and_last = |x: &[f64]| [x[0].min(-x[2]), x[0].max(-x[2])];
    /// let extremes = Permutation::default().extremes(&[3.0, 1.0, 2.0], first_and_last);
    /// // The larger of both is 3 in the two of six arrangements that begin with 3.
    /// assert_eq!(extremes.test(-2.0, 3.0).p.greater, 2.0 / 6.0);
    /// ```
    ///
    /// # Panics
    ///
    /// If `arrangements` is 0, or a value or a statistic is NaN.
    pub fn extremes(
        &self,
        values: &[f64],
        mut statistics: impl FnMut(&[f64]) -> [f64; 2],
    ) -> Extremes {
        let classes = classes(values);
        let mut value_of_class = vec![0.0; classes.len()];
        for (&class, &value) in classes.iter().zip(values) {
            value_of_class[class] = value;
        }
        let (mut of_arrangements, mut arranged) = (Vec::new(), vec![0.0; values.len()]);
        let exact = self.visit(&classes, |arrangement| {
            for (place, &class) in arranged.iter_mut().zip(arrangement) {
                *place = value_of_class[class];
            }
            let found = statistics(&arranged);
            assert!(!found.iter().any(|x| x.is_nan()), "a statistic of an arrangement is NaN");
            of_arrangements.push(found);
        });
        Extremes { of_arrangements, exact }
    }
}

impl Extremes {
    /// How likely the largest statistic of an arrangement is at least `highest`, the least at most
    /// `lowest`, and the one that is farthest from 0 at least as far as the farther of both; values
    /// within 1e-12 of each other count as equal.
    #[must_use]
    pub fn test(&self, lowest: f64, highest: f64) -> PermutationTest {
        let farthest = highest.max(-lowest);
        let mut tally = Tally::default();
        for &[low, high] in &self.of_arrangements {
            tally.count(
                high.max(-low) >= farthest - SAME,
                high >= highest - SAME,
                low <= lowest + SAME,
            );
        }
        tally.p(self.exact)
    }
}

/// How often a statistic was as extreme as that of the data.
#[derive(Default)]
pub(crate) struct Tally {
    seen: u32,
    two_sided: u32,
    greater: u32,
    less: u32,
}

impl Tally {
    pub(crate) fn count(&mut self, two_sided: bool, greater: bool, less: bool) {
        self.seen += 1;
        self.two_sided += u32::from(two_sided);
        self.greater += u32::from(greater);
        self.less += u32::from(less);
    }

    pub(crate) fn p(&self, exact: bool) -> PermutationTest {
        let own = u32::from(!exact);
        let share = |count: u32| f64::from(count + own) / f64::from(self.seen + own);
        let p = PValues {
            two_sided: share(self.two_sided),
            greater: share(self.greater),
            less: share(self.less),
        };
        PermutationTest { p, exact, arrangements: self.seen }
    }
}

/// Numbers that order `values` and are the same for equal ones; -0 equals 0.
pub(crate) fn classes(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|x, y| x.partial_cmp(y).expect("values are not NaN"));
    sorted.dedup();
    values.iter().map(|value| sorted.partition_point(|other| other < value)).collect()
}

/// Whether `sorted` has at most `limit` distinct orders: the multinomial coefficient of its runs.
fn at_most(sorted: &[usize], limit: u32) -> bool {
    let (mut orders, mut run) = (1_u128, 0);
    for (index, item) in sorted.iter().enumerate() {
        run = if index > 0 && sorted[index - 1] == *item { run + 1 } else { 1 };
        // The coefficient of the first `index + 1` items, an integer; the one before is at most
        // 2^32 times as small.
        orders = orders * (index as u128 + 1) / run;
        if orders > u128::from(limit) {
            // It never decreases.
            return false;
        }
    }
    true
}

/// Makes the lexicographically next order; says `false` after the last.
fn next(order: &mut [usize]) -> bool {
    let Some(place) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let successor = order.iter().rposition(|&item| item > order[place]);
    order.swap(place, successor.expect("the next item is greater"));
    order[place + 1..].reverse();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_distinct_order_is_visited_once() {
        let seen = |classes: &[usize], arrangements| {
            let mut seen = Vec::new();
            let exact = Permutation { arrangements, seed: 0 }
                .visit(classes, |order| seen.push(order.to_vec()));
            (seen, exact)
        };
        let (orders, exact) = seen(&[1, 0, 1], 3);
        assert_eq!((orders, exact), (vec![vec![0, 1, 1], vec![1, 0, 1], vec![1, 1, 0]], true));
        // 6! / (2! 3!) = 60.
        let (mut orders, exact) = seen(&[0, 1, 1, 2, 2, 2], 60);
        assert!(exact);
        orders.dedup();
        assert_eq!(orders.len(), 60);
        let (orders, exact) = seen(&[0, 1, 1, 2, 2, 2], 59);
        assert_eq!((orders.len(), exact), (59, false));
        assert_eq!(seen(&[], 1), (vec![vec![]], true));
    }

    #[test]
    fn the_number_of_orders_does_not_overflow() {
        assert!(!at_most(&(0..10_000).collect::<Vec<_>>(), u32::MAX));
        assert!(at_most(&[7; 10_000], 1));
    }
}
