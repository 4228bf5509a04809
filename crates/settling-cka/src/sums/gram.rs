//! The sums that CKA is made of, from `n x n` matrices over pairs of rows: cheaper than features
//! where rows are few, and the only form of a kernel that has no features.
//!
//! With `K` and `L` centered on both sides, `‖Cxy‖² = ⟨K, L⟩`, and the squared norms of centered
//! rows are the diagonals.
//!
//! The debiased terms come from the elements off the diagonal alone: with `t` such that the rows of
//! `A_ij = K_ij - t_i - t_j`, without their diagonals, add up to nothing, `h_xy` is the sum of
//! `A_ij B_ij` over `i ≠ j` (Székely & Rizzo 2014). Nothing large is taken away, so that one row
//! far from all others costs few digits.

use settling_core::MatView;

use crate::arithmetic::block::Centered;
use crate::arithmetic::product::{dot, gram_of_rows};
use crate::arithmetic::unit::Unit;
use crate::cka::{Cka, CkaSums, Debiased, Errors, SideSums, Term};

/// A centered Gram matrix.
#[derive(Clone, Debug)]
pub(crate) struct Gram {
    /// Row-major `(rows, rows)`; only the lower triangle counts.
    values: Vec<f64>,
    diagonal: Vec<f64>,
    sums: SideSums,
    unit: Unit,
    /// `t`; zeros below 4 rows.
    shift: Vec<f64>,
    /// `h` of the side with itself.
    own: f64,
    /// A bound of the Frobenius norm of the rounding in `A`.
    rounding: f64,
}

impl Gram {
    /// The linear kernel of at least one row.
    pub(crate) fn of_rows<T: Copy + Into<f64>>(m: MatView<'_, T>) -> Self {
        let (centered, unit) = Centered::all(m);
        Self { unit, ..Self::of_centered(gram_of_rows(&centered.columns), m.rows(), m.cols(), 0.0) }
    }

    /// Any kernel: a matrix, row-major `(rows, rows)`, of which the lower triangle is looked at,
    /// with elements that are off by `rounding`; and what its elements were divided by.
    pub(crate) fn of_kernel(mut values: Vec<f64>, rows: usize, rounding: f64) -> (Self, f64) {
        center(&mut values, rows);
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let unit = Unit::of(largest).unwrap_or_default();
        values.iter_mut().for_each(|value| *value *= unit.inverse());
        (Self::of_centered(values, rows, rows, rounding * unit.inverse()), unit.value())
    }

    fn of_centered(values: Vec<f64>, rows: usize, features: usize, rounding: f64) -> Self {
        let diagonal: Vec<f64> = (0..rows).map(|row| values[row * (rows + 1)]).collect();
        let sums = SideSums {
            features,
            trace: diagonal.iter().sum(),
            frobenius_squared: inner(&values, &values, rows),
            squared_norms: dot(&diagonal, &diagonal),
        };
        // An element of `K` is off by `features` roundings of `|x_i| |x_j|`, one of `t` by n of
        // their mean over j. The squares of these add up to that of the trace.
        let rounding =
            (rows + features) as f64 * f64::EPSILON * sums.trace + rows as f64 * rounding;
        let shift = shift(&values, rows);
        let unit = Unit::default();
        let mut gram = Self { values, diagonal, sums, unit, shift, own: 0.0, rounding };
        gram.own = off_diagonal(&gram, &gram, None);
        gram
    }

    pub(crate) fn rows(&self) -> usize {
        self.diagonal.len()
    }

    /// The squared norms of the centered rows.
    pub(crate) fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    pub(crate) fn sums(&self) -> SideSums {
        self.sums
    }

    pub(crate) fn cka(&self, y: &Self) -> Cka {
        let cross = inner(&self.values, &y.values, self.rows());
        self.finish(y, cross, dot(&self.diagonal, &y.diagonal), off_diagonal(self, y, None))
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
        self.finish(y, cross, norms, off_diagonal(self, y, Some(order)))
    }

    fn finish(&self, y: &Self, cross_frobenius_squared: f64, cross_norms: f64, cross: f64) -> Cka {
        let sums = CkaSums {
            rows: self.rows(),
            x: self.sums,
            y: y.sums,
            cross_frobenius_squared,
            cross_norms,
        };
        let own = |side: &Self| {
            let rounding = (2.0 * side.own.sqrt() + side.rounding) * side.rounding;
            Term { value: side.own, rounding }
        };
        let rounding = self.own.sqrt() * y.rounding + (y.own.sqrt() + y.rounding) * self.rounding;
        let xy = Term { value: cross, rounding };
        Cka::new(sums, Errors::default(), [self.unit, y.unit]).with_debiased(Debiased {
            xy,
            xx: own(self),
            yy: own(y),
        })
    }
}

/// `⟨K, L⟩` of symmetric matrices from their lower triangles.
fn inner(k: &[f64], l: &[f64], rows: usize) -> f64 {
    let row = |(i, (k, l)): (usize, (&[f64], &[f64]))| 2.0 * dot(&k[..i], &l[..i]) + k[i] * l[i];
    k.chunks_exact(rows).zip(l.chunks_exact(rows)).enumerate().map(row).sum()
}

/// `t` of the module.
fn shift(k: &[f64], rows: usize) -> Vec<f64> {
    let mut sums = vec![0.0; rows];
    if rows < 4 {
        return sums;
    }
    for (i, k) in k.chunks_exact(rows).enumerate() {
        for (sum, k) in sums[..i].iter_mut().zip(k) {
            *sum += k;
        }
        sums[i] += k[..i].iter().sum::<f64>();
    }
    let n = rows as f64;
    let half = sums.iter().sum::<f64>() / (2.0 * (n - 1.0));
    sums.iter_mut().for_each(|sum| *sum = (*sum - half) / (n - 2.0));
    sums
}

/// `h_xy` of the module, with the rows of `y` in the order of `order`.
fn off_diagonal(x: &Gram, y: &Gram, order: Option<&[usize]>) -> f64 {
    let rows = x.rows();
    let (mut a, mut b) = (vec![0.0; rows], vec![0.0; rows]);
    let mut sum = 0.0;
    for (i, k) in x.values.chunks_exact(rows).enumerate() {
        let at = order.map_or(i, |order| order[i]);
        for (j, (a, b)) in a.iter_mut().zip(&mut b).enumerate().take(i) {
            let to = order.map_or(j, |order| order[j]);
            *a = k[j] - (x.shift[i] + x.shift[j]);
            *b = y.values[at.max(to) * rows + at.min(to)] - (y.shift[at] + y.shift[to]);
        }
        sum += dot(&a[..i], &b[..i]);
    }
    2.0 * sum
}

/// Takes the means of rows and columns out of a symmetric matrix. The first row and column go
/// before: a constant that is large beside what varies goes with them without a rounding.
fn center(k: &mut [f64], rows: usize) {
    let n = rows as f64;
    let first: Vec<f64> = k[..rows].to_vec();
    for (row, own) in k.chunks_exact_mut(rows).zip(&first) {
        for (value, other) in row.iter_mut().zip(&first) {
            *value = (*value - other) - (own - first[0]);
        }
    }
    let means: Vec<f64> = k.chunks_exact(rows).map(|row| row.iter().sum::<f64>() / n).collect();
    let mean = means.iter().sum::<f64>() / n;
    for (row, own) in k.chunks_exact_mut(rows).zip(&means) {
        for (value, other) in row.iter_mut().zip(&means) {
            *value = (*value - own) - (other - mean);
        }
    }
}
