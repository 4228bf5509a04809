//! Products that are never formed, and sums of them.

use settling_rank::{
    CertifiedSpectrum, ErrorKind, MatView, product_spectrum, spectrum_within,
    sum_of_products_spectrum,
};

use crate::certified::numbers;

#[test]
fn faults_name_the_factor() {
    let (good, bad) = ([1.0, 2.0], [1.0, f64::NAN]);
    let error = |left, right| {
        let error = product_spectrum(MatView::new(left, 2, 1), MatView::new(right, 1, 2));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NonFinite);
        error.to_string()
    };
    assert!(error(&bad, &good).contains("at row 1, column 0 (from 0) of the left factor"));
    assert!(error(&good, &bad).contains("at row 0, column 1 (from 0) of the right factor"));
}

#[test]
fn a_product_outside_the_range_is_an_error() {
    for (element, kind) in [
        (f64::MAX, ErrorKind::Overflow),
        (f64::from_bits(1), ErrorKind::Underflow),
        (1e-160, ErrorKind::Underflow),
    ] {
        let factor = [element; 2];
        let found = product_spectrum(MatView::new(&factor, 2, 1), MatView::new(&factor, 1, 2));
        assert_eq!(found.unwrap_err().kind(), kind);
    }
}

#[test]
fn terms_of_opposite_scales_do_not_drown_each_other() {
    // (1, 0)^T (3, 0) + (0, 1)^T (0, 2), the scales taken from one factor and given to the other.
    let big = 2.0_f64.powi(700);
    let (x, u) = ([big, 0.0], [3.0 / big, 0.0]);
    let (y, v) = ([0.0, 1.0 / big], [0.0, 2.0 * big]);
    let found = sum_of_products_spectrum([
        (MatView::new(&x, 2, 1), MatView::new(&u, 1, 2)),
        (MatView::new(&y, 2, 1), MatView::new(&v, 1, 2)),
    ])
    .unwrap();
    assert_eq!(found.spectrum().values(), [3.0, 2.0]);
}

#[test]
fn a_product_that_cancels_to_zeros_is_not_known_to_be_zero() {
    // 1/10 times 3 less 3/10, of the nearest f64: not 0, but 0 in f64.
    let (left, right) = ([0.1, -0.1 - 0.2, 0.1], [1.0, 1.0, 2.0]);
    let (left, right) = (MatView::new(&left, 1, 3), MatView::new(&right, 3, 1));
    let found = product_spectrum(left, right).unwrap();
    let exact = {
        // 0.3000...04 is 5404319552844596 / 2^54, and 0.1 is 3602879701896397 / 2^55.
        let numerator = 3 * 3_602_879_701_896_397_i64 - 2 * 5_404_319_552_844_596;
        numerator.unsigned_abs() as f64 / 2.0_f64.powi(55)
    };
    let (value, radius) = (found.spectrum().values()[0], found.radii()[0]);
    assert!(exact > 0.0 && (value - exact).abs() <= radius, "{value:e} {exact:e} {radius:e}");
}

fn product(left: &[f32], right: &[f32], (rows, inner, cols): (usize, usize, usize)) -> Vec<f64> {
    let element = |i: usize, j: usize| {
        (0..inner).map(|k| f64::from(left[i * inner + k]) * f64::from(right[k * cols + j])).sum()
    };
    (0..rows * cols).map(|index| element(index / cols, index % cols)).collect()
}

/// `found` against the singular values of the formed matrix, which may have more, all rounding
/// errors.
#[track_caller]
fn assert_formed(found: &CertifiedSpectrum, formed: &[f64], rows: usize, cols: usize) {
    let expected = spectrum_within(MatView::new(formed, rows, cols), 0.0).unwrap();
    let count = found.spectrum().len();
    let largest = expected.spectrum().values()[0];
    // The elements of the formed matrix are sums of at most 40 rounded products of numbers below 1:
    // each off by 40 eps * 40, and the matrix by sqrt(rows * cols) times that.
    let formed = 1600.0 * f64::EPSILON * ((rows * cols) as f64).sqrt();
    let radii = found.radii().into_iter().zip(expected.radii());
    let pairs = found.spectrum().values().iter().zip(expected.spectrum().values());
    for ((x, y), (r, s)) in pairs.zip(radii) {
        assert!((x - y).abs() <= r + s + formed, "{x:e}, expected {y:e}");
        assert!(r <= 1e-12 * largest, "{r:e} is a useless bound");
    }
    assert!(expected.spectrum().values()[count..].iter().all(|&y| y <= formed + 1e-12 * largest));
}

#[test]
fn products_have_the_spectrum_of_the_formed_matrix() {
    // Thin factors, wide ones, and an inner size between the others.
    for sizes in [(60, 8, 50), (5, 40, 7), (30, 20, 6), (6, 20, 30), (1, 1, 9), (12, 12, 12)] {
        let (rows, inner, cols) = sizes;
        let (left, right) = (numbers(1, rows * inner), numbers(2, inner * cols));
        let found =
            product_spectrum(MatView::new(&left, rows, inner), MatView::new(&right, inner, cols))
                .unwrap();
        assert_eq!(found.spectrum().len(), rows.min(inner).min(cols));
        assert_formed(&found, &product(&left, &right, sizes), rows, cols);
    }
}

#[test]
fn sums_of_products_have_the_spectrum_of_the_formed_matrix() {
    let (rows, inner, cols) = (50, 6, 40);
    let factors: Vec<Vec<f32>> = [rows * inner, inner * cols, rows * inner, inner * cols]
        .into_iter()
        .zip(5..)
        .map(|(count, seed)| numbers(seed, count))
        .collect();
    let left = |k: usize| MatView::new(&factors[k], rows, inner);
    let right = |k: usize| MatView::new(&factors[k], inner, cols);
    let found = sum_of_products_spectrum([(left(0), right(1)), (left(2), right(3))]).unwrap();
    assert_eq!(found.spectrum().len(), 2 * inner);
    let one = product(&factors[0], &factors[1], (rows, inner, cols));
    let other = product(&factors[2], &factors[3], (rows, inner, cols));
    let formed: Vec<f64> = one.iter().zip(other).map(|(x, y)| x + y).collect();
    assert_formed(&found, &formed, rows, cols);
}

#[test]
fn factors_that_cancel_have_a_wider_bound() {
    // (1, 1 + e) (1, -1)^T = -e: known to eps, not to eps * e.
    let e = 2.0_f64.powi(-20);
    let found =
        product_spectrum(MatView::new(&[1.0, 1.0 + e], 1, 2), MatView::new(&[1.0, -1.0], 2, 1))
            .unwrap();
    let (value, radius) = (found.spectrum().values()[0], found.radii()[0]);
    assert!((value - e).abs() <= radius && radius >= f64::EPSILON, "{value:e} {radius:e}");
}

#[test]
#[should_panic(expected = "the inner sizes of a product are equal")]
fn factors_that_do_not_fit_panic() {
    let _ = product_spectrum(MatView::new(&[1.0], 1, 1), MatView::new(&[1.0, 2.0], 2, 1));
}
