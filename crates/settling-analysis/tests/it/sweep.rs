//! Sweeps against enumeration in Python: tests/golden/inference.py of settling-mcc.

use serde_json::Value;
use settling_analysis::{Sweep, SweepGrid, SweepUnit, Threshold, Trajectory, Window};
use settling_mcc::{PValues, Permutation};

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64, case: &Value) {
    assert!((found - expected).abs() <= tolerance, "{found:e}, expected {expected:e}: {case}");
}

#[test]
fn sweeps_agree_with_enumeration() {
    let case: Value = serde_json::from_str(include_str!("../golden/sweep.json")).unwrap();
    let units: Vec<SweepUnit> = numbers(&case["early"])
        .into_iter()
        .zip(numbers(&case["size"]))
        .map(|(early, size)| {
            let trajectory = Trajectory::new([(10, Some(early)), (100, Some(1.0))]).unwrap();
            SweepUnit { trajectory, size }
        })
        .collect();
    let at_least = |value: &Value| numbers(value).into_iter().map(Threshold::AtLeast).collect();
    let grid = SweepGrid {
        reach: at_least(&case["reach"]),
        window: vec![Window::UpTo(0.1)],
        size: at_least(&case["large"]),
    };
    let sweep = Sweep::new(&units, &grid).unwrap();
    let max = sweep.max_statistic(&Permutation::default()).unwrap();
    assert!(max.test.exact);
    let surface = numbers(&case["surface"]);
    assert_eq!(sweep.points().len(), surface.len());
    let expected =
        numbers(&case["adjusted_greater"]).into_iter().zip(numbers(&case["adjusted_two_sided"]));
    let found = sweep.points().iter().zip(&max.adjusted);
    for (((point, adjusted), mcc), (greater, two_sided)) in found.zip(surface).zip(expected) {
        assert_close(point.mcc().unwrap(), mcc, 8.0 * f64::EPSILON, &case);
        let PValues { greater: found_greater, two_sided: found_two_sided, .. } =
            adjusted.unwrap().p;
        assert_close(found_greater, greater, 4.0 * f64::EPSILON, &case);
        assert_close(found_two_sided, two_sided, 4.0 * f64::EPSILON, &case);
    }
    let least = max.adjusted.iter().map(|test| test.unwrap().p.greater).fold(1.0, f64::min);
    assert_eq!(max.test.p.greater, least);
}
