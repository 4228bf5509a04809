//! Derivatives and bounds of the effective rank.

use proptest::prelude::*;
use settling_rank::{
    ErrorKind, Spectrum, Undefined, effective_rank, effective_rank_error,
    effective_rank_sensitivity,
};

fn spectrum(values: &[f64]) -> Spectrum {
    Spectrum::from_unordered(values.to_vec()).unwrap()
}

fn rank(values: &[f64]) -> f64 {
    effective_rank(&spectrum(values)).unwrap()
}

fn sensitivity(values: &[f64]) -> Vec<f64> {
    effective_rank_sensitivity(&spectrum(values)).unwrap()
}

/// Values over two decades, largest first.
fn values() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-2.0..0.0_f64).prop_map(|e| 10.0_f64.powf(e)), 2..60).prop_map(
        |mut values| {
            values.sort_by(|a, b| b.total_cmp(a));
            values
        },
    )
}

proptest! {
    #[test]
    fn derivatives_are_limits_of_differences(values in values(), which in any::<prop::sample::Index>()) {
        let k = which.index(values.len());
        let step = 1e-4 * values[k];
        let at = |step: f64| {
            let mut moved = values.clone();
            moved[k] += step;
            rank(&moved)
        };
        let difference = (at(step) - at(-step)) / (2.0 * step);
        let found = sensitivity(&values)[k];
        // step^2 / 6 times the third derivative. The n-th derivative of ln ER is a sum of a few
        // terms (1 + |excess|) / S over powers of S and sigma_k <= S, so that of ER is at most some
        // (1 + |excess|)^3 ER / (S sigma_k^2): 1e-8 / 6 of (1 + |excess|)^3 ER / S, with 20 for "a
        // few" and "some". Then the rounding of both ranks, 1e-14 each, over twice the step.
        let total: f64 = values.iter().sum();
        let scale = rank(&values) / total;
        let truncation = 20.0 * 1e-8 / 6.0 * (1.0 + (found / scale).abs()).powi(3) * scale;
        let rounding = 1e-14 * rank(&values) / step;
        prop_assert!((found - difference).abs() <= truncation + rounding, "{found:e}, {difference:e}");
    }

    #[test]
    fn a_common_factor_changes_nothing(values in values()) {
        let terms = sensitivity(&values);
        let sum: f64 = terms.iter().zip(&values).map(|(term, value)| term * value).sum();
        // The terms are p_k (-ln p_k - H) ER, known to 1e-14 of p_k (1 + |ln p_k| + H) ER. 60
        // values over two decades have -ln p <= ln(6000) < 9 and H < 5; with that, 15e-14.
        prop_assert!(sum.abs() <= 15e-14 * rank(&values), "{sum:e}");
    }

    #[test]
    fn powers_of_two_scale_exactly(values in values(), k in -900..=900_i32) {
        let power = 2.0_f64.powi(k);
        let scaled: Vec<f64> = values.iter().map(|value| value * power).collect();
        let expected: Vec<f64> = sensitivity(&values).iter().map(|term| term / power).collect();
        prop_assert_eq!(sensitivity(&scaled), expected);

        let radii: Vec<f64> = values.iter().map(|value| 1e-3 * value).collect();
        let scaled_radii: Vec<f64> = radii.iter().map(|radius| radius * power).collect();
        prop_assert_eq!(
            effective_rank_error(&spectrum(&scaled), &scaled_radii),
            effective_rank_error(&spectrum(&values), &radii)
        );
    }

    /// Radii from nothing to far beyond the values, values of zero among them, and true values
    /// anywhere within.
    #[test]
    fn no_spectrum_within_the_radii_leaves_the_bound(
        values in values(),
        zeros in 0..4_usize,
        decade in -12.0..0.5_f64,
        draws in prop::collection::vec((0.0..1.0_f64, -1.0..=1.0_f64), 64),
        corners in any::<bool>(),
    ) {
        let values = [values, vec![0.0; zeros]].concat();
        let radii: Vec<f64> =
            draws.iter().take(values.len()).map(|(share, _)| share * 10.0_f64.powf(decade)).collect();
        let moved = |((value, radius), (_, draw)): ((&f64, &f64), &(f64, f64))| {
            let draw = if corners { draw.signum() } else { *draw };
            (value + radius * draw).max(0.0)
        };
        let truth: Vec<f64> = values.iter().zip(&radii).zip(&draws).map(moved).collect();
        let bound = effective_rank_error(&spectrum(&values), &radii).unwrap();
        prop_assert!(bound >= 0.0);
        if truth.iter().any(|&value| value > 0.0) {
            let ratio = rank(&truth) / rank(&values);
            // Both ranks are rounded, 1e-14 each.
            prop_assert!((ratio - 1.0).abs() <= bound + 2e-14 * ratio.max(1.0), "{ratio}, bound {bound:e}");
        }
    }

    /// To first order the bound is reached when every value moves the way its derivative points.
    #[test]
    fn the_bound_is_tight_for_small_radii(values in values()) {
        prop_assume!(values[0] > 2.0 * values[values.len() - 1]);
        let radii: Vec<f64> = values.iter().map(|value| 1e-6 * value).collect();
        let pairs = values.iter().zip(&radii).zip(sensitivity(&values));
        let truth: Vec<f64> =
            pairs.map(|((value, radius), slope)| value + radius * slope.signum()).collect();
        let change = rank(&truth) / rank(&values) - 1.0;
        let bound = effective_rank_error(&spectrum(&values), &radii).unwrap();
        // The second order is 1e-12 in the bound and in the rank; that the largest value is at
        // least twice the smallest makes the first order larger than 1e-6 ln(2) / 2 times the
        // smallest share, 1 / 6000 at the least.
        prop_assert!(change <= bound + 2e-14 && bound <= 1.001 * change + 1e-11, "{change:e} {bound:e}");
    }
}

#[test]
fn of_nothing_is_undefined() {
    for (values, why) in [
        (vec![], Undefined::Empty),
        (vec![0.0, 0.0], Undefined::Zero),
        (vec![-0.0], Undefined::Zero),
    ] {
        let nothing = spectrum(&values);
        let kind = ErrorKind::Undefined(why);
        assert_eq!(effective_rank_sensitivity(&nothing).unwrap_err().kind(), kind);
        assert_eq!(effective_rank_error(&nothing, &values).unwrap_err().kind(), kind);
    }
}

#[test]
fn limits() {
    // One direction stays one direction, whatever its length.
    assert_eq!(sensitivity(&[0.3]), [0.0]);
    assert_eq!(sensitivity(&[7.0; 5]), [0.0; 5]);
    assert_eq!(sensitivity(&[0.3, 0.0, 0.0]), [0.0, f64::INFINITY, f64::INFINITY]);
    // At (1, e) the derivative by e is -ln e to first order, and at (1, 0) its limit, infinity.
    for e in [1e-10, 1e-100, 1e-300] {
        let found = sensitivity(&[1.0, e])[1];
        assert!((found + f64::ln(e)).abs() <= 1e-6, "{found}");
    }
}

#[test]
fn what_is_known_exactly_has_no_error() {
    assert_eq!(effective_rank_error(&spectrum(&[3.0, 1.0, 0.0]), &[0.0; 3]), Ok(0.0));
}

#[test]
fn a_zero_known_to_a_radius_is_bounded() {
    // True values (1, e): ER - 1 = e (1 - ln e) to first order; the bound takes two steps by way of
    // (1, e), to (1, 2e) and to (1, 0), each e (-ln e) plus e of second order.
    let e: f64 = 1e-12;
    let bound = effective_rank_error(&spectrum(&[1.0, 0.0]), &[0.0, e]).unwrap();
    assert!((bound - 2.0 * e * (1.0 - e.ln())).abs() <= 1e-3 * bound, "{bound:e}");
}

#[test]
fn radii_that_cover_everything_bound_nothing() {
    let two = spectrum(&[1.0, 0.5]);
    for radii in [[1.0, 0.5], [3.0, 3.0], [f64::INFINITY, 0.0], [0.0, f64::INFINITY]] {
        assert_eq!(effective_rank_error(&two, &radii), Ok(f64::INFINITY), "{radii:?}");
    }
}

#[test]
#[should_panic(expected = "a radius for each singular value")]
fn radii_of_another_spectrum_panic() {
    let _ = effective_rank_error(&spectrum(&[1.0]), &[0.0, 0.0]);
}

#[test]
#[should_panic(expected = "a radius is not negative")]
fn a_radius_of_nan_panics() {
    let _ = effective_rank_error(&spectrum(&[1.0]), &[f64::NAN]);
}
