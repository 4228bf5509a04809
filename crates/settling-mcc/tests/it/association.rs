//! Correlations of many observations, and at the ends of the range of f64.

use serde_json::Value;
use settling_mcc::{Bootstrap, ErrorKind, Measure, Permutation, association, roc_auc};

/// 0 to `classes` - 1; tests/golden/kendall.py has the same.
fn numbers(seed: u64, count: u64, classes: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    (0..count).map(move |_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % classes) as f64
    })
}

/// Up to 2e10 pairs, beyond 2^32; with ties of every kind.
#[test]
fn kendalls_tau_of_many_observations_agrees_with_scipy() {
    let cases: Value = serde_json::from_str(include_str!("../golden/kendall.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let size = |name: &str| case[name].as_u64().unwrap();
        let slope = case["slope"].as_i64().unwrap() as f64;
        let x: Vec<f64> = numbers(1, size("count"), size("x_classes")).collect();
        let noise = numbers(2, size("count"), size("y_classes"));
        let y: Vec<f64> = noise.zip(&x).map(|(noise, x)| noise + slope * x).collect();
        let found = association(Measure::Kendall, &x, &y).unwrap();
        let expected: f64 = case["tau"].as_str().unwrap().parse().unwrap();
        // Counts are exact on both sides, and then five roundings and six.
        assert!((found - expected).abs() <= 6.0 * f64::EPSILON * expected.abs(), "{case}: {found}");
    }
}

/// Each of these took a time that grew with the square.
#[test]
fn many_observations_take_no_square_of_their_number() {
    let count = 300_000;
    let x: Vec<f64> = numbers(3, count, 1 << 30).collect();
    let reversed: Vec<f64> = x.iter().map(|x| -x).collect();
    assert_eq!(association(Measure::Kendall, &x, &x).unwrap(), 1.0);
    assert_eq!(association(Measure::Kendall, &x, &reversed).unwrap(), -1.0);
    assert_eq!(association(Measure::Spearman, &x, &reversed).unwrap(), -1.0);
    let few = Permutation { arrangements: 3, seed: 1 };
    assert_eq!(few.test(Measure::Kendall, &x, &x).unwrap().p.greater, 1.0 / 4.0);

    let above = |limit: f64| x.iter().map(|&x| x > limit).collect::<Vec<_>>();
    let (actual, first, second) = (above(5e8), above(4e8), above(2e8));
    assert_eq!(roc_auc(&x, &actual).unwrap(), 1.0);
    // The jackknife of BCa, without one observation in turn.
    let bootstrap = Bootstrap { replicates: 20, ..Bootstrap::default() };
    let found = bootstrap.mcc_difference(&first, &second, &actual).unwrap();
    assert!(found.low < found.estimate && found.estimate < found.high);
}

#[test]
fn what_kendall_cannot_compare_is_named() {
    let undefined = association(Measure::Kendall, &[1.0, 2.0], &[3.0, 3.0]).unwrap_err();
    assert_eq!(undefined.kind(), ErrorKind::Undefined);
    assert!(undefined.to_string().contains("second"), "{undefined}");
    for values in [&[][..], &[1.0]] {
        let undefined = association(Measure::Kendall, values, values).unwrap_err();
        assert_eq!(undefined.kind(), ErrorKind::Undefined, "{undefined}");
    }
}

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
