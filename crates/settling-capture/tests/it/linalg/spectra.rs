//! Singular values on a device keep their certificates.

use proptest::prelude::*;
use settling_capture::{Device, DeviceSpectra, ErrorKind};
use settling_core::{MatView, Spectrum};
use settling_rank::SpectrumSolver;
use settling_rank::{CertifiedSpectrum, Method, effective_rank};

use super::matrices::{Mat, hadamard, with_spectrum};

fn device() -> DeviceSpectra {
    // The test harness runs tests side by side.
    settling_capture::set_threads(1);
    DeviceSpectra::new(Device::Cpu).unwrap()
}

fn certified(matrix: &Mat) -> CertifiedSpectrum {
    device().certified(&[matrix.view()]).pop().unwrap().unwrap()
}

/// How far the effective ranks are apart, relative to the true one.
fn rank_error(found: &Spectrum, truth: &Spectrum) -> f64 {
    let truth = effective_rank(truth).unwrap();
    (effective_rank(found).unwrap() - truth).abs() / truth
}

/// Holds `found` to its own certificate; the values of `truth` are right to `slack` of the largest,
/// its effective rank to `rank_slack`.
fn assert_within(
    found: &CertifiedSpectrum,
    truth: &Spectrum,
    slack: f64,
    rank_slack: f64,
    what: &str,
) {
    let largest = truth.values()[0];
    assert_eq!(found.radii().len(), truth.len(), "{what}");
    for (k, (value, radius)) in found.spectrum().values().iter().zip(found.radii()).enumerate() {
        let error = (value - truth.values()[k]).abs();
        assert!(
            error <= radius + slack * largest,
            "{what}: value {k} off by {error:e} > {radius:e}"
        );
    }
    let (error, bound) =
        (rank_error(found.spectrum(), truth), found.effective_rank_error().unwrap());
    assert!(error <= bound + rank_slack, "{what}: rank off by {error:e}, certified {bound:e}");
    assert!(error <= 1e-9, "{what}: rank off by {error:e}");
    assert!(found.method() != Method::Gram || bound <= 1e-9, "{what}: {bound:e}");
}

/// `n` values from 1 down to 1 / condition, in even steps of their logarithm.
fn graded(n: usize, condition: f64) -> Vec<f64> {
    (0..n).map(|k| condition.powf(-(k as f64) / (n as f64 - 1.0))).collect()
}

/// What training leaves: a bulk as of a random matrix, some large values, a tail.
fn trained(n: usize, condition: f64) -> Vec<f64> {
    let (head, tail) = (n / 16, n / 8);
    let value = |k: usize| match k {
        k if k < head => 4.0 / (1.0 + k as f64),
        k if k < n - tail => 0.8 - 0.7 * k as f64 / n as f64,
        k => 0.1 * (40.0 / condition).powf((k + 1 + tail - n) as f64 / tail as f64),
    };
    (0..n).map(value).collect()
}

/// Matrices whose singular values are known exactly, from the 64 x 64 matrix H of signs in
/// orthogonal rows of norm 8: those of `H diag(s)` are 8 s for any f32 numbers s, those of
/// `H diag(s) Hᵀ` are 64 s where f32 holds the sums.
#[test]
fn known_spectra_are_found_within_the_certificate() {
    let n = 64;
    for condition in [1.0, 10.0, 1e2, 1e3, 1e4, 1e6, 1e7] {
        for scale in [1e-30, 1e-5, 1.0, 1e30] {
            let s: Vec<f64> =
                graded(n, condition).iter().map(|s| f64::from((s * scale) as f32)).collect();
            let truth = Spectrum::from_unordered(s.iter().map(|s| 8.0 * s).collect()).unwrap();
            let matrix = Mat::new(n, n, |row, col| hadamard(row, col) * s[col]);
            for matrix in [matrix.transposed(), matrix] {
                let found = certified(&matrix);
                // The reference is exact, its effective rank to 1e-13.
                assert_within(&found, &truth, 0.0, 1e-13, &format!("{condition:e} {scale:e}"));
            }
        }
        // Integers up to 2^17 / 64, of which sums of 64 are below 2^24.
        let s: Vec<f64> =
            graded(n, condition).iter().map(|s| (s * 131_072.0).round().max(1.0)).collect();
        let truth = Spectrum::from_unordered(s.iter().map(|s| 64.0 * s).collect()).unwrap();
        let matrix = Mat::new(n, n, |row, col| {
            (0..n).map(|k| hadamard(row, k) * s[k] * hadamard(k, col)).sum()
        });
        let found = certified(&matrix);
        assert_within(&found, &truth, 0.0, 1e-13, &format!("two-sided, {condition:e}"));
    }
}

#[test]
fn spectra_agree_with_the_svd_of_the_cpu() {
    let n = 96;
    let mut cases = vec![
        ("square".to_owned(), Mat::normal(1, n, n)),
        ("wide".to_owned(), Mat::normal(2, n, 4 * n)),
        ("tall".to_owned(), Mat::normal(3, 4 * n, n)),
        ("row".to_owned(), Mat::normal(4, 1, 500)),
        ("column".to_owned(), Mat::normal(5, 500, 1)),
        (
            "graded rows".to_owned(),
            Mat::normal(6, n, 2 * n).scaled(|row, _| 0.5_f64.powi(row as i32 / 2)),
        ),
        (
            "graded columns".to_owned(),
            Mat::normal(7, n, 2 * n).scaled(|_, col| 0.9_f64.powi(col as i32)),
        ),
        (
            "one large element".to_owned(),
            Mat::normal(8, n, n).scaled(|row, col| if row + col == 0 { 1e7 } else { 1.0 }),
        ),
        ("low rank".to_owned(), with_spectrum(9, n, 2 * n, &[3.0, 2.0, 1.0, 0.5])),
    ];
    for condition in [1e2, 1e3, 1e4, 1e6, 1e8] {
        let name = |shape: &str| format!("{shape}, condition {condition:e}");
        cases.push((name("graded"), with_spectrum(10, n, n + 7, &graded(n, condition))));
        cases.push((name("trained"), with_spectrum(11, 2 * n, n, &trained(n, condition))));
    }
    let mut counts = [0, 0];
    for (name, matrix) in &cases {
        for scale in [1e-30, 1.0, 1e28] {
            let matrix = matrix.scaled(|_, _| scale);
            let found = certified(&matrix);
            let truth = settling_rank::singular_values(matrix.view()).unwrap();
            // The reference has errors of its own: 4 N eps in its values.
            let slack = 4.0 * matrix.rows.max(matrix.cols) as f64 * f64::EPSILON;
            let radii = vec![slack * truth.values()[0]; truth.len()];
            let rank_slack = settling_rank::effective_rank_error(&truth, &radii).unwrap();
            assert_within(&found, &truth, slack, rank_slack, name);
            let svd = found.method() != Method::Gram;
            assert!(!svd || found.spectrum() == &truth, "{name}");
            counts[usize::from(svd)] += 1;
        }
    }
    // Neither way is taken by default.
    assert!(counts[0] >= 20 && counts[1] >= 10, "{counts:?}");
}

#[test]
fn the_method_says_what_was_done() {
    assert_eq!(certified(&Mat::normal(1, 40, 60)).method(), Method::Gram);
    let low = certified(&with_spectrum(2, 40, 60, &[2.0, 1.0]));
    assert_eq!(low.method(), Method::Svd);
    assert!(low.effective_rank_error().unwrap() > 0.0);
}

/// Shapes in disorder, some of them in common, nothing among them: each answer is that of its
/// matrix alone.
#[test]
fn answers_come_in_order() {
    let nan = Mat { values: vec![1.0, 2.0, f32::NAN, 4.0, f32::INFINITY, 6.0], rows: 2, cols: 3 };
    let matrices = [
        Mat::normal(1, 8, 12),
        Mat::normal(2, 12, 8),
        Mat::new(3, 5, |_, _| 0.0),
        Mat::new(0, 5, |_, _| 0.0),
        nan,
        Mat::normal(3, 8, 12).scaled(|_, _| 1e-36),
        with_spectrum(4, 8, 12, &[1.0]),
        Mat::new(1, 1, |_, _| -3.0),
        Mat::new(4, 0, |_, _| 0.0),
        Mat::normal(5, 8, 12).scaled(|_, _| 1e-43),
    ];
    let views: Vec<MatView<'_>> = matrices.iter().map(Mat::view).collect();
    let all = device().certified(&views);
    assert_eq!(all.len(), matrices.len());
    for (index, (found, matrix)) in all.iter().zip(&matrices).enumerate() {
        match (found, settling_rank::singular_values(matrix.view())) {
            (Ok(found), Ok(truth)) if truth.values().iter().all(|&value| value == 0.0) => {
                assert_eq!((found.spectrum(), found.method()), (&truth, Method::Zero), "{index}");
                assert!(found.effective_rank_error().is_err());
                assert_eq!(found.radii(), truth.values());
            }
            (Ok(found), Ok(truth)) => {
                let slack = 4.0 * 12.0 * f64::EPSILON;
                assert_within(found, &truth, slack, 1e-12, &format!("matrix {index}"));
            }
            (Err(error), Err(expected)) => {
                assert_eq!((index, error.kind()), (4, ErrorKind::Matrix));
                assert_eq!(error.to_string(), expected.to_string());
                assert!(error.to_string().contains("NaN at row 0, column 2"), "{error}");
                let source = error.get_ref().unwrap().downcast_ref::<settling_rank::Error>();
                assert_eq!(source.unwrap().kind(), settling_rank::ErrorKind::NonFinite);
            }
            (found, expected) => panic!("matrix {index}: {found:?}, expected {expected:?}"),
        }
    }
    assert!(device().certified(&[]).is_empty());
}

#[test]
fn a_view_with_a_stride_is_only_what_it_shows() {
    let wide = Mat::normal(1, 20, 50);
    let left = MatView::with_row_stride(&wide.values, 20, 30, 50);
    let copy = left.to_vec();
    let (found, expected) = (
        device().spectra(&[left])[0].as_ref().unwrap().spectrum().clone(),
        device().spectra(&[MatView::new(&copy, 20, 30)])[0].as_ref().unwrap().spectrum().clone(),
    );
    assert_eq!(found, expected);
}

#[test]
fn devices_that_cannot_do_it_say_so() {
    let error = DeviceSpectra::new(Device::Mps).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Device);
    assert!(error.to_string().contains("no f64"), "{error}");
    let error = DeviceSpectra::new(Device::Cuda(9999)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Device);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Small integers, so that ranks are often low and values often equal; powers of two across the
    /// range of f32.
    #[test]
    fn any_matrix_keeps_its_certificate(
        (rows, cols, values) in (1..=20_usize, 1..=20_usize).prop_flat_map(|(rows, cols)| {
            (Just(rows), Just(cols), prop::collection::vec(-3_i8..=3, rows * cols))
        }),
        exponent in -140..=120_i32,
    ) {
        let matrix = Mat::new(rows, cols, |r, c| f64::from(values[r * cols + c]) * 2.0_f64.powi(exponent));
        prop_assume!(matrix.values.iter().any(|&value| value != 0.0));
        let found = certified(&matrix);
        let truth = settling_rank::singular_values(matrix.view()).unwrap();
        assert_within(&found, &truth, 80.0 * f64::EPSILON, 1e-11, "integers");
        prop_assert_eq!(found.spectrum().values().len(), rows.min(cols));
        // A power of two changes nothing but the scale.
        let unit = certified(&matrix.scaled(|_, _| 2.0_f64.powi(-exponent)));
        let back: Vec<f64> =
            unit.spectrum().values().iter().map(|value| value * 2.0_f64.powi(exponent)).collect();
        prop_assert_eq!(found.spectrum().values(), back);
        prop_assert_eq!(found.effective_rank_error().unwrap(), unit.effective_rank_error().unwrap());
    }
}
