//! The sums behind CKA, about the running mean, and how they move when the mean does.
//!
//! Write `a`, `b` for a row of either side about its mean, `u = |a|²`, `v = |b|²`, and `Σ` for a sum over the `n` rows. For
//! each of the pairs xx, xy and yy the state is
//!
//! ```text
//! C = Σ a bᵀ        S = Σ u v        P = Σ a v        Q = Σ b u
//! ```
//!
//! and for each side the trace `T = Σ u`. Let the means move so that every row becomes `a + d`, `b + e`. Then
//! `u` becomes `u + 2 a·d + |d|²`, and because `Σ a = 0` and `Σ b = 0`, expanding the products and dropping what sums to zero
//! leaves (`T_a`, `T_b` the traces of the two sides)
//!
//! ```text
//! C' = C + n d eᵀ
//! P' = P + 2 C e  + (T_b + n |e|²) d
//! Q' = Q + 2 Cᵀ d + (T_a + n |d|²) e
//! S' = S + 2 d·P + 2 e·Q + 4 dᵀ C e + |d|² T_b + |e|² T_a + n |d|² |e|²
//! ```
//!
//! With the shifts `d_A = -(n_B / n) δ` and `d_B = (n_A / n) δ` (`δ` from the mean of A to the mean of B) two states come to lie
//! about their common mean and add up; `n_A d_A e_Aᵀ + n_B d_B e_Bᵀ` is `(n_A n_B / n) δ εᵀ`, the known update of a covariance
//! (Chan, Golub & LeVeque 1983). Products with `C` are matrix times vector: a merge costs O(D²).
//!
//! Every expression treats `(a, d, P)` and `(b, e, Q)` alike, term by term, so that exchanging the sides exchanges bits.

use crate::block::Centred;
use crate::product::{axpy, cross, dot, gram};

/// A mean as the unevaluated sum `high + low`: far from zero a single f64 is too coarse beside the spread of the rows.
#[derive(Clone, Debug)]
pub(crate) struct Mean {
    pub(crate) high: Vec<f64>,
    pub(crate) low: Vec<f64>,
}

impl Mean {
    /// `other - self`.
    fn to(&self, other: &Self) -> Vec<f64> {
        let parts = self.high.iter().zip(&self.low).zip(other.high.iter().zip(&other.low));
        parts.map(|((high, low), (to_high, to_low))| (to_high - high) + (to_low - low)).collect()
    }

    /// Adds `weight * delta`.
    fn advance(&mut self, weight: f64, delta: &[f64]) {
        for ((high, low), delta) in self.high.iter_mut().zip(&mut self.low).zip(delta) {
            let add = *low + weight * delta;
            // Knuth's two-sum: `sum + error` is `high + add` exactly.
            let sum = *high + add;
            let added = sum - *high;
            let error = (*high - (sum - added)) + (add - added);
            (*high, *low) = (sum, error);
        }
    }
}

/// How far the rows of one side move, and what is needed of that side to move a pair.
struct Shift {
    by: Vec<f64>,
    norm: f64,
    trace: f64,
}

impl Shift {
    fn new(weight: f64, delta: &[f64], trace: f64) -> Self {
        let by: Vec<f64> = delta.iter().map(|delta| weight * delta).collect();
        Self { norm: dot(&by, &by), by, trace }
    }
}

/// The sums of one pair of sides; see the module.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
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
    fn new(a: &Centred, b: &Centred, cross: Vec<f64>) -> Self {
        Self {
            cross,
            norms: dot(&a.norms, &b.norms),
            left: a.weighted_sum(&b.norms),
            right: b.weighted_sum(&a.norms),
        }
    }

    /// Moves `S`, `P` and `Q`. `C` is left to [`add`](Self::add), which knows the sum of both moves.
    fn shift(&mut self, rows: f64, a: &Shift, b: &Shift) {
        let cols = b.by.len();
        let mut left = vec![0.0; a.by.len()];
        let mut right = vec![0.0; cols];
        for ((row, left), &by) in self.cross.chunks_exact(cols).zip(&mut left).zip(&a.by) {
            // Not `dot`: the order of this sum has to be that of the sums that `axpy` forms.
            for (c, by) in row.iter().zip(&b.by) {
                *left += c * by;
            }
            axpy(&mut right, by, row);
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

    /// Adds `other`, both having been shifted; `weight * delta epsilonᵀ` is what the shifts add to `C`.
    fn add(&mut self, other: &Self, weight: f64, delta: &[f64], epsilon: &[f64]) {
        self.norms += other.norms;
        axpy(&mut self.left, 1.0, &other.left);
        axpy(&mut self.right, 1.0, &other.right);
        let cols = epsilon.len();
        let rows = self.cross.chunks_exact_mut(cols).zip(other.cross.chunks_exact(cols));
        for ((row, other), delta) in rows.zip(delta) {
            for ((c, other), epsilon) in row.iter_mut().zip(other).zip(epsilon) {
                *c += other + weight * (delta * epsilon);
            }
        }
    }

    /// The squared Frobenius norm of `C`. An entry of a square matrix is added together with its mirror image, so that `C` and
    /// its transpose give the same bits.
    pub(crate) fn frobenius_squared(&self) -> f64 {
        let (rows, cols, c) = (self.left.len(), self.right.len(), &self.cross);
        if rows != cols {
            return c.chunks_exact(cols).map(|row| dot(row, row)).sum();
        }
        let square = |i: usize, j: usize| c[i * cols + j] * c[i * cols + j];
        let row = |i| (0..i).map(|j| square(i, j) + square(j, i)).sum::<f64>() + square(i, i);
        (0..rows).map(row).sum()
    }
}

/// Everything that is kept of the rows seen; at least one row.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) rows: usize,
    means: [Mean; 2],
    pub(crate) traces: [f64; 2],
    pub(crate) own: [Pair; 2],
    pub(crate) between: Pair,
}

impl Moments {
    /// The sums over one block of rows.
    pub(crate) fn new(a: Centred, b: Centred) -> Self {
        let rows = a.rows;
        let own = |side: &Centred| Pair::new(side, side, gram(&side.values, rows));
        Self {
            rows,
            traces: [a.norms.iter().sum(), b.norms.iter().sum()],
            own: [own(&a), own(&b)],
            between: Pair::new(&a, &b, cross(&a.values, &b.values, rows)),
            means: [a.mean, b.mean],
        }
    }

    pub(crate) fn widths(&self) -> [usize; 2] {
        [self.own[0].left.len(), self.own[1].left.len()]
    }

    /// Adds the rows of `other`, which has the same widths.
    pub(crate) fn merge(&mut self, mut other: Self) {
        let (n_self, n_other) = (self.rows as f64, other.rows as f64);
        let n = n_self + n_other;
        let deltas = [0, 1].map(|side| self.means[side].to(&other.means[side]));
        for (part, weight) in [(&mut *self, -n_other / n), (&mut other, n_self / n)] {
            let [a, b] = [0, 1].map(|side| Shift::new(weight, &deltas[side], part.traces[side]));
            part.own[0].shift(part.rows as f64, &a, &a);
            part.own[1].shift(part.rows as f64, &b, &b);
            part.between.shift(part.rows as f64, &a, &b);
        }
        let weight = n_self * (n_other / n);
        for side in [0, 1] {
            let delta = &deltas[side];
            self.own[side].add(&other.own[side], weight, delta, delta);
            self.traces[side] += other.traces[side] + weight * dot(delta, delta);
            self.means[side].advance(n_other / n, delta);
        }
        self.between.add(&other.between, weight, &deltas[0], &deltas[1]);
        self.rows += other.rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `rows` rows about `offset`, with all bits of the mantissa in use.
    fn rows(rows: usize, cols: usize, offset: f64) -> Centred {
        let value = |k: usize| (offset + k as f64 * 0.7).sin() + offset;
        Centred::new((0..rows * cols).map(value).collect(), cols)
    }

    #[test]
    fn exchanging_the_sides_exchanges_the_bits() {
        for cols in [1, 2, 9, 33, 70] {
            let x = |offset| rows(20, cols, offset);
            let y = |offset| rows(20, cols, 3.0 * offset);
            let mut there = Moments::new(x(0.1), y(0.2));
            there.merge(Moments::new(x(0.3), y(0.7)));
            let mut back = Moments::new(y(0.2), x(0.1));
            back.merge(Moments::new(y(0.7), x(0.3)));

            let (xy, yx) = (&there.between, &back.between);
            assert_eq!((&xy.left, &xy.right), (&yx.right, &yx.left), "{cols}");
            assert_eq!(xy.norms, yx.norms);
            for i in 0..cols {
                for j in 0..cols {
                    assert_eq!(xy.cross[i * cols + j], yx.cross[j * cols + i]);
                }
            }
            assert_eq!(xy.frobenius_squared(), yx.frobenius_squared());
        }
    }

    /// A side paired with itself goes through the formulas of a pair, and through half the multiplications.
    #[test]
    fn a_side_is_paired_with_itself_as_with_a_copy() {
        let mut moments = Moments::new(rows(20, 9, 0.1), rows(20, 9, 0.1));
        moments.merge(Moments::new(rows(5, 9, 2.0), rows(5, 9, 2.0)));
        for own in &moments.own {
            assert_eq!(own.left, own.right);
            assert_eq!((&own.left, own.norms), (&moments.between.left, moments.between.norms));
            assert_eq!(own.cross, moments.between.cross);
        }
    }
}
