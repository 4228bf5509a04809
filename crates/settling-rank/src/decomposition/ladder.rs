//! Ways to the singular values of one matrix, tried in turn until a result passes a check.
//!
//! A matrix is brought to bidiagonal form, whose values are counted: `bisection.rs`. Nothing in
//! that iterates until it converges, so the time of a rung depends on the shape only. The second
//! rung does the same of other numbers, for what no analysis knows: a fault of the machine or of a
//! library.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::bidiag::{bidiag_in_place, bidiag_in_place_scratch};
use faer::{Mat, MatRef, Par};

use crate::arithmetic::sum::sum;
use crate::decomposition::bisection;
use crate::decomposition::qr::triangular_factor;
use crate::method::Method;

/// A way to the singular values of a tall matrix with largest element near 1, in any order.
pub(crate) type Rung = fn(MatRef<'_, f64>) -> Option<Vec<f64>>;

pub(crate) const LADDER: [(Method, Rung); 2] =
    [(Method::Svd, direct), (Method::SvdReversed, reversed)];

/// The result of the first rung that passes [`sound`].
pub(crate) fn climb(a: MatRef<'_, f64>, rungs: &[(Method, Rung)]) -> Option<(Method, Vec<f64>)> {
    let squared_norm = sum(a.col_iter().flat_map(|col| col.iter().map(|x| x * x)));
    let tolerance = 8.0 * a.nrows().max(a.ncols()) as f64 * f64::EPSILON;
    rungs
        .iter()
        .filter_map(|(method, rung)| Some((*method, rung(a)?)))
        .find(|(_, values)| sound(values, squared_norm, tolerance))
}

/// Whether the squares of `values` add up to the squared norm of the matrix, as those of its
/// singular values do. False for NaN.
fn sound(values: &[f64], squared_norm: f64, tolerance: f64) -> bool {
    (sum(values.iter().map(|x| x * x)) - squared_norm).abs() <= tolerance * squared_norm
}

/// Rung 1. Where there are many more rows than columns, it costs less to reduce the triangular
/// factor.
fn direct(a: MatRef<'_, f64>) -> Option<Vec<f64>> {
    let (rows, cols) = a.shape();
    bidiagonal(if 6 * rows > 11 * cols { triangular_factor(a) } else { a.to_owned() })
}

/// Rung 2: the triangular factor of the matrix with its columns reversed has the same singular
/// values.
fn reversed(a: MatRef<'_, f64>) -> Option<Vec<f64>> {
    bidiagonal(triangular_factor(a.reverse_cols()))
}

/// The values by reduction to bidiagonal form.
fn bidiagonal(mut a: Mat<f64>) -> Option<Vec<f64>> {
    let (rows, cols) = a.shape();
    let (mut left, mut right) = (Mat::zeros(1, cols), Mat::zeros(1, cols - 1));
    let scratch = bidiag_in_place_scratch::<f64>(rows, cols, Par::Seq, Default::default());
    bidiag_in_place(
        a.as_mut(),
        left.as_mut(),
        right.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    let diagonal: Vec<_> = (0..cols).map(|k| a[(k, k)]).collect();
    let above: Vec<_> = (1..cols).map(|k| a[(k - 1, k)]).collect();
    bisection::of_bidiagonal(&diagonal, &above)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 on and below the diagonal, over zeros: singular values 1 / (2 sin((2k - 1) pi / (4n +
    /// 2))).
    fn triangle_of_ones(rows: usize, n: usize) -> (Mat<f64>, Vec<f64>) {
        let a = Mat::from_fn(rows, n, |row, col| f64::from(u8::from(col <= row && row < n)));
        let angle = |k: usize| std::f64::consts::PI * (2 * k - 1) as f64 / (4 * n + 2) as f64;
        (a, (1..=n).map(|k| 0.5 / angle(k).sin()).collect())
    }

    /// The second difference on a circle of 16, on which the SVD of faer 0.24.4 does not converge.
    fn circulant() -> (Mat<f64>, Vec<f64>) {
        let near = |i: usize, j: usize| (i + 1) % 16 == j || (j + 1) % 16 == i;
        let a = Mat::from_fn(16, 16, |row, col| {
            1.223 * if row == col { -2.0 } else { f64::from(u8::from(near(row, col))) }
        });
        let angle = |k: usize| std::f64::consts::PI * k as f64 / 16.0;
        (a, (0..16).map(|k| 1.223 * 4.0 * angle(k).sin().powi(2)).collect())
    }

    #[track_caller]
    fn assert_close(mut found: Vec<f64>, mut expected: Vec<f64>, rows: usize) {
        found.sort_by(f64::total_cmp);
        expected.sort_by(f64::total_cmp);
        assert_eq!(found.len(), expected.len());
        // The documented bound.
        let tolerance = 4.0 * rows as f64 * f64::EPSILON * expected.last().unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() <= tolerance, "{found:e}, expected {expected:e}");
        }
    }

    #[test]
    fn every_rung_alone_is_accurate() {
        for rung in LADDER {
            for (rows, n) in [(1, 1), (7, 1), (9, 9), (40, 30), (130, 129), (300, 20)] {
                let (a, expected) = triangle_of_ones(rows, n);
                let found = climb(a.as_ref(), &[rung]);
                let (method, found) = found.unwrap_or_else(|| panic!("{} on {rows} x {n}", rung.0));
                assert_eq!(method, rung.0);
                assert_close(found, expected, rows);
            }
        }
    }

    #[test]
    fn the_matrix_that_stalls_implicit_qr_is_solved() {
        let (a, expected) = circulant();
        let (method, found) = climb(a.as_ref(), &LADDER).unwrap();
        assert_eq!(method, Method::Svd);
        assert_close(found, expected, 16);
    }

    #[test]
    fn a_rung_that_fails_in_any_way_is_passed_over() {
        let failures: [Rung; 6] = [
            |_| None,
            |a| Some(vec![f64::NAN; a.ncols()]),
            |a| Some(vec![f64::INFINITY; a.ncols()]),
            |a| Some(vec![0.0; a.ncols()]),
            |_| Some(Vec::new()),
            // Wrong in the eleventh digit.
            |a| Some(direct(a)?.into_iter().map(|value| value * (1.0 + 1e-11)).collect()),
        ];
        let (a, expected) = triangle_of_ones(40, 30);
        for failed in 1..LADDER.len() {
            for failure in failures {
                let mut rungs = LADDER;
                rungs[..failed].fill((Method::Svd, failure));
                let (method, found) = climb(a.as_ref(), &rungs).unwrap();
                assert_eq!(method, LADDER[failed].0);
                assert_close(found, expected.clone(), 40);
                assert_eq!(climb(a.as_ref(), &rungs[..failed]), None);
            }
        }
    }
}
