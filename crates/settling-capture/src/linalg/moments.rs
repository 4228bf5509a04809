//! The sums that CKA is made of on a device, about the running mean, and how they move when the
//! mean does.
//!
//! They are those of settling-cka, whose `moments.rs` derives the formulas. For a row of either
//! side about its mean `a`, `b`, and `u = |a|²`, `v = |b|²`, the state of each of the pairs xx, xy
//! and yy is
//!
//! ```text
//! C = Σ a bᵀ        S = Σ u v        P = Σ a v        Q = Σ b u
//! ```
//!
//! and of each side the trace `T = Σ u`. When every row becomes `a + d`, `b + e`,
//!
//! ```text
//! C' = C + n d eᵀ
//! P' = P + 2 C e  + (T_b + n |e|²) d
//! Q' = Q + 2 Cᵀ d + (T_a + n |d|²) e
//! S' = S + 2 d·P + 2 e·Q + 4 dᵀ C e + |d|² T_b + |e|² T_a + n |d|² |e|²
//! ```
//!
//! Two states move to their common mean and add up; what that adds to `C` is `(n_A n_B / n) δ εᵀ`
//! with the differences of the means (Chan, Golub & LeVeque 1983). All tensors are f64 and stay on
//! the device, numbers too, so that the host never waits. Nothing is changed in place: a failure on
//! the way leaves the state as it was.

use settling_cka::{CkaSums, SideSums};
use tch::{Device, Kind, TchError, Tensor};

use crate::tensor::{as_i64, as_usize};

/// Everything that is kept of the rows seen; at least one row.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) rows: usize,
    sides: [Side; 2],
    own: [Pair; 2],
    between: Pair,
}

/// One side.
#[derive(Debug)]
struct Side {
    /// The mean as the unevaluated sum `high + low`: far from zero a single f64 is too coarse
    /// beside the spread of the rows.
    high: Tensor,
    low: Tensor,
    /// `T`.
    trace: Tensor,
}

/// The sums of one pair of sides; see the module.
#[derive(Debug)]
struct Pair {
    /// `C`.
    cross: Tensor,
    /// `S`.
    norms: Tensor,
    /// `P`.
    left: Tensor,
    /// `Q`.
    right: Tensor,
}

/// One side of a block of rows about the block's own mean.
struct Centered {
    side: Side,
    /// `(rows, cols)`.
    values: Tensor,
    /// The squared norm of each row.
    norms: Tensor,
}

/// How far the rows of one side move, and what is needed of that side to move a pair.
struct Shift<'a> {
    by: Tensor,
    norm: Tensor,
    trace: &'a Tensor,
}

impl Centered {
    /// Centres `rows` rows, row-major, on the device.
    fn new(values: &[f32], rows: usize, device: Device) -> Result<Self, TchError> {
        let values = Tensor::f_from_slice(values)?.f_reshape([as_i64(rows), -1])?;
        let values = values.f_to_device(device)?.f_to_kind(Kind::Double)?;
        // Divided by a tensor on the device: by a number, or in a mean, a GPU multiplies with the
        // rounded reciprocal. The rows of a constant side would then keep a variance.
        let count = Tensor::f_from_slice(&[rows as f64])?.f_to_device(device)?;
        let mean =
            |values: &Tensor| values.f_sum_dim_intlist(0, false, Kind::Double)?.f_div(&count);
        // What the rounded mean leaves of the rows is small and has a mean of its own: the low
        // part. Equal rows leave nothing.
        let high = mean(&values)?;
        let values = values.f_sub(&high)?;
        let low = mean(&values)?;
        let values = values.f_sub(&low)?;
        let norms = values.f_square()?.f_sum_dim_intlist(1, false, Kind::Double)?;
        let trace = norms.f_sum(Kind::Double)?;
        Ok(Self { side: Side { high, low, trace }, values, norms })
    }
}

impl Side {
    /// The mean of `other` minus that of `self`.
    fn to(&self, other: &Self) -> Result<Tensor, TchError> {
        other.high.f_sub(&self.high)?.f_add(&other.low.f_sub(&self.low)?)
    }

    /// The side of two states, `delta` from the mean of the first to that of the second, which has
    /// the share `share` of the rows; `weight` as in the module.
    fn merged(
        &self,
        other: &Self,
        delta: &Tensor,
        share: f64,
        weight: f64,
    ) -> Result<Self, TchError> {
        let add = self.low.f_add(&delta.f_mul_scalar(share)?)?;
        // Knuth's two-sum: `sum + low` is `high + add` exactly.
        let sum = self.high.f_add(&add)?;
        let added = sum.f_sub(&self.high)?;
        let low = self.high.f_sub(&sum.f_sub(&added)?)?.f_add(&add.f_sub(&added)?)?;
        let moved = delta.f_dot(delta)?.f_mul_scalar(weight)?;
        let trace = self.trace.f_add(&other.trace)?.f_add(&moved)?;
        Ok(Self { high: sum, low, trace })
    }
}

impl Pair {
    fn new(a: &Centered, b: &Centered) -> Result<Self, TchError> {
        let a_transposed = a.values.f_transpose(0, 1)?;
        Ok(Self {
            cross: a_transposed.f_mm(&b.values)?,
            norms: a.norms.f_dot(&b.norms)?,
            left: a_transposed.f_mv(&b.norms)?,
            right: b.values.f_transpose(0, 1)?.f_mv(&a.norms)?,
        })
    }

    /// `S`, `P` and `Q` after a move of `rows` rows.
    fn moved(&self, rows: f64, a: &Shift<'_>, b: &Shift<'_>) -> Result<[Tensor; 3], TchError> {
        let c_e = self.cross.f_mv(&b.by)?;
        let c_d = self.cross.f_transpose(0, 1)?.f_mv(&a.by)?;
        // `T + n |.|²`, of a side.
        let spread = |s: &Shift<'_>| s.trace.f_add(&s.norm.f_mul_scalar(rows)?);
        let vector = |sum: &Tensor, product: &Tensor, other: &Shift<'_>, own: &Shift<'_>| {
            let moved = sum.f_add(&product.f_mul_scalar(2.0)?)?;
            moved.f_add(&spread(other)?.f_mul(&own.by)?)
        };
        // `dᵀ C e` is half of `d · C e + e · Cᵀ d`; `n |d|² |e|²` is in the spread of one side.
        let inner = |s: &Shift<'_>, sum: &Tensor, product: &Tensor| {
            s.by.f_dot(&sum.f_add(product)?)?.f_mul_scalar(2.0)
        };
        let norms = self.norms.f_add(&inner(a, &self.left, &c_e)?)?;
        let norms = norms.f_add(&inner(b, &self.right, &c_d)?)?;
        let norms = norms.f_add(&a.norm.f_mul(b.trace)?)?;
        let norms = norms.f_add(&b.norm.f_mul(&spread(a)?)?)?;
        let left = vector(&self.left, &c_e, b, a)?;
        let right = vector(&self.right, &c_d, a, b)?;
        Ok([norms, left, right])
    }
}

/// What one of two states that are merged contributes.
struct Moving<'a> {
    state: &'a Moments,
    shifts: [Shift<'a>; 2],
}

impl<'a> Moving<'a> {
    /// Every row of `state` moves by `weight` times the differences `deltas` of the means.
    fn new(state: &'a Moments, weight: f64, deltas: &[Tensor; 2]) -> Result<Self, TchError> {
        let shift = |side: usize| -> Result<Shift<'a>, TchError> {
            let by = deltas[side].f_mul_scalar(weight)?;
            Ok(Shift { norm: by.f_dot(&by)?, by, trace: &state.sides[side].trace })
        };
        Ok(Self { state, shifts: [shift(0)?, shift(1)?] })
    }

    fn pair(&self, pair: &Pair, a: usize, b: usize) -> Result<[Tensor; 3], TchError> {
        pair.moved(self.state.rows as f64, &self.shifts[a], &self.shifts[b])
    }
}

impl Moments {
    /// The sums over one block of `rows` rows, at least one, row-major.
    pub(super) fn new([x, y]: [&[f32]; 2], rows: usize, device: Device) -> Result<Self, TchError> {
        let (x, y) = (Centered::new(x, rows, device)?, Centered::new(y, rows, device)?);
        let own = [Pair::new(&x, &x)?, Pair::new(&y, &y)?];
        Ok(Self { rows, own, between: Pair::new(&x, &y)?, sides: [x.side, y.side] })
    }

    /// The sums over the rows of both, which have the same widths.
    pub(super) fn merged(&self, other: &Self) -> Result<Self, TchError> {
        let (n_self, n_other) = (self.rows as f64, other.rows as f64);
        let n = n_self + n_other;
        let [x, y] = [0, 1].map(|side| self.sides[side].to(&other.sides[side]));
        let deltas = [x?, y?];
        let here = Moving::new(self, -n_other / n, &deltas)?;
        let there = Moving::new(other, n_self / n, &deltas)?;
        let weight = n_self * (n_other / n);

        let pair = |of: fn(&Self) -> &Pair, a: usize, b: usize| -> Result<Pair, TchError> {
            let (ours, theirs) = (of(self), of(other));
            let mut cross = ours.cross.f_add(&theirs.cross)?;
            let _ = cross.f_addr_(&deltas[a].f_mul_scalar(weight)?, &deltas[b])?;
            let (ours, theirs) = (here.pair(ours, a, b)?, there.pair(theirs, a, b)?);
            let [norms, left, right] = [0, 1, 2].map(|k| ours[k].f_add(&theirs[k]));
            Ok(Pair { cross, norms: norms?, left: left?, right: right? })
        };
        let side =
            |k: usize| self.sides[k].merged(&other.sides[k], &deltas[k], n_other / n, weight);
        Ok(Self {
            rows: self.rows + other.rows,
            sides: [side(0)?, side(1)?],
            own: [pair(|m| &m.own[0], 0, 0)?, pair(|m| &m.own[1], 1, 1)?],
            between: pair(|m| &m.between, 0, 1)?,
        })
    }

    /// The numbers of which a CKA is made, still on the device: of `x`, of `y` and of both.
    pub(super) fn numbers(&self) -> Result<Tensor, TchError> {
        let frobenius = |pair: &Pair| pair.cross.f_square()?.f_sum(Kind::Double);
        let ([x, y], [xx, yy], xy) = (&self.sides, &self.own, &self.between);
        let (of_xx, of_yy, of_xy) = (frobenius(xx)?, frobenius(yy)?, frobenius(xy)?);
        let numbers = [&x.trace, &of_xx, &xx.norms, &y.trace, &of_yy, &yy.norms, &of_xy, &xy.norms];
        Tensor::f_stack(&numbers, 0)
    }

    /// [`numbers`](Self::numbers), on the host, with their names.
    pub(super) fn sums(&self, numbers: &[f64]) -> CkaSums {
        let side = |k: usize| SideSums {
            features: self.sides[k].high.size().first().map_or(0, |&width| as_usize(width)),
            trace: numbers[3 * k],
            frobenius_squared: numbers[3 * k + 1],
            squared_norms: numbers[3 * k + 2],
        };
        CkaSums {
            rows: self.rows,
            x: side(0),
            y: side(1),
            cross_frobenius_squared: numbers[6],
            cross_norms: numbers[7],
        }
    }
}
