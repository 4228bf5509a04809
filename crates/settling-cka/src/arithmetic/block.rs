//! Rows of one side, about a mean in twice the precision of f64.

use std::array;

use settling_core::MatView;

use crate::arithmetic::product::{Columns, Scaled};
use crate::arithmetic::unit::Unit;

/// A mean as the unevaluated sum `high + low`: far from zero a single f64 is too coarse beside the
/// spread of the rows.
#[derive(Clone, Debug)]
pub(crate) struct Mean {
    high: Vec<f64>,
    low: Vec<f64>,
}

impl Mean {
    /// The first row of `m`: a start that is as far from zero as the rows are. Equal rows are
    /// exactly nothing about it.
    pub(crate) fn start<T: Copy + Into<f64>>(m: MatView<'_, T>) -> Self {
        let high: Vec<f64> = m.row(0).iter().map(|&value| value.into()).collect();
        Self { low: vec![0.0; high.len()], high }
    }

    /// The mean of the rows of `m` about this one, and the greatest magnitude that an element has
    /// about this one. Rows about any mean of theirs are at most twice as far from it, and half as
    /// far at the least.
    pub(crate) fn deviation<T: Copy + Into<f64>>(&self, m: MatView<'_, T>) -> (Vec<f64>, f64) {
        let mut sums = vec![0.0; self.high.len()];
        let mut reach = 0.0_f64;
        for row in m.iter_rows() {
            let parts = row.iter().zip(&self.high).zip(&self.low);
            for (sum, ((&value, high), low)) in sums.iter_mut().zip(parts) {
                let value = (value.into() - high) - low;
                *sum += value;
                reach = reach.max(value.abs());
            }
        }
        let rows = m.rows() as f64;
        sums.iter_mut().for_each(|sum| *sum /= rows);
        (sums, reach)
    }

    /// `other - self`.
    pub(crate) fn to(&self, other: &Self) -> Vec<f64> {
        let parts = self.high.iter().zip(&self.low).zip(other.high.iter().zip(&other.low));
        parts.map(|((high, low), (to_high, to_low))| (to_high - high) + (to_low - low)).collect()
    }

    /// Adds `weight * delta`.
    pub(crate) fn advance(&mut self, weight: f64, delta: &[f64]) {
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

/// One side of a block of rows about a mean, in units of a power of two.
#[derive(Clone, Debug)]
pub(crate) struct Centered {
    pub(crate) columns: Columns<f64>,
    /// The squared norm of each row.
    pub(crate) norms: Vec<f64>,
    /// The columns once more, where products are to be f32.
    pub(crate) single: Option<Scaled>,
}

impl Centered {
    /// All the rows there are, of which there are some, about their mean and in their own unit.
    pub(crate) fn all<T: Copy + Into<f64>>(m: MatView<'_, T>) -> (Self, Unit) {
        let mut mean = Mean::start(m);
        let (deviation, reach) = mean.deviation(m);
        mean.advance(1.0, &deviation);
        let unit = Unit::of(reach).unwrap_or_default();
        (Self::reusing(None, m, &mean, unit), unit)
    }

    /// In the memory of a block that is no longer needed: to get and clear some megabytes for every
    /// block costs a tenth of the time.
    pub(crate) fn reusing<T: Copy + Into<f64>>(
        spare: Option<Self>,
        m: MatView<'_, T>,
        mean: &Mean,
        unit: Unit,
    ) -> Self {
        let inverse = unit.inverse();
        let (rows, cols) = (m.rows(), m.cols());
        let (memory, single) =
            spare.map_or((Vec::new(), None), |spare| (spare.columns.values, spare.single));
        let mut columns = Columns::reusing(memory, rows, cols);
        let mut norms = Vec::with_capacity(rows);
        // Eight rows at a time fill a cache line of every column.
        for start in (0..rows).step_by(8) {
            let tile: [&[T]; 8] = array::from_fn(|i| &m.row((start + i).min(rows - 1))[..cols]);
            let mut squares = [0.0; 8];
            let means = mean.high[..cols].iter().zip(&mean.low[..cols]);
            let out = columns.values.chunks_exact_mut(columns.stride);
            for ((col, (high, low)), out) in means.enumerate().zip(out) {
                let out: &mut [f64] = &mut out[start..start + 8];
                for i in 0..8 {
                    let value = ((tile[i][col].into() - high) - low) * inverse;
                    squares[i] += value * value;
                    out[i] = value;
                }
            }
            norms.extend_from_slice(&squares[..8.min(rows - start)]);
        }
        Self { columns, norms, single }
    }

    pub(crate) fn with_single(mut self) -> Self {
        let reach = self.norms.iter().copied().fold(0.0, f64::max).sqrt();
        self.single = Some(Scaled::new(&self.columns, reach, self.single));
        self
    }

    pub(crate) fn rows(&self) -> usize {
        self.norms.len()
    }

    /// The sum of the rows times `weights`.
    pub(crate) fn weighted_sum(&self, weights: &[f64]) -> Vec<f64> {
        self.columns.times(weights)
    }

    /// The rows in the order of `order`.
    pub(crate) fn permuted(&self, order: &[usize]) -> Self {
        let columns = self.columns.permuted(order);
        let norms = order.iter().map(|&row| self.norms[row]).collect();
        let single = self.single.as_ref().map(|single| single.permuted(order));
        Self { columns, norms, single }
    }
}
