//! The sums that CKA is made of, about the running mean, and how they move when the mean does.
//!
//! Write `a`, `b` for a row of either side about its mean, `u = |a|²`, `v = |b|²`, and `Σ` for a
//! sum over the `n` rows. For each of the pairs xx, xy and yy the state is
//!
//! ```text
//! C = Σ a bᵀ        S = Σ u v        P = Σ a v        Q = Σ b u
//! ```
//!
//! and for each side the trace `T = Σ u`. Let the means move so that every row becomes `a + d`,
//! `b + e`. Then `u` becomes `u + 2 a·d + |d|²`, and because `Σ a = 0` and `Σ b = 0`, expanding the
//! products and dropping what sums to zero leaves (`T_a`, `T_b` the traces of the two sides)
//!
//! ```text
//! C' = C + n d eᵀ
//! P' = P + 2 C e  + (T_b + n |e|²) d
//! Q' = Q + 2 Cᵀ d + (T_a + n |d|²) e
//! S' = S + 2 d·P + 2 e·Q + 4 dᵀ C e + |d|² T_b + |e|² T_a + n |d|² |e|²
//! ```
//!
//! A block of new rows moves the mean; the sums so far are moved to the new mean, and the rows
//! about the new mean are added. To merge two states, both are moved to their common mean:
//! `n_A d_A e_Aᵀ + n_B d_B e_Bᵀ` is then `(n_A n_B / n) δ εᵀ`, the known update of a covariance
//! (Chan, Golub & LeVeque 1983). Products with `C` are matrix times vector: a move costs O(D²).
//!
//! All of it is in units of a power of two of each side (`unit.rs`), so that fourth powers of rows
//! neither overflow nor vanish; only the means are not.
//!
//! Every expression treats `(a, d, P)` and `(b, e, Q)` alike, term by term, so that exchanging the
//! sides exchanges bits.

use crate::arithmetic::block::{Centered, Mean};
use crate::arithmetic::product::{
    SINGLE_ROWS, add_cross, add_cross_single, add_gram, add_gram_single,
};
use crate::arithmetic::product::{axpy, dot};
use crate::arithmetic::unit::Unit;

/// The unit roundoff of f32.
const UNIT: f64 = 1.0 / (1_u64 << 24) as f64;

/// How far the rows of one side move, and what is needed of that side to move a pair.
pub(crate) struct Shift {
    by: Vec<f64>,
    norm: f64,
    trace: f64,
    /// What brings the sums before the move to the unit after it.
    rescale: f64,
}

/// One side alone: its mean, and `C`, `S`, `P` and `T` of the side with itself.
#[derive(Clone, Debug)]
pub(crate) struct OneSide {
    pub(crate) mean: Mean,
    /// None as long as all rows are equal.
    unit: Option<Unit>,
    /// `T`.
    pub(crate) trace: f64,
    /// The lower triangle of `C`, row-major `(cols, cols)`.
    cross: Vec<f64>,
    /// `S`.
    pub(crate) norms: f64,
    /// `P`, which is `Q`.
    weighted: Vec<f64>,
    /// Of products in f32: for every feature, `(Σ a²)²` of each stretch of rows that is added up in
    /// f32, added up. Empty if they are f64.
    squared_sums: Vec<f64>,
}

impl OneSide {
    /// No rows, and a mean for the first of them to deviate from.
    pub(crate) fn new(start: Mean, cols: usize, single_precision: bool) -> Self {
        Self {
            mean: start,
            unit: None,
            trace: 0.0,
            cross: vec![0.0; cols * cols],
            norms: 0.0,
            weighted: vec![0.0; cols],
            squared_sums: vec![0.0; if single_precision { cols } else { 0 }],
        }
    }

    pub(crate) fn cols(&self) -> usize {
        self.weighted.len()
    }

    pub(crate) fn unit(&self) -> Unit {
        self.unit.unwrap_or_default()
    }

    /// Makes room for rows and moves up to `reach`; the move of these rows by `weight * delta`.
    pub(crate) fn shift_by(&mut self, reach: f64, weight: f64, delta: &[f64]) -> Shift {
        let rescale = self.rescale(Unit::with_room(self.unit, reach));
        let inverse = self.unit().inverse();
        let by: Vec<f64> = delta.iter().map(|delta| weight * (delta * inverse)).collect();
        Shift { norm: dot(&by, &by), by, trace: self.trace, rescale }
    }

    /// The moves of these rows, and those of `other`, by `weights * delta`, in one unit.
    pub(crate) fn shifts_to_merge(
        &mut self,
        other: &mut Self,
        weights: [f64; 2],
        delta: &[f64],
    ) -> [Shift; 2] {
        let reach = delta.iter().fold(0.0_f64, |reach, delta| reach.max(delta.abs()));
        let unit = Unit::with_room(self.unit.max(other.unit), reach);
        let [own, others] = [self, other].map(|side| {
            let rescale = side.rescale(unit);
            (side, rescale)
        });
        let shift = |(side, rescale): (&mut Self, f64), weight| {
            // There is room for `reach` already.
            Shift { rescale, ..side.shift_by(0.0, weight, delta) }
        };
        [shift(own, weights[0]), shift(others, weights[1])]
    }

    /// Changes the unit to one that is not smaller. What that did to rows.
    fn rescale(&mut self, unit: Option<Unit>) -> f64 {
        let factor = match (self.unit, unit) {
            (Some(from), Some(to)) if from != to => from.in_unit(to),
            _ => 1.0,
        };
        self.unit = unit;
        if factor != 1.0 {
            let (two, three) = (factor * factor, factor * factor * factor);
            self.trace *= two;
            self.norms *= two * two;
            multiply(&mut self.cross, two);
            multiply(&mut self.weighted, three);
            multiply(&mut self.squared_sums, two * two);
        }
        factor
    }

    /// Moves all sums but the mean.
    pub(crate) fn shift(&mut self, rows: f64, shift: &Shift) {
        let Shift { by, norm, .. } = shift;
        let cols = self.cols();
        let mut product = vec![0.0; cols];
        for (i, row) in self.cross.chunks_exact_mut(cols).enumerate() {
            let (row, weight) = (&mut row[..=i], by[i]);
            product[i] += dot(row, &by[..=i]);
            axpy(&mut product[..i], weight, &row[..i]);
            axpy(row, rows * weight, &by[..=i]);
        }
        let half = 2.0 * (dot(by, &self.weighted) + dot(by, &product)) + norm * self.trace;
        self.norms += 2.0 * half + rows * (norm * norm);
        axpy(&mut self.weighted, 2.0, &product);
        axpy(&mut self.weighted, self.trace + rows * norm, by);
        self.trace += rows * norm;
    }

    /// Adds rows about the mean.
    pub(crate) fn add_rows(&mut self, rows: &Centered) {
        self.trace += rows.norms.iter().sum::<f64>();
        self.norms += dot(&rows.norms, &rows.norms);
        axpy(&mut self.weighted, 1.0, &rows.weighted_sum(&rows.norms));
        match &rows.single {
            None => add_gram(&mut self.cross, &rows.columns),
            Some(single) => add_gram_single(&mut self.cross, &mut self.squared_sums, single),
        }
    }

    /// Adds the sums of `other`, which are about the same mean.
    pub(crate) fn add(&mut self, other: &Self) {
        self.trace += other.trace;
        self.norms += other.norms;
        axpy(&mut self.weighted, 1.0, &other.weighted);
        axpy(&mut self.cross, 1.0, &other.cross);
        axpy(&mut self.squared_sums, 1.0, &other.squared_sums);
    }

    /// `√s / T` of the `squared_sums` s: in the middle of the range of f64, where eighth powers of
    /// rows would not be.
    fn weights(&self) -> Vec<f64> {
        self.squared_sums.iter().map(|sum| sum.sqrt() / self.trace).collect()
    }

    /// The squared Frobenius norm of `C`, and the error that products in f32 may have left in it.
    pub(crate) fn frobenius_squared(&self) -> (f64, f64) {
        let weights = self.weights();
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (i, row) in self.cross.chunks_exact(self.cols()).enumerate() {
            sum += 2.0 * dot(&row[..i], &row[..i]) + row[i] * row[i];
            if let Some(weight) = weights.get(i) {
                // Half of what a full matrix would have, and every element of it twice as an error.
                let below = weighted_squares(&row[..i], &weights);
                weighted += weight * (4.0 * below + row[i] * row[i] * weight);
            }
        }
        (sum, rounding(weighted, self, self))
    }
}

/// The sums of a pair of sides; see the module.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// The wider side is stored second, so that a pair and the pair swapped run through the same
    /// arithmetic.
    swapped: bool,
    /// `C`, row-major `(a_cols, b_cols)`.
    cross: Vec<f64>,
    /// `S`.
    pub(crate) norms: f64,
    /// `P`, of length `a_cols`.
    left: Vec<f64>,
    /// `Q`, of length `b_cols`.
    right: Vec<f64>,
}

impl Pair {
    pub(crate) fn new(x_cols: usize, y_cols: usize) -> Self {
        let (left, right) = (x_cols.min(y_cols), x_cols.max(y_cols));
        Self {
            swapped: x_cols > y_cols,
            cross: vec![0.0; left * right],
            norms: 0.0,
            left: vec![0.0; left],
            right: vec![0.0; right],
        }
    }

    fn sorted<T>(&self, x: T, y: T) -> (T, T) {
        if self.swapped { (y, x) } else { (x, y) }
    }

    pub(crate) fn shift(&mut self, rows: f64, x: &Shift, y: &Shift) {
        let (a, b) = self.sorted(x, y);
        self.rescale(a.rescale, b.rescale);
        let cols = b.by.len();
        let mut left = vec![0.0; a.by.len()];
        let mut right = vec![0.0; cols];
        for ((row, left), &by) in self.cross.chunks_exact_mut(cols).zip(&mut left).zip(&a.by) {
            // Not `dot`: the order of this sum has to be that of the sums that `axpy` forms.
            for (c, by) in row.iter().zip(&b.by) {
                *left += c * by;
            }
            axpy(&mut right, by, row);
            for (c, other) in row.iter_mut().zip(&b.by) {
                *c += rows * (by * other);
            }
        }
        let half = |by: &Shift, own: &[f64], product: &[f64], other: &Shift| {
            2.0 * (dot(&by.by, own) + dot(&by.by, product)) + by.norm * other.trace
        };
        self.norms += (half(a, &self.left, &left, b) + half(b, &self.right, &right, a))
            + rows * (a.norm * b.norm);
        axpy(&mut self.left, 2.0, &left);
        axpy(&mut self.left, b.trace + rows * b.norm, &a.by);
        axpy(&mut self.right, 2.0, &right);
        axpy(&mut self.right, a.trace + rows * a.norm, &b.by);
    }

    fn rescale(&mut self, a: f64, b: f64) {
        if (a, b) != (1.0, 1.0) {
            self.norms *= (a * b) * (a * b);
            multiply(&mut self.cross, a * b);
            multiply(&mut self.left, a * b * b);
            multiply(&mut self.right, a * a * b);
        }
    }

    /// Adds rows about the mean.
    pub(crate) fn add_rows(&mut self, x: &Centered, y: &Centered) {
        let (a, b) = self.sorted(x, y);
        self.norms += dot(&a.norms, &b.norms);
        axpy(&mut self.left, 1.0, &a.weighted_sum(&b.norms));
        axpy(&mut self.right, 1.0, &b.weighted_sum(&a.norms));
        match (&a.single, &b.single) {
            (Some(a), Some(b)) => add_cross_single(&mut self.cross, a, b),
            _ => add_cross(&mut self.cross, &a.columns, &b.columns),
        }
    }

    /// Adds the sums of `other`, which are about the same means.
    pub(crate) fn add(&mut self, other: &Self) {
        self.norms += other.norms;
        axpy(&mut self.left, 1.0, &other.left);
        axpy(&mut self.right, 1.0, &other.right);
        axpy(&mut self.cross, 1.0, &other.cross);
    }

    /// The squared Frobenius norm of `C`, and the error that products in f32 may have left in it.
    /// An entry of a square matrix is added together with its mirror image, so that `C` and its
    /// transpose give the same bits.
    pub(crate) fn frobenius_squared(&self, x: &OneSide, y: &OneSide) -> (f64, f64) {
        let (rows, cols, c) = (self.left.len(), self.right.len(), &self.cross);
        let sum = if rows == cols {
            let square = |i: usize, j: usize| c[i * cols + j] * c[i * cols + j];
            let row = |i| (0..i).map(|j| square(i, j) + square(j, i)).sum::<f64>() + square(i, i);
            (0..rows).map(row).sum()
        } else {
            c.chunks_exact(cols).map(|row| dot(row, row)).sum()
        };
        let (a, b) = self.sorted(x, y);
        let (left, right) = (a.weights(), b.weights());
        let row = |(row, weight): (&[f64], &f64)| weight * weighted_squares(row, &right);
        let weighted = c.chunks_exact(cols).zip(&left).map(row).sum();
        (sum, rounding(weighted, a, b))
    }
}

fn multiply(values: &mut [f64], factor: f64) {
    values.iter_mut().for_each(|value| *value *= factor);
}

fn weighted_squares(row: &[f64], weights: &[f64]) -> f64 {
    row.iter().zip(weights).map(|(c, weight)| c * c * weight).sum()
}

/// Four standard deviations of what rounding to f32 does to `‖C‖²`, if roundings are independent.
///
/// A stretch of k rows is k products of numbers rounded to f32, added up with a rounding each: an
/// element of `C` is off by at most `√(k + 2) u Σ|a b|` in the root of the mean square (Higham &
/// Mary 2019), and `(Σ|a b|)² <= Σa² Σb²`. Stretches add up their squares, bounded by Cauchy and
/// Schwarz once more with the `squared_sums` s of the two sides: the variance of element ij is at
/// most `(k + 2) u² √(s_i s_j)`. `weighted` is the sum of `C_ij² √(s_i s_j) / (T_a T_b)`. To first
/// order the error is `2 ⟨C, E⟩`; the second term is the mean of `‖E‖²`.
fn rounding(weighted: f64, a: &OneSide, b: &OneSide) -> f64 {
    if a.squared_sums.is_empty() || a.trace == 0.0 || b.trace == 0.0 {
        return 0.0;
    }
    let variance = (SINGLE_ROWS + 2) as f64 * UNIT * UNIT;
    let [a_sum, b_sum] = [a, b].map(|side| side.weights().iter().sum::<f64>());
    let traces = a.trace * b.trace;
    4.0 * 2.0 * (variance * weighted).sqrt() * traces.sqrt() + variance * a_sum * b_sum * traces
}
