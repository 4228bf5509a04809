//! The dense products, and the one place that calls faer: always with [`Par::Seq`], so that bits depend on no thread count.

use faer::linalg::matmul::{matmul, triangular};
use faer::{Accum, MatMut, MatRef, Par};

/// `aᵀ b`, row-major `(a_cols, b_cols)`, of row-major `a (rows, a_cols)` and `b (rows, b_cols)`.
pub(crate) fn cross(a: &[f64], b: &[f64], rows: usize) -> Vec<f64> {
    let (a_cols, b_cols) = (a.len() / rows, b.len() / rows);
    let mut out = vec![0.0; a_cols * b_cols];
    matmul(
        MatMut::from_row_major_slice_mut(&mut out, a_cols, b_cols),
        Accum::Replace,
        MatRef::from_row_major_slice(a, rows, a_cols).transpose(),
        MatRef::from_row_major_slice(b, rows, b_cols),
        1.0,
        Par::Seq,
    );
    out
}

/// `aᵀ a`, row-major `(cols, cols)`, of row-major `a (rows, cols)`: half the work of [`cross`], and exactly symmetric.
pub(crate) fn gram(a: &[f64], rows: usize) -> Vec<f64> {
    let cols = a.len() / rows;
    let a = MatRef::from_row_major_slice(a, rows, cols);
    let mut out = vec![0.0; cols * cols];
    triangular::matmul(
        MatMut::from_row_major_slice_mut(&mut out, cols, cols),
        triangular::BlockStructure::TriangularLower,
        Accum::Replace,
        a.transpose(),
        triangular::BlockStructure::Rectangular,
        a,
        triangular::BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
    for i in 0..cols {
        for j in 0..i {
            out[j * cols + i] = out[i * cols + j];
        }
    }
    out
}

/// The sum of `a[i] * b[i]`. Eight partial sums: they vectorise, and round eight times less often than one.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let tail: f64 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + tail
}

/// `y += a * x`.
pub(crate) fn axpy(y: &mut [f64], a: f64, x: &[f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Integers in -8..8: every product and partial sum below is exact, so any correct order gives the same bits.
    fn integers(len: usize, mut seed: u64) -> Vec<f64> {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f64::from((seed >> 60) as u8) - 8.0
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn products_are_those_of_the_definition() {
        // Sizes around the edges of the register tiles and of faer's cache and recursion blocks.
        for (rows, p, q) in
            [(1, 1, 1), (2, 3, 5), (7, 16, 17), (33, 64, 65), (300, 31, 1), (40, 129, 130)]
        {
            let (a, b) = (integers(rows * p, 1), integers(rows * q, 2));
            let expected = |a: &[f64], p: usize, b: &[f64], q: usize| -> Vec<f64> {
                let element = |i, j| (0..rows).map(|r| a[r * p + i] * b[r * q + j]).sum::<f64>();
                (0..p * q).map(|k| element(k / q, k % q)).collect()
            };
            assert_eq!(cross(&a, &b, rows), expected(&a, p, &b, q), "{rows} {p} {q}");
            assert_eq!(gram(&b, rows), expected(&b, q, &b, q), "{rows} {q}");
            assert_eq!(dot(&a, &a), a.iter().map(|v| v * v).sum::<f64>());
        }
    }

    /// What the bitwise symmetry of the crate stands on: an element is rounded the same way wherever it lies.
    #[test]
    fn swapping_the_factors_transposes_the_bits() {
        let inexact = |len, seed| -> Vec<f64> {
            integers(len, seed)
                .iter()
                .zip(integers(len, seed + 9))
                .map(|(a, b)| a / 7.0 + b / 97.0)
                .collect()
        };
        for cols in (1..=40).chain([63, 64, 65, 96, 127, 128, 129, 200, 257]) {
            for rows in [1, 2, 3, 17, 64, 130, 513, 1024] {
                let (a, b) = (inexact(rows * cols, 1), inexact(rows * cols, 2));
                let (ab, ba) = (cross(&a, &b, rows), cross(&b, &a, rows));
                for i in 0..cols {
                    for j in 0..cols {
                        assert_eq!(ab[i * cols + j], ba[j * cols + i], "{rows} x {cols}: {i} {j}");
                    }
                }
            }
        }
    }
}
