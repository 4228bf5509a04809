//! Bootstrap intervals that do not exist.

use settling_mcc::{Bootstrap, BootstrapMethod, ErrorKind};

/// The largest of many numbers, one of which is far above the others: the acceleration is nearly
/// 1/6, so that normal quantiles beyond 6 have no place.
#[test]
fn a_level_beyond_the_acceleration_is_an_error() {
    let largest = |units: &[usize]| Some(if units.contains(&0) { 1.0 } else { 0.0 });
    let bootstrap = |method, level| Bootstrap { method, level, replicates: 200, seed: 0 };
    let found = bootstrap(BootstrapMethod::Bca, 0.95).statistic(1000, largest).unwrap();
    assert_eq!((found.estimate, found.high), (1.0, 1.0));
    let error = bootstrap(BootstrapMethod::Bca, 1.0 - 1e-9).statistic(1000, largest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undefined);
    assert!(error.to_string().contains("use a lower level"), "{error}");
    assert!(bootstrap(BootstrapMethod::Percentile, 1.0 - 1e-9).statistic(1000, largest).is_ok());
}
