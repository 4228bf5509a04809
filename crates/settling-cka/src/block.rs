use settling_core::MatView;

use crate::error::{Fault, Side};
use crate::moments::Mean;
use crate::product::{axpy, dot};

/// The greatest magnitude of an element. Fourth powers of centred rows are summed and squares of traces are formed: with rows
/// `n` and features `d` these are at most `16 (n d)² 2^800`, finite for every `n d < 2^100`.
const LIMIT: f64 = f64::from_bits((1023 + 200) << 52);

/// Checks that every element is finite and within [`LIMIT`].
pub(crate) fn check<T: Copy + Into<f64>>(m: MatView<'_, T>, side: Side) -> Result<(), Fault> {
    if m.cols() == 0 {
        return Err(Fault::NoFeatures { side });
    }
    for (row, values) in m.iter_rows().enumerate() {
        for (col, &value) in values.iter().enumerate() {
            let value = value.into();
            if !value.is_finite() {
                return Err(Fault::NotFinite { side, row, col, value });
            }
            if value.abs() > LIMIT {
                return Err(Fault::TooLarge { side, row, col, value });
            }
        }
    }
    Ok(())
}

/// One side of a block of rows about the block's own mean.
pub(crate) struct Centred {
    pub(crate) rows: usize,
    pub(crate) mean: Mean,
    /// `(rows, cols)`, row-major.
    pub(crate) values: Vec<f64>,
    /// The squared norm of each row.
    pub(crate) norms: Vec<f64>,
}

impl Centred {
    /// Centres `values`, row-major `(rows, cols)` with at least one row and column.
    pub(crate) fn new(mut values: Vec<f64>, cols: usize) -> Self {
        // Far from zero the mean, rounded to its own magnitude, may be off by more than the spread of the rows. What it leaves
        // of them is small and has a mean of its own: the low part. Equal rows leave exactly nothing.
        let high = column_means(&values, cols, &vec![0.0; cols]);
        let low = column_means(&values, cols, &high);
        for row in values.chunks_exact_mut(cols) {
            for ((value, high), low) in row.iter_mut().zip(&high).zip(&low) {
                *value = (*value - high) - low;
            }
        }
        let rows = values.len() / cols;
        let norms: Vec<f64> = values.chunks_exact(cols).map(|row| dot(row, row)).collect();
        Self { rows, mean: Mean { high, low }, values, norms }
    }

    /// The sum of the centred rows times `weights`.
    pub(crate) fn weighted_sum(&self, weights: &[f64]) -> Vec<f64> {
        let cols = self.values.len() / self.rows;
        let mut sum = vec![0.0; cols];
        for (row, &weight) in self.values.chunks_exact(cols).zip(weights) {
            axpy(&mut sum, weight, row);
        }
        sum
    }
}

/// The mean of `row - shift` over the rows.
fn column_means(values: &[f64], cols: usize, shift: &[f64]) -> Vec<f64> {
    let mut means = vec![0.0; cols];
    for row in values.chunks_exact(cols) {
        for ((mean, value), shift) in means.iter_mut().zip(row).zip(shift) {
            *mean += value - shift;
        }
    }
    let rows = (values.len() / cols) as f64;
    means.iter_mut().for_each(|mean| *mean /= rows);
    means
}
