//! The dense products, and the one place beside `svd.rs` that calls faer: always with [`Par::Seq`],
//! so that bits depend on no thread count.
//!
//! Operands are stored feature by feature, a few elements apart, and multiplied some hundred rows
//! at a time: that is where faer's packing is fastest (twice as fast in f64 as with rows of a power
//! of two one after the other).

use faer::linalg::matmul::{matmul, triangular};
use faer::reborrow::ReborrowMut;
use faer::traits::ComplexField;
use faer::{Accum, MatMut, MatRef, Par};

/// How many rows a product takes at once.
const DEPTH: usize = 256;
/// How many rows are added up in f32 before the sum goes to f64.
pub(crate) const SINGLE_ROWS: usize = 512;

/// Features of rows: element `(row, col)` is `values[col * stride + row]`.
#[derive(Clone, Debug)]
pub(crate) struct Columns<T> {
    pub(crate) values: Vec<T>,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) stride: usize,
}

impl<T: Copy + Default> Columns<T> {
    pub(crate) fn zeros(rows: usize, cols: usize) -> Self {
        Self::reusing(Vec::new(), rows, cols)
    }

    /// In the memory of `values`, with whatever is in it.
    pub(crate) fn reusing(mut values: Vec<T>, rows: usize, cols: usize) -> Self {
        // Eight elements more than a multiple of eight: columns a power of two apart would share
        // the sets of the caches.
        let stride = rows.next_multiple_of(8) + 8;
        values.resize(cols * stride, T::default());
        Self { values, rows, cols, stride }
    }

    pub(crate) fn col(&self, col: usize) -> &[T] {
        &self.values[col * self.stride..][..self.rows]
    }

    /// The rows `start..end` as a `(cols, rows)` matrix.
    fn part(&self, start: usize, end: usize) -> MatRef<'_, T> {
        let values = &self.values[start..];
        MatRef::from_row_major_slice_with_stride(values, self.cols, end - start, self.stride)
    }

    pub(crate) fn as_mat(&self) -> MatRef<'_, T> {
        MatRef::from_column_major_slice_with_stride(&self.values, self.rows, self.cols, self.stride)
    }

    /// The rows in the order of `order`.
    pub(crate) fn permuted(&self, order: &[usize]) -> Self {
        let mut out = Self::zeros(self.rows, self.cols);
        for (to, col) in out.values.chunks_exact_mut(out.stride).zip(0..self.cols) {
            let from = self.col(col);
            for (to, &row) in to.iter_mut().zip(order) {
                *to = from[row];
            }
        }
        out
    }
}

impl Columns<f64> {
    /// For every column, its sum over the rows times `weights`.
    pub(crate) fn times(&self, weights: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.cols];
        matmul(
            MatMut::from_column_major_slice_mut(&mut out, self.cols, 1),
            Accum::Replace,
            self.part(0, self.rows),
            MatRef::from_column_major_slice(weights, self.rows, 1),
            1.0,
            Par::Seq,
        );
        out
    }
}

/// [`Columns`] in f32, of which `1 / scale` is in the middle of its range.
#[derive(Clone, Debug)]
pub(crate) struct Scaled {
    columns: Columns<f32>,
    scale: f64,
}

impl Scaled {
    /// `reach` is at least the greatest magnitude in `columns`.
    pub(crate) fn new(columns: &Columns<f64>, reach: f64, spare: Option<Self>) -> Self {
        // The power of two just below `reach`, from its exponent bits; 1 for zeros and what is not
        // normal.
        let scale = f64::from_bits(reach.to_bits() & (0x7ff << 52));
        let scale = if scale.is_normal() { scale } else { 1.0 };
        let inverse = 1.0 / scale;
        let mut values = spare.map_or(Vec::new(), |spare| spare.columns.values);
        values.clear();
        values.extend(columns.values.iter().map(|&value| (value * inverse) as f32));
        let Columns { rows, cols, stride, .. } = *columns;
        Self { columns: Columns { values, rows, cols, stride }, scale }
    }

    pub(crate) fn permuted(&self, order: &[usize]) -> Self {
        Self { columns: self.columns.permuted(order), scale: self.scale }
    }
}

fn parts(rows: usize, depth: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(depth).map(move |start| (start, rows.min(start + depth)))
}

/// Adds `aᵀ b` to `out`, row-major `(a.cols, b.cols)`.
pub(crate) fn add_cross(out: &mut [f64], a: &Columns<f64>, b: &Columns<f64>) {
    for (start, end) in parts(a.rows, DEPTH) {
        matmul(
            MatMut::from_row_major_slice_mut(out, a.cols, b.cols),
            Accum::Add,
            a.part(start, end),
            b.part(start, end).transpose(),
            1.0,
            Par::Seq,
        );
    }
}

/// Adds `aᵀ a` to the lower triangle of `out`, row-major `(a.cols, a.cols)`: half the work of
/// [`add_cross`].
pub(crate) fn add_gram(out: &mut [f64], a: &Columns<f64>) {
    for (start, end) in parts(a.rows, DEPTH) {
        let part = a.part(start, end);
        lower(out, Accum::Add, part, part.transpose());
    }
}

/// The lower triangle of `a aᵀ`, row-major `(a.rows, a.rows)`; zeros above.
pub(crate) fn gram_of_rows(a: &Columns<f64>) -> Vec<f64> {
    let mut out = vec![0.0; a.rows * a.rows];
    for start in (0..a.cols).step_by(DEPTH) {
        let end = a.cols.min(start + DEPTH);
        let values = &a.values[start * a.stride..];
        let part = MatRef::from_row_major_slice_with_stride(values, end - start, a.rows, a.stride);
        lower(&mut out, Accum::Add, part.transpose(), part);
    }
    out
}

/// The lower triangle of `left right`, in strips of columns: what lies below the diagonal block is
/// one product, and 192 is a multiple of the register tiles of faer's kernels for f64 (12) and f32
/// (24).
fn lower<T: ComplexField>(out: &mut [T], accum: Accum, left: MatRef<'_, T>, right: MatRef<'_, T>) {
    let cols = left.nrows();
    let mut out = MatMut::from_row_major_slice_mut(out, cols, cols);
    for (start, end) in parts(cols, 192) {
        let strip = right.subcols(start, end - start);
        triangular::matmul(
            out.rb_mut().submatrix_mut(start, start, end - start, end - start),
            triangular::BlockStructure::TriangularLower,
            accum,
            left.subrows(start, end - start),
            triangular::BlockStructure::Rectangular,
            strip,
            triangular::BlockStructure::Rectangular,
            T::one_impl(),
            Par::Seq,
        );
        matmul(
            out.rb_mut().submatrix_mut(end, start, cols - end, end - start),
            accum,
            left.subrows(end, cols - end),
            strip,
            T::one_impl(),
            Par::Seq,
        );
    }
}

/// As [`add_cross`], with products and sums of [`SINGLE_ROWS`] rows in f32.
pub(crate) fn add_cross_single(out: &mut [f64], a: &Scaled, b: &Scaled) {
    let (scale, a, b) = (a.scale * b.scale, &a.columns, &b.columns);
    let mut sum = vec![0.0_f32; out.len()];
    for (start, end) in parts(a.rows, SINGLE_ROWS) {
        matmul(
            MatMut::from_row_major_slice_mut(&mut sum, a.cols, b.cols),
            Accum::Replace,
            a.part(start, end),
            b.part(start, end).transpose(),
            1.0,
            Par::Seq,
        );
        for (out, &sum) in out.iter_mut().zip(&sum) {
            *out += scale * f64::from(sum);
        }
    }
}

/// As [`add_gram`], with products and sums of [`SINGLE_ROWS`] rows in f32. The square of every sum
/// on the diagonal is added to `squared_sums`.
pub(crate) fn add_gram_single(out: &mut [f64], squared_sums: &mut [f64], a: &Scaled) {
    let (scale, a) = (a.scale * a.scale, &a.columns);
    let mut sum = vec![0.0_f32; out.len()];
    for (start, end) in parts(a.rows, SINGLE_ROWS) {
        let part = a.part(start, end);
        lower(&mut sum, Accum::Replace, part, part.transpose());
        let rows = out.chunks_exact_mut(a.cols).zip(sum.chunks_exact(a.cols));
        for (row, ((out, sum), squared)) in rows.zip(&mut *squared_sums).enumerate() {
            for (out, &sum) in out.iter_mut().zip(sum).take(row + 1) {
                *out += scale * f64::from(sum);
            }
            let diagonal = scale * f64::from(sum[row]);
            *squared += diagonal * diagonal;
        }
    }
}

/// The sum of `a[i] * b[i]`. Eight partial sums: they vectorize, and round eight times less often
/// than one.
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

    /// Integers in -8..8: every product and partial sum below is exact, so any correct order gives
    /// the same bits.
    fn integers(len: usize, mut seed: u64) -> Vec<f64> {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f64::from((seed >> 60) as u8) - 8.0
        };
        (0..len).map(|_| next()).collect()
    }

    fn columns(values: &[f64], rows: usize) -> Columns<f64> {
        let cols = values.len() / rows;
        let mut out = Columns::zeros(rows, cols);
        for (k, &value) in values.iter().enumerate() {
            out.values[k % cols * out.stride + k / cols] = value;
        }
        out
    }

    fn cross(a: &[f64], b: &[f64], rows: usize) -> Vec<f64> {
        let mut out = vec![0.0; a.len() / rows * (b.len() / rows)];
        add_cross(&mut out, &columns(a, rows), &columns(b, rows));
        out
    }

    /// Zeros above the diagonal.
    fn lower(mut square: Vec<f64>, cols: usize) -> Vec<f64> {
        for i in 0..cols {
            square[i * cols..][..cols][i + 1..].fill(0.0);
        }
        square
    }

    #[test]
    fn products_are_those_of_the_definition() {
        // Sizes around the edges of the register tiles, of faer's cache and recursion blocks, and
        // of the parts of rows.
        for (rows, p, q) in
            [(1, 1, 1), (2, 3, 5), (7, 16, 17), (33, 64, 65), (300, 31, 1), (600, 129, 130)]
        {
            let (a, b) = (integers(rows * p, 1), integers(rows * q, 2));
            let expected = |a: &[f64], p: usize, b: &[f64], q: usize| -> Vec<f64> {
                let element = |i, j| (0..rows).map(|r| a[r * p + i] * b[r * q + j]).sum::<f64>();
                (0..p * q).map(|k| element(k / q, k % q)).collect()
            };
            let ab = expected(&a, p, &b, q);
            let bb = lower(expected(&b, q, &b, q), q);
            assert_eq!(cross(&a, &b, rows), ab, "{rows} {p} {q}");
            let (a, b) = (columns(&a, rows), columns(&b, rows));
            let mut out = vec![0.0; q * q];
            add_gram(&mut out, &b);
            assert_eq!(out, bb, "{rows} {q}");

            // Integers below 2^24 are exact in f32, too.
            let mut out = vec![0.0; p * q];
            let [a32, b32] = [&a, &b].map(|side| Scaled::new(side, 8.0, None));
            add_cross_single(&mut out, &a32, &b32);
            assert_eq!(out, ab, "{rows} {p} {q}");
            let mut out = vec![0.0; q * q];
            let mut squared = vec![0.0; q];
            add_gram_single(&mut out, &mut squared, &b32);
            assert_eq!(out, bb, "{rows} {q}");
            if rows <= SINGLE_ROWS {
                let diagonal = |col: usize| bb[col * (q + 1)] * bb[col * (q + 1)];
                assert_eq!(squared, (0..q).map(diagonal).collect::<Vec<_>>());
            }

            let (k, element) = (gram_of_rows(&a), |row, col| a.col(col)[row]);
            for i in 0..rows {
                for j in 0..=i {
                    let sum: f64 = (0..p).map(|col| element(i, col) * element(j, col)).sum();
                    assert_eq!(k[i * rows + j], sum, "{rows} {p}: {i} {j}");
                }
            }
            assert_eq!(dot(&a.values, &a.values), a.values.iter().map(|v| v * v).sum::<f64>());
        }
    }

    /// What the bitwise symmetry of the crate stands on: an element is rounded the same way
    /// wherever it lies.
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
