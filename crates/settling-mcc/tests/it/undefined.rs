//! Tables without a coefficient.

use settling_mcc::{Contingency, ErrorKind, Margin, Mcc, PValues};

fn table(cells: [u64; 4]) -> Contingency {
    let [true_positives, false_positives, false_negatives, true_negatives] = cells;
    Contingency { true_positives, false_positives, false_negatives, true_negatives }
}

/// Two-sided, greater, less.
fn three(p: PValues) -> [f64; 3] {
    [p.two_sided, p.greater, p.less]
}

#[test]
fn every_empty_margin_is_named_and_has_no_p_value_below_one() {
    let cases = [
        ([0, 0, 0, 0], Margin::Total),
        ([0, 0, 3, 4], Margin::Predicted),
        ([3, 4, 0, 0], Margin::NotPredicted),
        ([0, 3, 0, 4], Margin::Actual),
        ([3, 0, 4, 0], Margin::NotActual),
        // Two at once: the first in the order of `Margin`.
        ([5, 0, 0, 0], Margin::NotPredicted),
        ([0, 5, 0, 0], Margin::NotPredicted),
        ([0, 0, 5, 0], Margin::Predicted),
        ([0, 0, 0, 5], Margin::Predicted),
    ];
    for (cells, margin) in cases {
        assert_eq!(table(cells).mcc(), Mcc::Undefined(margin), "{cells:?}");
        assert_eq!(table(cells).mcc().value(), None);
        assert_eq!(three(table(cells).fisher_exact()), [1.0, 1.0, 1.0], "{cells:?}");
    }
}

#[test]
fn slices_of_different_lengths_are_an_error() {
    let error = Contingency::from_slices(&[true; 3], &[true; 2]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LengthMismatch);
    assert!(error.to_string().contains("3 predicted and 2 actual"), "{error}");
}

#[test]
fn a_table_too_unlikely_for_f64_has_p_zero_on_its_side() {
    let p = table([3_000, 0, 0, 3_000]).fisher_exact(); // 1 / C(6000, 3000), about 1e-1804
    assert_eq!(three(p), [0.0, 0.0, 1.0]);
    assert!(p.two_sided.is_sign_positive() && p.greater.is_sign_positive(), "\"-0\" in a record");
    let p = table([0, 3_000, 3_000, 0]).fisher_exact();
    assert_eq!(three(p), [0.0, 1.0, 0.0]);
    // 60 standard deviations out, about exp(-1800), where neighbouring probabilities are nearly
    // equal.
    let p = table([265_000, 235_000, 235_000, 265_000]).fisher_exact();
    assert_eq!(three(p), [0.0, 0.0, 1.0]);
}
