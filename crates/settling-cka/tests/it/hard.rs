//! Rows of extreme scales, with outliers, far from zero, and kernels of extreme widths: values of
//! 80 digits, from `tests/golden/hard.py`.

use serde_json::Value;
use settling_cka::{
    Bandwidth, LinearCka, MatView, MinibatchCka, Procrustes, Side, Similarity, Undefined,
    linear_cka, linear_cka_features, linear_cka_gram, rbf_cka,
};

#[test]
fn values_of_hard_rows_are_right_or_say_why_not() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/hard.json")).unwrap();
    let (mut compared, mut undefined) = (0, Vec::new());
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let rows = case["rows"].as_u64().unwrap().try_into().unwrap();
        let matrix = |side: &str| -> Vec<f64> {
            let exponent = case[format!("{side}_exponent")].as_i64().unwrap();
            let scale = 2.0_f64.powi(exponent.try_into().unwrap());
            case[side].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() * scale).collect()
        };
        let (x, y) = (matrix("x"), matrix("y"));
        let x = MatView::new(&x, rows, x.len() / rows);
        let y = MatView::new(&y, rows, y.len() / rows);
        let stream = |block_rows| {
            let mut stream = LinearCka::with_block_rows(block_rows);
            stream.update(x, y).unwrap();
            stream.finish()
        };
        let mut minibatch = MinibatchCka::new();
        for start in (0..rows).step_by(8).filter(|start| start + 8 <= rows) {
            let end = start + 8;
            minibatch.update(x.slice_rows(start..end), y.slice_rows(start..end)).unwrap();
        }
        let width = Bandwidth::Distance(case["width"].as_f64().unwrap());
        let [rbf, median] = [width, Bandwidth::Median(1.0)].map(|width| rbf_cka(x, y, width));
        let (rbf, median) = (rbf.unwrap(), median.unwrap());
        let reason = |error: settling_cka::Error| error.undefined().unwrap();
        // What has no cancellation is right to rounding. One row r = 10^6 times as long as others
        // costs the debiased terms, of 32 rows and 4 features without their diagonals, a factor of
        // r: 10^6 36 2^-52 = 8e-9. With diagonals it costs r², and three digits are promised: four
        // terms, each off by 2^-10 at the most.
        let (exact, off_diagonal, full) = (1e-13, 8e-9, 4.0 / 1024.0);
        let mut found = vec![
            ("minibatch", minibatch.value(), off_diagonal),
            ("procrustes", Procrustes.similarity(x, y).map_err(reason), exact),
            ("rbf", rbf.biased(), exact),
            ("rbf_debiased", rbf.debiased(), off_diagonal),
            ("rbf_median", median.biased(), exact),
            ("rbf_median_debiased", median.debiased(), exact),
        ];
        for (cka, debiased) in [
            (linear_cka_gram(x, y).unwrap(), off_diagonal),
            (linear_cka(x, y).unwrap(), full),
            (linear_cka_features(x, y).unwrap(), full),
            (stream(5), full),
            (stream(1), full),
        ] {
            found.push(("biased", cka.biased(), exact));
            found.push(("debiased", cka.debiased(), debiased));
        }
        for (key, found, tolerance) in found {
            let Some(expected) = case.get(key).and_then(Value::as_f64) else {
                continue;
            };
            match found {
                Ok(found) => {
                    let error = (found - expected).abs();
                    assert!(error <= tolerance, "{name} {key}: {found} is not {expected}");
                    compared += 1;
                }
                Err(reason) => undefined.push((name.to_owned(), key, reason)),
            }
        }
    }
    // Four rows are no mini-batch of eight.
    assert_eq!(compared, 16 * 16 - 1 - 5);
    // Under a kernel much narrower than their distances all rows are equally far from each other.
    let narrow = ["far_apart_scales", "narrow_kernel", "wide", "duplicated_columns", "few_rows"];
    let sides = [Side::Y, Side::Y, Side::X, Side::Y, Side::Y];
    let expected = narrow.iter().zip(sides).map(|(name, side)| {
        ((*name).to_owned(), "rbf_debiased", Undefined::SelfTermNotPositive(side))
    });
    assert_eq!(undefined, expected.collect::<Vec<_>>());
}
