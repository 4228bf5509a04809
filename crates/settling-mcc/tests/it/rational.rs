//! The MCC against integers: m is within an ulp of n / sqrt(d) if (m - ulp)^2 d <= n^2 <= (m +
//! ulp)^2 d, without any rounding.

use proptest::prelude::*;
use settling_mcc::{Confusion, Contingency};

/// A natural number, 32 bits a digit, the lowest first.
#[derive(Clone)]
struct Natural(Vec<u32>);

impl Natural {
    fn new(value: u128) -> Self {
        Self((0..4).map(|digit| (value >> (32 * digit)) as u32).collect())
    }

    fn times(&self, other: &Self) -> Self {
        let mut digits = vec![0_u32; self.0.len() + other.0.len()];
        for (i, &x) in self.0.iter().enumerate() {
            let mut carry = 0_u64;
            for (j, &y) in other.0.iter().enumerate() {
                let sum = u64::from(x) * u64::from(y) + u64::from(digits[i + j]) + carry;
                digits[i + j] = sum as u32;
                carry = sum >> 32;
            }
            digits[i + other.0.len()] = carry as u32;
        }
        Self(digits)
    }

    fn squared(&self) -> Self {
        self.times(self)
    }

    /// Times 2^bits.
    fn shifted(&self, bits: u32) -> Self {
        let mut digits = vec![0; (bits / 32) as usize];
        digits.extend(Self::times(self, &Self::new(1 << (bits % 32))).0);
        Self(digits)
    }

    fn at_most(&self, other: &Self) -> bool {
        let length = self.0.len().max(other.0.len());
        let padded = |number: &Self| {
            let mut digits = number.0.clone();
            digits.resize(length, 0);
            digits.reverse();
            digits
        };
        padded(self) <= padded(other)
    }
}

/// Whether `value` is within one unit in the last place of `numerator` / sqrt(`spread`).
fn is_within_an_ulp(value: f64, numerator: u128, spread: &Natural) -> bool {
    if numerator == 0 {
        return value == 0.0;
    }
    // value = mantissa 2^-shift; 1 and what is below has a shift of at least 52.
    let bits = value.abs().to_bits();
    let (exponent, mantissa) = ((bits >> 52) as u32, (bits & ((1 << 52) - 1)) | (1 << 52));
    assert!(exponent > 0, "a coefficient of counts is no subnormal number");
    let square = Natural::new(numerator).squared().shifted(2 * (1075 - exponent));
    let bound = |mantissa: u64| Natural::new(u128::from(mantissa)).squared().times(spread);
    bound(mantissa - 1).at_most(&square) && square.at_most(&bound(mantissa + 1))
}

fn check(table: Contingency) {
    let Contingency { true_positives, false_positives, false_negatives, true_negatives } = table;
    let [tp, fp, missed, tn] =
        [true_positives, false_positives, false_negatives, true_negatives].map(u128::from);
    let margins = [tp + fp, tp + missed, tn + fp, tn + missed];
    let Some(value) = table.mcc().value() else {
        assert!(margins.contains(&0));
        return;
    };
    let spread = margins.map(Natural::new).into_iter().reduce(|x, y| x.times(&y)).unwrap();
    let (agreement, disagreement) = (tp * tn, fp * missed);
    assert!(
        is_within_an_ulp(value, agreement.abs_diff(disagreement), &spread),
        "{table:?}: {value:e}"
    );
    assert_eq!(agreement.cmp(&disagreement), value.partial_cmp(&0.0).unwrap(), "{table:?}");
}

/// Counts up to 10^12, of every size.
fn count() -> impl Strategy<Value = u64> {
    (0..=1_000_000_000_000_u64, 0..40_u32).prop_map(|(count, bits)| count >> bits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn counts_up_to_ten_to_the_twelfth([true_positives, false_positives, false_negatives, true_negatives] in [count(), count(), count(), count()]) {
        check(Contingency { true_positives, false_positives, false_negatives, true_negatives });
    }

    #[test]
    fn nearly_independent_variables(x in 1..=1_000_000_u64, y in 1..=1_000_000_u64, z in 1..=1_000_000_u64, w in 1..=1_000_000_u64, more in 0..3_u64) {
        // x z * y w = x w * y z: all digits cancel but the last.
        check(Contingency { true_positives: x * z + more, false_positives: x * w, false_negatives: y * z, true_negatives: y * w });
    }

    #[test]
    fn classes_up_to_ten_to_the_twelfth(counts in [[count(), count(), count()], [count(), count(), count()], [count(), count(), count()]]) {
        let total: u128 = counts.iter().flatten().map(|&count| u128::from(count)).sum();
        let correct: u128 = (0..3).map(|class| u128::from(counts[class][class])).sum();
        let row = |class: usize| counts[class].iter().map(|&count| u128::from(count)).sum::<u128>();
        let column = |class: usize| counts.iter().map(|row| u128::from(row[class])).sum::<u128>();
        let squares = |margin: &dyn Fn(usize) -> u128| total * total - (0..3).map(|class| margin(class).pow(2)).sum::<u128>();
        let chance = (0..3).map(|class| row(class) * column(class)).sum::<u128>();
        let spread = Natural::new(squares(&row)).times(&Natural::new(squares(&column)));
        match Confusion::from_counts(&counts).unwrap().mcc().value() {
            Some(value) => {
                prop_assert!(is_within_an_ulp(value, (total * correct).abs_diff(chance), &spread), "{value:e}");
                prop_assert_eq!((total * correct).cmp(&chance), value.partial_cmp(&0.0).unwrap());
            }
            None => prop_assert!(squares(&row) == 0 || squares(&column) == 0),
        }
    }
}

#[test]
fn counts_beyond_32_bits_and_the_largest() {
    let table = |[true_positives, false_positives, false_negatives, true_negatives]: [u64; 4]| {
        Contingency { true_positives, false_positives, false_negatives, true_negatives }
    };
    // With products of 32 bits this one is -0.6.
    check(table([50_000, 5_000, 5_000, 50_000]));
    check(table([(1 << 31) + 1, 1 << 31, 1 << 31, (1 << 31) - 1]));
    check(table([u64::MAX, 1, u64::MAX, u64::MAX]));
    check(table([u64::MAX, u64::MAX, u64::MAX, u64::MAX - 1]));
    check(table([u64::MAX, 0, 0, u64::MAX]));
    check(table([1, u64::MAX, u64::MAX, u64::MAX]));
}
