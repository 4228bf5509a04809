//! The sums that CKA is made of, from `n x n` matrices over pairs of rows: cheaper than features
//! where rows are few, and the only form of a kernel that has no features.
//!
//! With `K` and `L` centered on both sides, `‖Cxy‖² = ⟨K, L⟩`, and the squared norms of centered
//! rows are the diagonals.

use settling_core::MatView;

use crate::arithmetic::block::{Centered, Mean};
use crate::arithmetic::product::{dot, gram_of_rows};
use crate::cka::{Cka, CkaSums, Errors, SideSums};

/// A centered Gram matrix.
#[derive(Clone, Debug)]
pub(crate) struct Gram {
    /// Row-major `(rows, rows)`; only the lower triangle counts.
    values: Vec<f64>,
    diagonal: Vec<f64>,
    sums: SideSums,
}

impl Gram {
    /// The linear kernel of at least one row.
    pub(crate) fn of_rows<T: Copy + Into<f64>>(m: MatView<'_, T>) -> Self {
        let centered = Centered::new(m, &Mean::of(m));
        Self::of_centered(gram_of_rows(&centered.columns), m.rows(), m.cols())
    }

    /// `values` is a centered matrix, row-major `(rows, rows)`, of which the lower triangle is
    /// looked at.
    pub(crate) fn of_centered(values: Vec<f64>, rows: usize, features: usize) -> Self {
        let diagonal: Vec<f64> = (0..rows).map(|row| values[row * (rows + 1)]).collect();
        let sums = SideSums {
            features,
            trace: diagonal.iter().sum(),
            frobenius_squared: inner(&values, &values, rows),
            squared_norms: dot(&diagonal, &diagonal),
        };
        Self { values, diagonal, sums }
    }

    pub(crate) fn rows(&self) -> usize {
        self.diagonal.len()
    }

    /// The squared norms of the centered rows.
    pub(crate) fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    /// The lower triangle, row-major.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn cka(&self, y: &Self) -> Cka {
        let cross = inner(&self.values, &y.values, self.rows());
        self.finish(y, cross, dot(&self.diagonal, &y.diagonal))
    }

    /// CKA with the rows of `y` in the order of `order`.
    pub(crate) fn shuffled(&self, y: &Self, order: &[usize]) -> Cka {
        let rows = self.rows();
        let (mut cross, mut norms) = (0.0, 0.0);
        for (i, k) in self.values.chunks_exact(rows).enumerate() {
            let at = order[i];
            let element = |(k, &j): (&f64, &usize)| k * y.values[at.max(j) * rows + at.min(j)];
            cross +=
                2.0 * k[..i].iter().zip(order).map(element).sum::<f64>() + k[i] * y.diagonal[at];
            norms += self.diagonal[i] * y.diagonal[at];
        }
        self.finish(y, cross, norms)
    }

    fn finish(&self, y: &Self, cross_frobenius_squared: f64, cross_norms: f64) -> Cka {
        let (x, y, rows) = (self.sums, y.sums, self.rows());
        Cka::new(CkaSums { rows, x, y, cross_frobenius_squared, cross_norms }, Errors::default())
    }
}

/// `⟨K, L⟩` of symmetric matrices from their lower triangles.
fn inner(k: &[f64], l: &[f64], rows: usize) -> f64 {
    let row = |(i, (k, l)): (usize, (&[f64], &[f64]))| 2.0 * dot(&k[..i], &l[..i]) + k[i] * l[i];
    k.chunks_exact(rows).zip(l.chunks_exact(rows)).enumerate().map(row).sum()
}
