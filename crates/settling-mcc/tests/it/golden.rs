//! Against mpmath, scikit-learn and SciPy: tests/golden/make.py.

use settling_mcc::Contingency;

struct Case {
    table: Contingency,
    fields: serde_json::Value,
}

impl Case {
    /// A number that the file has as text, rounded correctly.
    fn number(&self, key: &str) -> Option<f64> {
        self.fields[key].as_str().map(|text| text.parse().unwrap())
    }
}

fn cases() -> Vec<Case> {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../golden/tables.json")).unwrap();
    let case = |fields: &serde_json::Value| {
        let cells: Vec<u64> = fields["table"]
            .as_str()
            .unwrap()
            .split_whitespace()
            .map(|cell| cell.parse().unwrap())
            .collect();
        let [true_positives, false_positives, false_negatives, true_negatives] = cells[..] else {
            panic!("four cells")
        };
        let table =
            Contingency { true_positives, false_positives, false_negatives, true_negatives };
        Case { table, fields: fields.clone() }
    };
    file["cases"].as_array().unwrap().iter().map(case).collect()
}

#[test]
fn mcc_is_within_one_ulp_or_undefined() {
    for case in cases() {
        let found = case.table.mcc().value();
        // The 25 digits of the file, read, are the nearest f64; the documentation promises one unit
        // in the last place.
        match (found, case.number("mcc")) {
            (Some(found), Some(expected)) => {
                let ulps = found.abs().to_bits().abs_diff(expected.abs().to_bits());
                assert!(ulps <= 1, "{:?}: {found:e}, expected {expected:e}", case.table);
                assert_eq!(found > 0.0, expected > 0.0, "{:?}", case.table);
            }
            (found, expected) => assert_eq!(found, expected, "{:?}", case.table),
        }
    }
}

#[test]
fn mcc_agrees_with_scikit_learn() {
    let mut compared = 0;
    for case in cases() {
        let Some(expected) = case.number("sklearn") else { continue };
        let found = case.table.mcc().value().unwrap();
        // scikit-learn subtracts products of up to 10^12 in f64, exactly, and rounds half a dozen
        // times after.
        assert!((found - expected).abs() <= 8.0 * f64::EPSILON, "{:?}", case.table);
        compared += 1;
    }
    assert!(compared > 40, "{compared} cases");
}

#[test]
fn fisher_p_values_have_thirteen_digits() {
    for case in cases() {
        let Some(two_sided) = case.number("two_sided") else { continue };
        let found = case.table.fisher_exact();
        let expected = [two_sided, case.number("greater").unwrap(), case.number("less").unwrap()];
        for (found, expected) in [found.two_sided, found.greater, found.less].iter().zip(expected) {
            // Documented as measured here. Where digits are lost, below 1e-290, the least normal
            // number is the measure.
            assert!(
                (found - expected).abs() <= 1e-13 * expected + f64::MIN_POSITIVE,
                "{:?}: {found:e}, expected {expected:e}",
                case.table
            );
        }
    }
}

#[test]
fn fisher_agrees_with_scipy() {
    let mut compared = 0;
    for case in cases() {
        let Some(expected) = case.number("scipy") else { continue };
        let found = case.table.fisher_exact().two_sided;
        // SciPy's probabilities are exponentials of differences of log-factorials, which are up to
        // 10^7 here and so off by 10^7 eps = 2e-9 each; nine of them.
        assert!(
            (found - expected).abs() <= 2e-8 * expected + f64::MIN_POSITIVE,
            "{:?}",
            case.table
        );
        compared += 1;
    }
    assert!(compared > 40, "{compared} cases");
}
