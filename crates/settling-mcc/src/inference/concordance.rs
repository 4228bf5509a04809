//! Pairs of observations in the same and in opposite order, counted by sorting.
//!
//! Knight (1966), "A computer method for calculating Kendall's tau with ungrouped data", JASA 61.

/// The observations in the order of a variable.
pub(crate) struct Sorted {
    order: Vec<usize>,
    /// Where observations with the same value end, in that order.
    ends: Vec<usize>,
    /// How many pairs differ in the variable.
    pub(crate) differing: u128,
}

impl Sorted {
    /// `classes` order the values, and are the same for equal ones.
    pub(crate) fn new(classes: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..classes.len()).collect();
        order.sort_by_key(|&observation| classes[observation]);
        let runs = order.chunk_by(|&a, &b| classes[a] == classes[b]).map(<[usize]>::len);
        let tied = tied_pairs(runs.clone().map(|run| run as u64));
        let ends = runs.scan(0, |end, run| {
            *end += run;
            Some(*end)
        });
        let ends = ends.collect();
        Self { differing: pairs(order.len()) - tied, order, ends }
    }

    /// The pairs in the same order less those in opposite order, where `other` has the class of the
    /// other variable of an observation, in which `differing` pairs differ.
    pub(crate) fn concordance(&self, other: impl Fn(usize) -> usize, differing: u128) -> i128 {
        let mut values: Vec<usize> = self.order.iter().map(|&at| other(at)).collect();
        let (mut start, mut tied_in_both) = (0, 0);
        for &end in &self.ends {
            let run = &mut values[start..end];
            run.sort_unstable();
            let equal = run.chunk_by(|a, b| a == b);
            tied_in_both += tied_pairs(equal.map(|equal| equal.len() as u64));
            start = end;
        }
        // A pair is tied in neither variable unless it is tied in one; tied in both was taken away
        // twice. Below 2^127, as no slice is longer than 2^63.
        let untied = self.differing + differing + tied_in_both - pairs(values.len());
        untied as i128 - 2 * inversions(&mut values) as i128
    }
}

/// How many pairs so many observations make.
pub(crate) fn pairs(observations: usize) -> u128 {
    let observations = observations as u128;
    observations * observations.saturating_sub(1) / 2
}

/// How many pairs lie within one of the groups of these sizes.
pub(crate) fn tied_pairs(sizes: impl IntoIterator<Item = u64>) -> u128 {
    sizes.into_iter().map(|size| pairs(size as usize)).sum()
}

/// Sorts, and counts the pairs that were in descending order.
fn inversions(values: &mut [usize]) -> u128 {
    let mut merged = values.to_vec();
    let (mut width, mut count) = (1, 0_u128);
    while width < values.len() {
        for (from, to) in values.chunks(2 * width).zip(merged.chunks_mut(2 * width)) {
            let (mut left, mut right) = from.split_at(width.min(from.len()));
            for place in to {
                let from_right = match (left.first(), right.first()) {
                    (Some(first), Some(second)) => second < first,
                    (first, _) => first.is_none(),
                };
                let taken = if from_right { &mut right } else { &mut left };
                *place = taken[0];
                *taken = &taken[1..];
                // What is still on the left is greater and came before.
                count += if from_right { left.len() as u128 } else { 0 };
            }
        }
        values.copy_from_slice(&merged);
        width *= 2;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, pair by pair.
    fn by_pairs(x: &[usize], y: &[usize]) -> i128 {
        let mut sum = 0;
        for i in 0..x.len() {
            for j in 0..i {
                sum += x[i].cmp(&x[j]) as i128 * y[i].cmp(&y[j]) as i128;
            }
        }
        sum
    }

    #[test]
    fn sorting_counts_what_pairs_count() {
        let mut state = 7_u64;
        let mut below = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % end
        };
        for round in 0..2000 {
            let n = round % 60;
            // From nothing but ties to hardly any.
            let classes = [1, 2, 3, 7, 1000][round % 5];
            let x: Vec<usize> = (0..n).map(|_| below(classes)).collect();
            let y: Vec<usize> = (0..n).map(|_| below([classes, 2, 1000][round % 3])).collect();
            let (sorted, other) = (Sorted::new(&x), Sorted::new(&y));
            let found = sorted.concordance(|at| y[at], other.differing);
            assert_eq!(found, by_pairs(&x, &y), "{x:?} {y:?}");
            let differing = (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
            let differing = differing.filter(|&(i, j)| x[i] != x[j]).count();
            assert_eq!(sorted.differing, differing as u128);
        }
    }

    #[test]
    fn inversions_are_counted_and_sorted() {
        for n in [0, 1, 2, 3, 4, 5, 7, 8, 9, 100] {
            let mut descending: Vec<usize> = (0..n).rev().collect();
            assert_eq!(inversions(&mut descending), pairs(n));
            assert!(descending.is_sorted());
            assert_eq!(inversions(&mut descending), 0);
            assert_eq!(inversions(&mut vec![3; n]), 0);
        }
    }

    #[test]
    fn more_pairs_than_64_bits_count() {
        assert_eq!(pairs(1 << 40), (1_u128 << 79) - (1 << 39));
        assert_eq!(tied_pairs([1 << 40, 0, 1, 2]), (1_u128 << 79) - (1 << 39) + 1);
    }
}
