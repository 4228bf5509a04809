//! Bootstrap intervals that do not exist, and those that are points.

use settling_mcc::{Bootstrap, BootstrapMethod, Contingency, Pooling, Undefined};

#[test]
fn an_interval_that_is_a_point_says_so() {
    let table = |true_positives, false_positives, true_negatives| Contingency {
        true_positives,
        false_positives,
        false_negatives: false_positives,
        true_negatives,
    };
    for method in [BootstrapMethod::Bca, BootstrapMethod::Percentile] {
        let bootstrap = Bootstrap { method, replicates: 500, ..Bootstrap::default() };
        let perfect = bootstrap.mcc(&table(6, 0, 6)).unwrap();
        assert_eq!((perfect.low, perfect.estimate, perfect.high), (1.0, 1.0, 1.0));
        assert!(perfect.is_degenerate());
        assert!(!bootstrap.mcc(&table(6, 2, 6)).unwrap().is_degenerate());

        // Models that agree in a coefficient that is not 1, to rounding, and at any scale.
        let alike = [table(6, 2, 6), table(12, 4, 12), table(18, 6, 18)];
        assert!(bootstrap.clusters(&alike, Pooling::Stratified).unwrap().is_degenerate());
        let of = |scale: f64, spread: f64| {
            let one = |units: &[usize]| scale * (1.0 + spread * units[0] as f64);
            bootstrap.statistic(8, |units| Some(one(units))).unwrap()
        };
        for scale in [1e-200, -1e-9, 1.0, 1e200] {
            assert!(of(scale, 0.0).is_degenerate());
        }
        for scale in [1e-200, 1e-9, 1.0, 1e200] {
            assert!(of(scale, f64::EPSILON).is_degenerate());
        }
        assert!(of(0.0, 0.0).is_degenerate());
    }
    let percentile =
        Bootstrap { method: BootstrapMethod::Percentile, replicates: 500, ..Bootstrap::default() };
    let narrow = percentile.statistic(8, |units| Some(1e-200 * (1.0 + 1e-6 * units[0] as f64)));
    assert!(!narrow.unwrap().is_degenerate());
}

/// Scaled by powers of two, nothing of an interval changes but its scale.
#[test]
fn intervals_have_any_scale() {
    let x = [1.0, 2.0, 2.5, 3.0, 4.0, 7.5, 9.0, 9.5];
    let interval = |scale: f64| {
        let mean = |units: &[usize]| units.iter().map(|&unit| scale * x[unit]).sum::<f64>() / 8.0;
        Bootstrap::default().statistic(8, |units| Some(mean(units))).unwrap()
    };
    let one = interval(1.0);
    for exponent in [-1000, -600, -300, 300, 600, 1000] {
        let scale = 2.0_f64.powi(exponent);
        let found = interval(scale);
        let ends = [one.low, one.estimate, one.high].map(|end| scale * end);
        assert_eq!([found.low, found.estimate, found.high], ends, "2^{exponent}");
    }
    assert!(Bootstrap::default().statistic(0, |_| Some(1.0)).unwrap().is_degenerate());
    // From the least to the greatest f64.
    let far = |units: &[usize]| Some(if units[0] < 4 { f64::MIN } else { f64::MAX });
    let found = Bootstrap::default().statistic(8, far).unwrap();
    assert_eq!((found.low, found.high), (f64::MIN, f64::MAX));
}

/// The largest of many numbers, one of which is far above the others: the acceleration is nearly
/// 1/6, so that normal quantiles beyond 6 have no place.
#[test]
fn a_level_beyond_the_acceleration_is_an_error() {
    let largest = |units: &[usize]| Some(if units.contains(&0) { 1.0 } else { 0.0 });
    let bootstrap = |method, level| Bootstrap { method, level, replicates: 200, seed: 0 };
    let found = bootstrap(BootstrapMethod::Bca, 0.95).statistic(1000, largest).unwrap();
    assert_eq!((found.estimate, found.high), (1.0, 1.0));
    let error = bootstrap(BootstrapMethod::Bca, 1.0 - 1e-9).statistic(1000, largest).unwrap_err();
    assert_eq!(error.undefined(), Some(Undefined::Skewed));
    assert!(error.to_string().contains("use a lower level"), "{error}");
    assert!(bootstrap(BootstrapMethod::Percentile, 1.0 - 1e-9).statistic(1000, largest).is_ok());
}
