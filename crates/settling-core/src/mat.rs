//! A borrowed matrix.

use std::fmt;
use std::ops::Range;

/// A borrowed matrix of shape `(rows, cols)`: row-major, with a stride between rows. Rows are
/// observations.
///
/// ```
/// use settling_core::MatView;
///
/// let data = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let x = MatView::new(&data, 2, 3);
/// assert_eq!(x.row(1), [4.0, 5.0, 6.0]);
///
/// // The first two columns of the same buffer.
/// let left = MatView::with_row_stride(&data, 2, 2, 3);
/// assert_eq!(left.row(1), [4.0, 5.0]);
/// assert_eq!(left.iter_rows().map(|row| row[0]).sum::<f32>(), 5.0);
/// ```
///
/// # From other libraries
///
/// A buffer has no order written on it: a column-major buffer of the right length is taken for a
/// row-major one, and every number that is computed from it is wrong. **nalgebra and faer are
/// column-major**, ndarray and tch can be either. The safe way for any of them is
/// [`Mat::from_fn`](crate::Mat::from_fn), which asks for elements by row and column and so works
/// with every library in every version; it copies.
///
/// ```
/// use settling_core::{Mat, MatView};
///
/// // The same 2 x 3 matrix everywhere.
/// let expected = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
///
/// // ndarray, any order and any slice; `as_slice` has values only where they are row-major.
/// let m = ndarray::array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
/// assert_eq!(Mat::from_fn(m.nrows(), m.ncols(), |row, col| m[[row, col]]).values(), expected);
/// let view = MatView::new(m.as_slice().expect("row-major"), m.nrows(), m.ncols());
/// assert_eq!(view.to_vec(), expected);
/// let transposed = m.t();
/// assert!(transposed.as_slice().is_none());
///
/// // nalgebra: column-major, so never `MatView::new(m.as_slice(), ..)`.
/// let m = nalgebra::Matrix2x3::new(1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
/// assert_eq!(Mat::from_columns(m.as_slice(), m.nrows(), m.ncols()).values(), expected);
/// assert_eq!(Mat::from_fn(m.nrows(), m.ncols(), |row, col| m[(row, col)]).values(), expected);
///
/// // faer: column-major, with room between columns.
/// let m = faer::mat![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
/// assert_eq!(Mat::from_fn(m.nrows(), m.ncols(), |row, col| m[(row, col)]).values(), expected);
/// ```
///
/// tch and candle copy a tensor's values out in row-major order, whatever its strides are:
///
/// ```ignore
/// // tch, a tensor of shape (rows, cols)
/// let values = Vec::<f32>::try_from(tensor.contiguous().view(-1))?;
/// // candle
/// let values = tensor.flatten_all()?.to_vec1::<f32>()?;
///
/// let view = MatView::new(&values, rows, cols);
/// ```
#[derive(Clone, Copy)]
pub struct MatView<'a, T = f32> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
}

impl<'a, T> MatView<'a, T> {
    /// A view of a contiguous row-major buffer: element `(r, c)` is `data[r * cols + c]`.
    ///
    /// Buffers of nalgebra and faer are column-major: see [from other
    /// libraries](Self#from-other-libraries).
    ///
    /// # Panics
    ///
    /// If `data.len() != rows * cols`.
    #[must_use]
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        assert_eq!(
            Some(data.len()),
            rows.checked_mul(cols),
            "a {rows} x {cols} matrix needs rows * cols elements"
        );
        Self { data, rows, cols, row_stride: cols }
    }

    /// A view with `row_stride` elements from the start of one row to the start of the next:
    /// element `(r, c)` is `data[r * row_stride + c]`.
    ///
    /// # Panics
    ///
    /// If `row_stride < cols`, or if the last row ends beyond the end of `data`.
    #[must_use]
    #[track_caller]
    pub fn with_row_stride(data: &'a [T], rows: usize, cols: usize, row_stride: usize) -> Self {
        assert!(row_stride >= cols, "the row stride {row_stride} is shorter than a row of {cols}");
        let needed = match rows {
            0 => Some(0),
            _ => (rows - 1).checked_mul(row_stride).and_then(|start| start.checked_add(cols)),
        };
        assert!(
            needed.is_some_and(|needed| needed <= data.len()),
            "a {rows} x {cols} matrix with row stride {row_stride} does not fit {} elements",
            data.len()
        );
        Self { data, rows, cols, row_stride }
    }

    /// The number of rows (observations).
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns (features).
    #[must_use]
    pub const fn cols(&self) -> usize {
        self.cols
    }

    /// The number of elements between the starts of two neighboring rows.
    #[must_use]
    pub const fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Row `row`, of length [`cols`](Self::cols).
    ///
    /// # Panics
    ///
    /// If `row >= self.rows()`.
    #[must_use]
    #[track_caller]
    pub fn row(&self, row: usize) -> &'a [T] {
        assert!(row < self.rows, "row {row} of a matrix with {} rows", self.rows);
        let start = row * self.row_stride;
        &self.data[start..start + self.cols]
    }

    /// The rows, first to last.
    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = &'a [T]> + use<'a, T> {
        let view = Self { ..*self };
        (0..view.rows).map(move |row| view.row(row))
    }

    /// The rows `rows.start..rows.end` as a view of their own.
    ///
    /// # Panics
    ///
    /// If the range ends before it starts, or after the last row.
    #[must_use]
    #[track_caller]
    pub fn slice_rows(&self, rows: Range<usize>) -> Self {
        let Range { start, end } = rows;
        assert!(start <= end && end <= self.rows, "rows {start}..{end} of {} rows", self.rows);
        let from = (start * self.row_stride).min(self.data.len());
        Self { data: &self.data[from..], rows: end - start, ..*self }
    }
}

impl<T: Copy> MatView<'_, T> {
    /// A contiguous row-major copy.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        let mut values = Vec::with_capacity(self.rows * self.cols);
        for row in self.iter_rows() {
            values.extend_from_slice(row);
        }
        values
    }
}

impl<T> fmt::Debug for MatView<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Shapes, not values: a matrix in an error message or a log must stay one line.
        f.debug_struct("MatView")
            .field("rows", &self.rows)
            .field("cols", &self.cols)
            .field("row_stride", &self.row_stride)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_keep_the_stride() {
        let data: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let view = MatView::with_row_stride(&data, 3, 2, 4);
        let tail = view.slice_rows(1..3);
        assert_eq!(tail.to_vec(), [4.0, 5.0, 8.0, 9.0]);
        assert_eq!(view.slice_rows(3..3).to_vec(), [] as [f32; 0]);
        // The last row may end before a whole stride.
        let short = MatView::with_row_stride(&data[..10], 3, 2, 4);
        assert_eq!(short.row(2), [8.0, 9.0]);
    }

    #[test]
    fn empty_matrices_are_views_too() {
        assert_eq!(MatView::<f32>::new(&[], 0, 5).iter_rows().len(), 0);
        assert_eq!(MatView::<f32>::new(&[], 3, 0).row(2), [] as [f32; 0]);
    }

    #[test]
    #[should_panic(expected = "needs rows * cols elements")]
    fn a_wrong_length_panics() {
        let _ = MatView::new(&[1.0_f32; 5], 2, 3);
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_row_behind_the_end_panics() {
        let _ = MatView::with_row_stride(&[1.0_f32; 5], 2, 3, 3);
    }
}
