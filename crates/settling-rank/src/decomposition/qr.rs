//! The QR decomposition by Householder reflections, in blocks of columns.
//!
//! Not faer's: its `qr_in_place` drops what is left of a column where that is below `16 m eps`
//! times the length of the column, since it looks for the rank. That moves singular values by up to
//! four times the bound of this crate.
//!
//! Golub & Van Loan, *Matrix Computations*, 4th edition, section 5.2; the factor T of a block is
//! that of Joffrain et al. (2006), "Accumulating Householder transformations, revisited".

use faer::linalg::householder::make_householder_in_place;
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Accum, Mat, MatMut, MatRef, Par};

/// Columns that are reflected one by one before all others are, by products.
const BLOCK: usize = 32;

/// R of the QR decomposition, square, for a tall matrix.
pub(crate) fn triangular_factor(a: MatRef<'_, f64>) -> Mat<f64> {
    let (rows, cols) = a.shape();
    let mut r = a.to_owned();
    for start in (0..cols).step_by(BLOCK) {
        let end = cols.min(start + BLOCK);
        let mut v = Mat::zeros(rows - start, end - start);
        let mut taus = vec![1.0; end - start];
        for col in start..end {
            let (mut head, tail) = r.col_mut(col).subrows_mut(col, rows - col).split_at_row_mut(1);
            let tau = make_householder_in_place(&mut head[0], tail).tau;
            // Infinite where nothing is below the diagonal: no reflection, which is one with v = 0.
            if tau.is_finite() {
                let at = col - start;
                taus[at] = tau;
                v[(at, at)] = 1.0;
                v.col_as_slice_mut(at)[at + 1..].copy_from_slice(&r.col_as_slice(col)[col + 1..]);
                let own = v.submatrix(at, at, rows - col, 1);
                let rest = r.submatrix_mut(col, col + 1, rows - col, end - col - 1);
                reflect(rest, own, Mat::full(1, 1, tau).as_ref());
            }
        }
        let mut t = Mat::zeros(end - start, end - start);
        matmul(&mut t, Accum::Replace, v.transpose(), &v, 1.0, Par::Seq);
        taus.iter().enumerate().for_each(|(at, &tau)| t[(at, at)] = tau);
        let rest = r.submatrix_mut(start, end, rows - start, cols - end);
        reflect(rest, v.as_ref(), t.as_ref());
    }
    Mat::from_fn(cols, cols, |row, col| if row <= col { r[(row, col)] } else { 0.0 })
}

/// Applies the reflections `I - v_k v_k^T / tau_k`, the first one first, which together are
/// `I - V T^-T V^T`: the diagonal of T has tau, and above it is `V^T V`.
fn reflect(mut columns: MatMut<'_, f64>, v: MatRef<'_, f64>, t: MatRef<'_, f64>) {
    let mut along = Mat::zeros(v.ncols(), columns.ncols());
    matmul(&mut along, Accum::Replace, v.transpose(), &columns, 1.0, Par::Seq);
    solve_lower_triangular_in_place(t.transpose(), along.as_mut(), Par::Seq);
    matmul(&mut columns, Accum::Add, v, &along, -1.0, Par::Seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(row: usize, col: usize) -> f64 {
        ((row * 37 + col * 101) as f64).sin()
    }

    #[test]
    fn the_factor_has_the_gram_matrix() {
        for (rows, cols) in [(1, 1), (9, 1), (40, 31), (40, 32), (90, 65), (33, 33)] {
            // A column of zeros, and one that is another: nothing is left of them to reflect.
            let a = Mat::from_fn(rows, cols, |row, col| match col {
                3 => 0.0,
                5 => element(row, 4),
                _ => element(row, col),
            });
            let r = triangular_factor(a.as_ref());
            let difference = a.transpose() * &a - r.transpose() * &r;
            let tolerance = 4.0 * rows as f64 * f64::EPSILON * a.squared_norm_l2();
            assert!(difference.norm_max() <= tolerance, "{rows} x {cols}");
        }
    }

    /// Column by column to `2 m eps` of its length, however little of it is new.
    #[test]
    fn nearly_dependent_columns_keep_what_sets_them_apart() {
        let rows = 40;
        for k in 1..=20 {
            // At a right angle to the first, `k m eps` as long.
            let apart = f64::from(k) * rows as f64 * f64::EPSILON;
            let a = Mat::from_fn(rows, 2, |row, col| match (row, col) {
                (0, _) => 1.0,
                (1, 1) => apart,
                _ => 0.0,
            });
            assert!((triangular_factor(a.as_ref())[(1, 1)].abs() / apart - 1.0).abs() < 1e-10);
        }
    }
}
