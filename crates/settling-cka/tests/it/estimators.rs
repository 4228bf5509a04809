//! The estimators, against the field's implementations and each other.

use serde_json::Value;
use settling_cka::{
    Bandwidth, MinibatchCka, Procrustes, Pwcca, Similarity, Svcca, kernel_cka, linear_cka,
};
use settling_cka::{linear_cka_features, linear_cka_gram, rbf_cka};
use settling_core::MatView;

/// What the field's implementations make of the same rows: `tests/golden/estimators.py`. `biased`
/// is the published pipeline's value.
#[test]
fn agrees_with_the_fields_implementations() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../golden/estimators.json")).unwrap();
    let mut compared = 0;
    for case in &cases {
        let rows = case["rows"].as_u64().unwrap().try_into().unwrap();
        let matrix = |side: &str| -> Vec<f64> {
            let units = case[side].as_array().unwrap();
            units.iter().map(|v| v.as_f64().unwrap() / 256.0).collect()
        };
        let (x, y) = (matrix("x"), matrix("y"));
        let x = MatView::new(&x, rows, x.len() / rows);
        let y = MatView::new(&y, rows, y.len() / rows);

        let mut minibatch = MinibatchCka::new();
        for start in (0..rows - 7).step_by(8) {
            let end = start + 8;
            minibatch.update(x.slice_rows(start..end), y.slice_rows(start..end)).unwrap();
        }
        let gram = |m: MatView<'_, f64>| -> Vec<f64> {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
            m.iter_rows().flat_map(|a| m.iter_rows().map(move |b| dot(a, b))).collect()
        };
        let (k, l) = (gram(x), gram(y));
        let kernels = kernel_cka(MatView::new(&k, rows, rows), MatView::new(&l, rows, rows));
        let linear = linear_cka(x, y).unwrap();
        let features = linear_cka_features(x, y).unwrap();
        let rows_form = linear_cka_gram(x, y).unwrap();
        let rbf = |factor| rbf_cka(x, y, Bandwidth::Median(factor)).unwrap();
        let svcca = |variance| Svcca { variance }.similarity(x, y);
        let found = [
            ("biased", linear.biased().unwrap()),
            ("biased", features.biased().unwrap()),
            ("biased", rows_form.biased().unwrap()),
            ("biased", kernels.as_ref().unwrap().biased().unwrap()),
            ("debiased", linear.debiased().unwrap()),
            ("debiased", features.debiased().unwrap()),
            ("debiased", rows_form.debiased().unwrap()),
            ("debiased", kernels.as_ref().unwrap().debiased().unwrap()),
            ("angular", linear.angular_distance().unwrap()),
            ("rbf", rbf(1.0).biased().unwrap()),
            ("rbf_half", rbf(0.5).biased().unwrap()),
            ("rbf_debiased", rbf(1.0).debiased().unwrap()),
            ("minibatch", minibatch.value().unwrap()),
            ("procrustes", Procrustes.similarity(x, y).unwrap()),
            ("svcca_0.8", svcca(0.8).unwrap()),
        ];
        let mut found = found.to_vec();
        if case.get("cca").is_some() {
            found.push(("cca", svcca(1.0).unwrap()));
            found.push(("pwcca", Pwcca.similarity(x, y).unwrap()));
        }
        for (key, found) in found {
            let expected = case[key].as_f64().unwrap();
            let name = &case["name"];
            assert!((found - expected).abs() <= 1e-11, "{name} {key}: {found} is not {expected}");
            compared += 1;
        }
    }
    assert_eq!(compared, 3 * 17 + 15);
}
