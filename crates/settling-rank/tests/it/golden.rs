//! Against mpmath with 60 digits: tests/golden/make.py.

use settling_rank::{MatView, effective_rank, singular_values};

struct Case {
    name: String,
    rows: usize,
    cols: usize,
    elements: Vec<f64>,
    singular_values: Vec<f64>,
    effective_rank: f64,
}

fn cases() -> Vec<Case> {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../golden/spectra.json")).unwrap();
    // Numbers are strings in the file, because `str::parse` rounds correctly and serde_json, by
    // default, does not.
    let text = |case: &serde_json::Value, key: &str| case[key].as_str().unwrap().to_owned();
    let numbers = |case: &serde_json::Value, key: &str| -> Vec<f64> {
        text(case, key).split_whitespace().map(|number| number.parse().unwrap()).collect()
    };
    let size = |case: &serde_json::Value, key: &str| case[key].as_u64().unwrap() as usize;
    file["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| Case {
            name: text(case, "name"),
            rows: size(case, "rows"),
            cols: size(case, "cols"),
            elements: numbers(case, "elements"),
            singular_values: numbers(case, "singular_values"),
            effective_rank: numbers(case, "effective_rank")[0],
        })
        .collect()
}

#[test]
fn singular_values_are_within_n_eps_of_the_largest() {
    for case in cases() {
        let found = singular_values(MatView::new(&case.elements, case.rows, case.cols)).unwrap();
        assert_eq!(found.len(), case.singular_values.len(), "{}", case.name);
        // The target of the project for this set; the documented bound leaves a factor of 4 for the
        // worst matrices.
        let tolerance = case.rows.max(case.cols) as f64 * f64::EPSILON * case.singular_values[0];
        for (k, (found, expected)) in found.values().iter().zip(&case.singular_values).enumerate() {
            assert!(
                (found - expected).abs() <= tolerance,
                "{}: singular value {k} is {found:e}, expected {expected:e} within {tolerance:e}",
                case.name
            );
        }
    }
}

#[test]
fn effective_ranks_agree_to_thirteen_digits() {
    for case in cases() {
        let spectrum = singular_values(MatView::new(&case.elements, case.rows, case.cols)).unwrap();
        let (found, expected) = (effective_rank(&spectrum).unwrap(), case.effective_rank);
        // The target of the project. To first order the error is sum(dp (-ln p - H)): with |d
        // sigma| <= n eps sigma_1, n <= 40 and -ln p <= 37 where it matters, at worst 40 * 2.2e-16
        // * 37 = 3e-13 a value; rounding errors of many signs stay well below.
        assert!(
            (found - expected).abs() <= 1e-13 * expected,
            "{}: {found:e}, expected {expected:e}",
            case.name
        );
    }
}
