//! What has no value, and why.

use settling_mcc::{
    Bootstrap, BootstrapMethod, Contingency, Error, ErrorKind, Margin, Mcc, Measure, PValues,
    Permutation, Undefined, association, roc_auc,
};

const MEASURES: [Measure; 3] = [Measure::Pearson, Measure::Spearman, Measure::Kendall];

#[track_caller]
fn assert_undefined<T: std::fmt::Debug>(found: Result<T, Error>, why: Undefined) {
    let error = found.unwrap_err();
    assert_eq!((error.kind(), error.undefined()), (ErrorKind::Undefined, Some(why)), "{error}");
}

#[test]
fn variables_that_cannot_be_correlated_are_told_apart() {
    let both = |measure, x: &[f64], y: &[f64], why| {
        assert_undefined(association(measure, x, y), why);
        assert_undefined(Permutation::default().test(measure, x, y), why);
    };
    for measure in MEASURES {
        both(measure, &[], &[], Undefined::TooFew);
        both(measure, &[1.0], &[2.0], Undefined::TooFew);
        both(measure, &[0.0, -0.0], &[1.0, 2.0], Undefined::FirstConstant);
        both(measure, &[1.0, 2.0], &[f64::MAX; 2], Undefined::SecondConstant);
        both(measure, &[1.0, 1.0], &[2.0, 2.0], Undefined::FirstConstant);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = association(measure, &[1.0, 2.0], &[1.0, bad]).unwrap_err();
            assert_eq!((error.kind(), error.undefined()), (ErrorKind::InvalidValue, None));
            assert!(error.to_string().contains(&format!("{bad} at observation 1")), "{error}");
        }
    }
    assert_undefined(roc_auc(&[1.0, 2.0], &[true; 2]), Undefined::OneLabel);
    assert_undefined(roc_auc(&[], &[]), Undefined::OneLabel);
}

#[test]
fn values_of_any_scale_are_correlated() {
    let (x, y) = ([1.0, 2.0, 4.0, 8.0, 5.0], [2.0, 1.0, 6.0, 5.0, 3.0]);
    for measure in MEASURES {
        let expected = association(measure, &x, &y).unwrap();
        for exponent in [-1074, -600, 0, 600, 1020] {
            let scale = 2.0_f64.powi(exponent / 2);
            let x = x.map(|x| x * scale * 2.0_f64.powi(exponent - exponent / 2));
            assert_eq!(association(measure, &x, &y).unwrap(), expected, "2^{exponent}");
            assert_eq!(association(measure, &y, &x).unwrap(), expected, "2^{exponent}");
        }
    }
}

#[test]
fn an_interval_that_does_not_exist_says_why() {
    let bootstrap = |method| Bootstrap { method, replicates: 200, ..Bootstrap::default() };
    let (bca, percentile) =
        (bootstrap(BootstrapMethod::Bca), bootstrap(BootstrapMethod::Percentile));
    assert_undefined(percentile.mcc(&table([0, 0, 3, 4])), Undefined::Estimate);
    assert_undefined(percentile.statistic(4, |_| None), Undefined::Estimate);
    assert_undefined(percentile.mcc_difference(&[], &[], &[]), Undefined::Estimate);

    let is_whole = |units: &[usize]| units.iter().enumerate().all(|(at, &unit)| at == unit);
    let only_whole = |units: &[usize]| is_whole(units).then_some(1.0);
    assert_undefined(percentile.statistic(9, only_whole), Undefined::Resamples);
    let error = percentile.statistic(9, only_whole).unwrap_err();
    assert!(error.to_string().contains("in 200 of 200 resamples"), "{error}");

    // Without the only true positive nothing is actual; a third of the resamples are without it.
    assert_undefined(bca.mcc(&table([1, 0, 0, 5])), Undefined::LeftOut);
    assert!(percentile.mcc(&table([1, 0, 0, 5])).unwrap().undefined > 0);
    let highest = |units: &[usize]| Some(if is_whole(units) { 1.0 } else { 0.0 });
    assert_undefined(bca.statistic(9, highest), Undefined::OneSided);

    for value in [f64::NAN, f64::INFINITY] {
        let error = percentile.statistic(4, |_| Some(value)).unwrap_err();
        assert_eq!((error.kind(), error.undefined()), (ErrorKind::InvalidValue, None));
        let without_one = |units: &[usize]| Some(if units.len() < 4 { value } else { 1.0 });
        assert_eq!(bca.statistic(4, without_one).unwrap_err().kind(), ErrorKind::InvalidValue);
    }
}

#[test]
#[should_panic(expected = "a statistic of an arrangement is NaN")]
fn a_statistic_that_is_nan_is_no_evidence() {
    let _ = Permutation::default().extremes(&[1.0, 2.0], |_| [f64::NAN; 2]);
}

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
