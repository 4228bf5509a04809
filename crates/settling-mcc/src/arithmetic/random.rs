//! Random numbers that follow from a seed.

/// SplitMix64: a stream of uniform numbers that a seed determines, on every machine.
///
/// Reference: Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, each with the same probability. `n` must not be 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // Lemire (2019), "Fast random integer generation in an interval": the upper half of a
        // product, without those that would favour some numbers.
        let surplus = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.next()) * u128::from(n);
            if product as u64 >= surplus {
                return (product >> 64) as u64;
            }
        }
    }

    /// Puts `items` into one of their orders, each with the same probability.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_stream_is_that_of_the_reference_implementation() {
        let mut random = Random::new(1_234_567);
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([(); 3].map(|()| random.next()), expected);
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = [0; 6];
        let mut random = Random::new(1);
        for _ in 0..60_000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            counts[2 * items[0] + usize::from(items[1] > items[2])] += 1;
        }
        // Five standard deviations of a binomial with p = 1/6: sqrt(60000 * 5/36) = 91.
        assert!(counts.iter().all(|count| (10_000_i32 - count).abs() < 455), "{counts:?}");
    }
}
