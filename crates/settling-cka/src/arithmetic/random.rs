//! Random numbers that follow from a seed.

/// SplitMix64 (Steele, Lea & Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each `seed` and `path`.
    pub(crate) fn new(seed: u64, path: [u64; 2]) -> Self {
        path.into_iter().fold(Self(seed), |mut random, step| Self(random.next() ^ step))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`, `bound > 0`: the upper half of a product, drawn again where it would
    /// favour some (Lemire 2019).
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        loop {
            let product = u128::from(self.next()) * u128::from(bound);
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }
}

/// The order of `0..len` that belongs to `seed` and `path` (Fisher & Yates).
pub(crate) fn permutation(seed: u64, path: [u64; 2], len: usize) -> Vec<usize> {
    let mut random = Random::new(seed, path);
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_drawn_evenly_and_again_alike() {
        let mut counts = std::collections::BTreeMap::new();
        for draw in 0..6000 {
            let order = permutation(7, [draw, 0], 3);
            assert_eq!(order, permutation(7, [draw, 0], 3));
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Binomial, 1000 ± 29: five standard deviations.
        assert!(counts.values().all(|&count: &i32| (count - 1000).abs() < 145), "{counts:?}");
        assert_ne!(permutation(7, [0, 1], 20), permutation(7, [1, 0], 20));
        assert_eq!(permutation(7, [0, 0], 0), [0_usize; 0]);
    }
}
