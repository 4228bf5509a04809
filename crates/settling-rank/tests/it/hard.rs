//! Matrices that break, or have broken, other implementations.

use settling_rank::{ErrorKind, MatView, effective_rank, singular_values};

/// The singular values of a matrix, checked against known ones to the documented bound, in any
/// order.
#[track_caller]
fn assert_singular_values(a: &[f64], rows: usize, cols: usize, mut expected: Vec<f64>) {
    expected.sort_by(|a, b| b.total_cmp(a));
    let found = singular_values(MatView::new(a, rows, cols)).unwrap();
    assert_eq!(found.len(), expected.len());
    let tolerance = 4.0 * rows.max(cols) as f64 * f64::EPSILON * expected[0];
    for (found, expected) in found.values().iter().zip(&expected) {
        assert!(
            (found - expected).abs() <= tolerance,
            "{rows} x {cols}: {found:e}, expected {expected:e} within {tolerance:e}"
        );
    }
}

fn matrix(rows: usize, cols: usize, element: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    (0..rows * cols).map(|index| element(index / cols, index % cols)).collect()
}

/// The second difference on a circle: -2 on the diagonal, 1 beside it, times `factor`. Singular
/// values by Fourier.
fn circulant(n: usize, factor: f64) -> (Vec<f64>, Vec<f64>) {
    let a = matrix(n, n, |row, col| {
        let beside = (row + 1) % n == col || (col + 1) % n == row;
        factor * if row == col { -2.0 } else { f64::from(u8::from(beside)) }
    });
    let angle = |k: usize| std::f64::consts::PI * k as f64 / n as f64;
    (a, (0..n).map(|k| factor * 4.0 * angle(k).sin().powi(2)).collect())
}

#[test]
fn circulant_matrices() {
    // 16 x 16 with this factor: faer 0.24.4 reports that its SVD does not converge.
    for n in 3..=64 {
        let (a, expected) = circulant(n, 1.223);
        assert_singular_values(&a, n, n, expected);
    }
}

#[test]
fn constant_matrices_of_every_shape() {
    // Another library fails on 231 of 841 such shapes.
    for rows in 2..=60 {
        for cols in 2..=60 {
            let mut expected = vec![0.0; rows.min(cols)];
            expected[0] = ((rows * cols) as f64).sqrt();
            assert_singular_values(&vec![1.0; rows * cols], rows, cols, expected);
        }
    }
}

#[test]
fn rank_one_matrices() {
    for (rows, cols) in [(2, 2), (3, 50), (50, 3), (64, 64), (129, 130)] {
        let (u, v) = (|row: usize| row as f64 - 1.0, |col: usize| 1.0 / (col + 1) as f64);
        let norm = |x: Vec<f64>| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut expected = vec![0.0; rows.min(cols)];
        expected[0] = norm((0..rows).map(u).collect()) * norm((0..cols).map(v).collect());
        assert_singular_values(&matrix(rows, cols, |r, c| u(r) * v(c)), rows, cols, expected);
    }
}

#[test]
fn duplicated_rows() {
    // Row r of `copies` copies of diag(1..=n): each singular value grows by sqrt(copies).
    let (n, copies) = (20, 3);
    let a = matrix(n * copies, n, |r, c| if r % n == c { (c + 1) as f64 } else { 0.0 });
    let expected = (1..=n).map(|k| k as f64 * (copies as f64).sqrt()).collect();
    assert_singular_values(&a, n * copies, n, expected);
}

#[test]
fn identities() {
    // 128 is where faer starts to recurse; at the sizes around 300 its results have been seen to
    // depend on its threads.
    for n in [1, 2, 127, 128, 129, 299, 300, 316, 330, 500] {
        let a = matrix(n, n, |row, col| f64::from(u8::from(row == col)));
        assert_singular_values(&a, n, n, vec![1.0; n]);
        let spectrum = singular_values(MatView::new(&a, n, n)).unwrap();
        // Each value is within 4 n eps of 1, so the sum of their ratios to the first is within 8
        // n^2 eps of n; equal shares maximise the entropy, so it moves to second order only.
        let tolerance = 8.0 * (n * n) as f64 * f64::EPSILON;
        assert!((effective_rank(&spectrum).unwrap() - n as f64).abs() <= tolerance);
    }
}

#[test]
fn hadamard_matrices_have_equal_singular_values() {
    for n in [2_usize, 16, 128, 256] {
        let a = matrix(n, n, |r, c| if (r & c).count_ones() % 2 == 0 { 1.0 } else { -1.0 });
        assert_singular_values(&a, n, n, vec![(n as f64).sqrt(); n]);
    }
}

#[test]
fn a_triangle_of_ones() {
    // Its inverse is a difference matrix: singular values 1 / (2 sin((2k - 1) pi / (4n + 2))).
    for n in [5_usize, 64, 129, 300] {
        let a = matrix(n, n, |row, col| f64::from(u8::from(col <= row)));
        let angle = |k: usize| std::f64::consts::PI * (2 * k - 1) as f64 / (4 * n + 2) as f64;
        assert_singular_values(&a, n, n, (1..=n).map(|k| 0.5 / angle(k).sin()).collect());
    }
}

#[test]
fn diagonals_graded_to_the_end_of_the_range() {
    let diagonal: Vec<f64> = (0..20).map(|k| 10.0_f64.powi(-16 * k)).collect();
    let a = matrix(20, 20, |row, col| if row == col { diagonal[row] } else { 0.0 });
    assert_singular_values(&a, 20, 20, diagonal);
}

#[test]
fn one_long_row() {
    let n = 1_000_000;
    assert_singular_values(&vec![0.25; n], 1, n, vec![250.0]);
    assert_singular_values(&vec![0.25; n], n, 1, vec![250.0]);
}

#[test]
fn signed_zeros_and_zeros() {
    assert_singular_values(&[-0.0, 0.0, 0.0, -0.0, -0.0, 0.0], 2, 3, vec![0.0, 0.0]);
    let zeros = singular_values(MatView::new(&[-0.0_f32; 6], 3, 2)).unwrap();
    assert!(zeros.values().iter().all(|value| value.to_bits() == 0), "positive zeros");
}

#[test]
fn empty_matrices_have_empty_spectra() {
    assert!(singular_values(MatView::<f32>::new(&[], 0, 5)).unwrap().is_empty());
    assert!(singular_values(MatView::<f64>::new(&[], 5, 0)).unwrap().is_empty());
}

#[test]
fn a_row_stride_is_respected() {
    let padded = [3.0, 0.0, f64::NAN, 0.0, 4.0, f64::NAN];
    let found = singular_values(MatView::with_row_stride(&padded, 2, 2, 3)).unwrap();
    assert_eq!(found.values(), [4.0, 3.0]);
}

#[test]
fn non_finite_elements_are_named() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut a = [1.0_f32; 12];
        a[7] = bad;
        let error = singular_values(MatView::new(&a, 3, 4)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NonFinite);
        let place = format!("found {bad} at row 1, column 3");
        assert!(error.to_string().contains(&place), "{error}");
    }
}

#[test]
fn any_scale_of_f64() {
    let (unit, _) = circulant(9, 1.0);
    let expected = singular_values(MatView::new(&unit, 9, 9)).unwrap();
    // Small integers times a power of two: exact from the smallest subnormal to the largest
    // exponent. The results round to a multiple of 2^-1074 where they are subnormal themselves.
    for k in [-1074_i32, -1073, -1022, -600, 0, 600, 1000, 1020] {
        let power = |x: f64| x * 2.0_f64.powi(k / 2) * 2.0_f64.powi(k - k / 2);
        let a: Vec<f64> = unit.iter().map(|&x| power(x)).collect();
        let found = singular_values(MatView::new(&a, 9, 9)).unwrap();
        let scaled: Vec<f64> = expected.values().iter().map(|&x| power(x)).collect();
        assert_eq!(found.values(), scaled, "2^{k}");
    }
}

#[test]
fn any_scale_of_f32() {
    let (unit, _) = circulant(9, 1.0);
    let expected = singular_values(MatView::new(&unit, 9, 9)).unwrap();
    for k in [-149, -126, 0, 100, 126] {
        let a: Vec<f32> = unit.iter().map(|&x| (x * 2.0_f64.powi(k)) as f32).collect();
        let found = singular_values(MatView::new(&a, 9, 9)).unwrap();
        let scaled: Vec<f64> = expected.values().iter().map(|&x| x * 2.0_f64.powi(k)).collect();
        assert_eq!(found.values(), scaled, "2^{k}");
    }
}

#[test]
fn a_spectrum_beyond_f64_is_an_error() {
    // The singular values of [[m, m], [m, m]] are 2 m and 0.
    let error = singular_values(MatView::new(&[f64::MAX; 4], 2, 2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overflow);
    let half = singular_values(MatView::new(&[f64::MAX / 4.0; 4], 2, 2)).unwrap();
    assert!(half.values()[0] >= f64::MAX / 2.0 * (1.0 - 2.0 * f64::EPSILON));
}
