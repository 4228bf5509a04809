//! Thin singular value decompositions, one thread each.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::matmul::matmul;
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Accum, Mat, MatRef, Par};

use crate::undefined::Undefined;

/// `a = u diag(values) vᵀ`, values in descending order.
pub(crate) struct Svd {
    pub(crate) u: Mat<f64>,
    pub(crate) values: Vec<f64>,
    pub(crate) v: Mat<f64>,
}

impl Svd {
    pub(crate) fn new(a: MatRef<'_, f64>) -> Result<Self, Undefined> {
        let largest = a.norm_max();
        // Of elements near 1. The second attempt hands the iteration, which very rarely does not
        // converge, other bits.
        let power = f64::from_bits(largest.to_bits() & (0x7ff << 52));
        for divisor in [if power.is_normal() { power } else { 1.0 }, largest * 1.25] {
            let scaled = Mat::from_fn(a.nrows(), a.ncols(), |row, col| a[(row, col)] / divisor);
            let Some(mut found) = Self::direct(scaled.as_ref()) else { continue };
            // Where squares neither overflow nor vanish.
            let squares: f64 = scaled.col_iter().map(|col| col.squared_norm_l2()).sum();
            let sum: f64 = found.values.iter().map(|value| value * value).sum();
            let tolerance = 16.0 * a.nrows().max(a.ncols()) as f64 * f64::EPSILON;
            if (sum - squares).abs() <= tolerance * squares {
                found.values.iter_mut().for_each(|value| *value *= divisor);
                return Ok(found);
            }
        }
        Err(Undefined::NoConvergence)
    }

    fn direct(a: MatRef<'_, f64>) -> Option<Self> {
        let (rows, cols) = a.shape();
        let size = rows.min(cols);
        let (mut u, mut v) = (Mat::zeros(rows, size), Mat::zeros(cols, size));
        let mut values = Diag::<f64>::zeros(size);
        let thin = ComputeSvdVectors::Thin;
        let scratch = svd_scratch::<f64>(rows, cols, thin, thin, Par::Seq, Default::default());
        svd(
            a,
            values.as_mut(),
            Some(u.as_mut()),
            Some(v.as_mut()),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        )
        .ok()?;
        let values = values.column_vector().iter().copied().collect();
        Some(Self { u, values, v })
    }
}

/// `aᵀ b`.
pub(crate) fn transposed_product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.ncols(), b.ncols());
    matmul(out.as_mut(), Accum::Replace, a.transpose(), b, 1.0, Par::Seq);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_multiply_to_the_matrix_at_every_scale() {
        for (rows, cols) in [(1, 1), (7, 3), (3, 7), (40, 40), (200, 30)] {
            for scale in [1.0, 1e-60, 1e60, 1e-160, 1e-300] {
                let element = |row, col| ((row * 31 + col * 17) as f64).sin() * scale;
                let a = Mat::from_fn(rows, cols, element);
                let Svd { u, values, v } = Svd::new(a.as_ref()).unwrap();
                assert!(values.is_sorted_by(|a, b| a >= b));
                for row in 0..rows {
                    for col in 0..cols {
                        let terms =
                            (0..values.len()).map(|k| u[(row, k)] * values[k] * v[(col, k)]);
                        let error = (terms.sum::<f64>() - a[(row, col)]).abs();
                        let n = rows.max(cols) as f64;
                        assert!(error <= 8.0 * n * f64::EPSILON * values[0], "{rows} x {cols}");
                    }
                }
            }
        }
        assert_eq!(Svd::new(Mat::zeros(3, 2).as_ref()).unwrap().values, [0.0, 0.0]);
    }
}
