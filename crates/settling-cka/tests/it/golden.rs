//! Against exact arithmetic.

use serde_json::Value;
use settling_cka::linear_cka;
use settling_core::MatView;

fn matrix(case: &Value, side: &str) -> Vec<f64> {
    let exponent = case[format!("{side}_exponent")].as_i64().unwrap();
    let scale = 2.0_f64.powi(exponent.try_into().unwrap());
    case[side].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() * scale).collect()
}

/// Exact integer Gram matrices: `tests/golden/make.py`.
#[test]
fn agrees_with_exact_gram_matrices() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/cases.json")).unwrap();
    assert_eq!(cases.len(), 11);
    for case in &cases {
        let rows = case["rows"].as_u64().unwrap().try_into().unwrap();
        let (x, y) = (matrix(case, "x"), matrix(case, "y"));
        let cka = linear_cka(
            MatView::new(&x, rows, x.len() / rows),
            MatView::new(&y, rows, y.len() / rows),
        )
        .unwrap();
        let expected = |key: &str| case[key].as_f64().unwrap();
        let (px, py) = cka.participation_ratios().unwrap();
        let floor = (expected("x_participation") * expected("y_participation")).sqrt()
            / (rows as f64 - 1.0);
        for (key, found, expected) in [
            ("biased", cka.biased().unwrap(), expected("biased")),
            ("debiased", cka.debiased().unwrap(), expected("debiased")),
            ("x_participation", px, expected("x_participation")),
            ("y_participation", py, expected("y_participation")),
            ("floor", cka.floor().unwrap(), floor),
        ] {
            // One row far from all others makes the debiased form cancel; only `outlier_row` needs
            // the second bound.
            let tolerance = match key {
                "debiased" => f64::max(1e-12, f64::EPSILON * case["condition"].as_f64().unwrap()),
                _ => 1e-12 * expected.abs().max(1.0),
            };
            assert!(
                (found - expected).abs() <= tolerance,
                "{} {key}: {found} is not {expected}",
                case["name"]
            );
        }
    }
}
