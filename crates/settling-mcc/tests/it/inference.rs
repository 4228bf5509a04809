//! Against SciPy, scikit-learn, torchmetrics and enumeration: tests/golden/inference.py.

use serde_json::Value;
use settling_mcc::{
    Bootstrap, BootstrapInterval, BootstrapMethod, Confusion, Contingency, Convention, Error,
    Measure, Permutation, Pooling, WeightedContingency, association, roc_auc, stratified_exact,
    stratified_mcc,
};

fn section(name: &str) -> Value {
    let mut file: Value = serde_json::from_str(include_str!("../golden/inference.json")).unwrap();
    file[name].take()
}

fn cases(name: &str) -> Vec<Value> {
    let cases = section(name).as_array().unwrap().clone();
    assert!(!cases.is_empty(), "{name}");
    cases
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn counts(value: &Value) -> Vec<u64> {
    value.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect()
}

fn flags(value: &Value) -> Vec<bool> {
    counts(value).into_iter().map(|flag| flag == 1).collect()
}

fn table(value: &Value) -> Contingency {
    let [true_positives, false_positives, false_negatives, true_negatives] = counts(value)[..]
    else {
        panic!("four cells")
    };
    Contingency { true_positives, false_positives, false_negatives, true_negatives }
}

fn tables(value: &Value) -> Vec<Contingency> {
    value.as_array().unwrap().iter().map(table).collect()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64, case: &Value) {
    assert!((found - expected).abs() <= tolerance, "{found:e}, expected {expected:e}: {case}");
}

#[test]
fn classes_agree_with_rationals_and_scikit_learn() {
    for case in cases("multiclass") {
        let rows: Vec<Vec<u64>> = case["counts"].as_array().unwrap().iter().map(counts).collect();
        let found = Confusion::from_counts(&rows).unwrap().mcc().value().unwrap();
        assert_close(found, number(&case["mcc"]), f64::EPSILON * found.abs(), &case);
        if !case["sklearn"].is_null() {
            // Half a dozen roundings.
            assert_close(found, number(&case["sklearn"]), 8.0 * f64::EPSILON, &case);
        }
    }
}

#[test]
fn weights_agree_with_rationals_and_scikit_learn() {
    for case in cases("weighted") {
        let pairs = flags(&case["predicted"]).into_iter().zip(flags(&case["actual"]));
        let table = WeightedContingency::from_pairs(pairs.zip(numbers(&case["weights"]))).unwrap();
        let found = table.mcc().value().unwrap();
        assert_close(found, number(&case["mcc"]), f64::EPSILON * found.abs() + 1e-29, &case);
        // Sums of up to 60 weights are rounded there before they are multiplied and may cancel.
        assert_close(found, number(&case["sklearn"]), 100.0 * f64::EPSILON, &case);
    }
}

#[test]
fn conventions_are_those_of_the_libraries() {
    for case in cases("conventions") {
        let table = table(&case["table"]);
        assert_close(table.mcc_as(Convention::ScikitLearn), number(&case["sklearn"]), 0.0, &case);
        // torchmetrics has 24 bits.
        let torchmetrics = table.mcc_as(Convention::Torchmetrics);
        assert_close(torchmetrics, number(&case["torchmetrics"]), 1e-6, &case);
        assert!(table.mcc_as(Convention::NumPy).is_nan());
    }
}

#[test]
fn exact_tests_agree_with_enumeration() {
    // At most 33 tables: the documented 8 k roundings.
    let tolerance = 8.0 * 33.0 * f64::EPSILON / 2.0;
    for case in cases("exact") {
        let (mid, permutation) =
            (table(&case["table"]).fisher_mid_p(), table(&case["table"]).permutation_exact());
        assert_close(mid.two_sided, number(&case["mid_two_sided"]), tolerance, &case);
        assert_close(mid.greater, number(&case["mid_greater"]), tolerance, &case);
        assert_close(mid.less, number(&case["mid_less"]), tolerance, &case);
        assert_close(permutation.two_sided, number(&case["mcc_two_sided"]), tolerance, &case);
    }
}

#[test]
fn strata_agree_with_enumeration() {
    for case in cases("stratified") {
        let tables = tables(&case["tables"]);
        match stratified_mcc(&tables) {
            Some(found) => assert_close(found, number(&case["mcc"]), 2.0 * f64::EPSILON, &case),
            None => assert!(case["mcc"].is_null(), "{case}"),
        }
        let found = stratified_exact(&tables);
        // At most five tables of at most nine true positives.
        let tolerance = 8.0 * 45.0 * f64::EPSILON / 2.0;
        assert_close(found.two_sided, number(&case["two_sided"]), tolerance, &case);
        assert_close(found.greater, number(&case["greater"]), tolerance, &case);
        assert_close(found.less, number(&case["less"]), tolerance, &case);
    }
}

#[test]
fn profile_intervals_agree_with_another_optimiser() {
    for case in cases("profiles") {
        let (low, high) = table(&case["table"]).profile_interval(0.95);
        for (found, expected, extreme) in [(low, &case["low"], -1.0), (high, &case["high"], 1.0)] {
            match expected.as_str() {
                // Documented; the reference is as good.
                Some(_) => assert_close(found, number(expected), 2e-6, &case),
                None => assert_eq!(found, extreme, "{case}"),
            }
        }
    }
}

#[test]
fn bootstrap_intervals_are_scipys_of_the_same_resamples() {
    for (case, seed) in cases("bootstraps").iter().zip([7, 7, 7, 8, 9, 10]) {
        for (method, name) in
            [(BootstrapMethod::Percentile, "percentile"), (BootstrapMethod::Bca, "bca")]
        {
            let bootstrap = Bootstrap { method, replicates: 999, seed, level: 0.95 };
            let found: Result<BootstrapInterval, Error> = match case["kind"].as_str().unwrap() {
                "table" => bootstrap.mcc(&table(&case["table"])),
                "difference" => bootstrap.mcc_difference(
                    &flags(&case["first"]),
                    &flags(&case["second"]),
                    &flags(&case["actual"]),
                ),
                "sum" => bootstrap.clusters(&tables(&case["tables"]), Pooling::Sum),
                _ => bootstrap.clusters(&tables(&case["tables"]), Pooling::Stratified),
            };
            let found = found.unwrap();
            assert_eq!(found.undefined, 0);
            // The quantile of the normal distribution, 1e-14, times the distance between two of 999
            // resamples.
            assert_close(found.estimate, number(&case["estimate"]), 1e-14, case);
            assert_close(found.low, number(&case[name][0]), 1e-11, case);
            assert_close(found.high, number(&case[name][1]), 1e-11, case);
        }
    }
}

#[test]
fn association_agrees_with_scipy() {
    for case in cases("associations") {
        let (x, y) = (numbers(&case["x"]), numbers(&case["y"]));
        for (measure, name) in [
            (Measure::Pearson, "pearson"),
            (Measure::Spearman, "spearman"),
            (Measure::Kendall, "kendall"),
        ] {
            let found = association(measure, &x, &y).unwrap();
            // Sums of 200 products, here and there.
            assert_close(found, number(&case[name]), 400.0 * f64::EPSILON, &case);
            let p = &case[format!("{name}_p")];
            if !p.is_null() {
                let test = Permutation::default().test(measure, &x, &y).unwrap();
                assert!(test.exact);
                for (found, expected) in
                    [test.p.two_sided, test.p.greater, test.p.less].into_iter().zip(numbers(p))
                {
                    assert_close(found, expected, 4.0 * f64::EPSILON, &case);
                }
            }
        }
        let p_of = |measure| Permutation::default().test(measure, &x, &y).unwrap().p.two_sided;
        if !case["scipy_kendall_exact"].is_null() {
            let expected = number(&case["scipy_kendall_exact"]);
            assert_close(p_of(Measure::Kendall), expected, 1e-14, &case);
        }
        if !case["mannwhitney_exact"].is_null() {
            let expected = number(&case["mannwhitney_exact"]);
            assert_close(p_of(Measure::Spearman), expected, 1e-14, &case);
        }
        if !case["auc"].is_null() {
            let labels: Vec<bool> = y.iter().map(|&label| label == 1.0).collect();
            let found = roc_auc(&x, &labels).unwrap();
            assert_close(found, number(&case["auc"]), 4.0 * f64::EPSILON, &case);
            let biserial = association(Measure::Pearson, &x, &y).unwrap();
            assert_close(biserial, number(&case["pointbiserial"]), 400.0 * f64::EPSILON, &case);
        }
    }
}
