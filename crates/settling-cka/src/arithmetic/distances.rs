//! Distances between rows.

use settling_core::MatView;

use crate::arithmetic::block::Centered;
use crate::arithmetic::product::gram_of_rows;

/// By how much more than the rounding of a product a squared distance may be off.
pub(crate) const LOST: f64 = 1000.0;

/// All `(n, n)` distances between the rows of `m`, of which there are some: off by [`LOST`]
/// roundings of a product at most, at any scale, also those of near rows far from all others.
pub(crate) fn distances<T: Copy + Into<f64>>(m: MatView<'_, T>) -> Vec<f64> {
    let rows = m.rows();
    let (block, unit) = Centered::all(m);
    let mut k = gram_of_rows(&block.columns);
    let norms: Vec<f64> = (0..rows).map(|row| k[row * (rows + 1)]).collect();
    for i in 0..rows {
        for j in 0..=i {
            let (squared, norms) =
                (norms[i] + norms[j] - 2.0 * k[i * rows + j], norms[i] + norms[j]);
            // Near each other and far from the mean, three digits or more have cancelled; much
            // nearer to the mean than others, they have vanished.
            let distance = if squared * LOST < norms || norms < 1e-200 {
                distance(m.row(i), m.row(j))
            } else {
                squared.sqrt() * unit.value()
            };
            (k[i * rows + j], k[j * rows + i]) = (distance, distance);
        }
    }
    k
}

fn distance<T: Copy + Into<f64>>(a: &[T], b: &[T]) -> f64 {
    let differences = || a.iter().zip(b).map(|(&a, &b)| (a.into() - b.into()).abs());
    let largest = differences().fold(0.0, f64::max);
    if largest == 0.0 {
        return 0.0;
    }
    let squares = differences().map(|difference| (difference / largest) * (difference / largest));
    largest * squares.sum::<f64>().sqrt()
}
