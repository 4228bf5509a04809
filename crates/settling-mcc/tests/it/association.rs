//! Correlations at the ends of the range of f64.

use settling_mcc::{Measure, association};

/// The differences are exact in f64, and so nothing of the offset is left.
#[test]
fn offsets_cost_pearsons_correlation_nothing() {
    let (x, y) = ([1.0, 0.0, 3.0, 2.0], [2.0, 0.0, 7.0, -1.0]);
    let expected = association(Measure::Pearson, &x, &y).unwrap();
    for offset in [1e3, 1e8, 2.0_f64.powi(50)] {
        let [x, y] = [x, y].map(|values| values.map(|value| value + offset));
        assert_eq!(association(Measure::Pearson, &x, &y).unwrap(), expected, "{offset:e}");
    }
}

#[test]
fn two_neighbouring_numbers_differ_as_much_as_any_two() {
    let next = 1.0 - f64::EPSILON / 2.0;
    for (x, expected) in [([1.0, next], -1.0), ([next, 1.0], 1.0), ([0.0, f64::from_bits(1)], 1.0)]
    {
        assert_eq!(association(Measure::Pearson, &x, &[0.0, 1.0]).unwrap(), expected, "{x:?}");
    }
}

#[test]
fn the_ends_of_the_range_of_f64_correlate() {
    let least = f64::from_bits(1);
    let (x, y) = ([least, 2.0 * least, 0.0], [-f64::MAX, f64::MAX, 0.0]);
    let expected = association(Measure::Pearson, &[1.0, 2.0, 0.0], &[-1.0, 1.0, 0.0]).unwrap();
    assert!((association(Measure::Pearson, &x, &y).unwrap() - expected).abs() <= 1e-15);
}
