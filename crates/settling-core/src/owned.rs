//! A matrix that owns its values.

use crate::mat::MatView;

/// A matrix of shape `(rows, cols)` that owns its values, row-major. Rows are observations.
///
/// For matrices of other libraries, whose values may lie in another order: see
/// [`MatView`](MatView#from-other-libraries).
///
/// ```
/// use settling_core::Mat;
///
/// // Two observations of three features, stored column by column.
/// let mat = Mat::from_columns(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0], 2, 3);
/// assert_eq!(mat.view().row(0), [1.0, 2.0, 3.0]);
/// assert_eq!(mat, Mat::from_fn(2, 3, |row, col| (3 * row + col + 1) as f64));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mat<T = f32> {
    values: Vec<T>,
    rows: usize,
    cols: usize,
}

impl<T> Mat<T> {
    /// The matrix whose element `(r, c)` is `value(r, c)`, asked for row by row.
    ///
    /// # Panics
    ///
    /// If `rows * cols` overflows.
    #[must_use]
    #[track_caller]
    pub fn from_fn(rows: usize, cols: usize, mut value: impl FnMut(usize, usize) -> T) -> Self {
        let mut values = Vec::with_capacity(elements(rows, cols));
        for row in 0..rows {
            values.extend((0..cols).map(|col| value(row, col)));
        }
        Self { values, rows, cols }
    }

    /// The values, row-major: element `(r, c)` is `values()[r * cols + c]`.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// What the functions of the other crates take.
    #[must_use]
    pub fn view(&self) -> MatView<'_, T> {
        MatView::new(&self.values, self.rows, self.cols)
    }
}

impl<T: Copy> Mat<T> {
    /// A row-major copy of a column-major buffer: element `(r, c)` is `data[c * rows + r]`. This is
    /// the order of nalgebra, faer, Fortran, Julia and R.
    ///
    /// # Panics
    ///
    /// If `data.len() != rows * cols`.
    #[must_use]
    #[track_caller]
    pub fn from_columns(data: &[T], rows: usize, cols: usize) -> Self {
        assert_eq!(
            data.len(),
            elements(rows, cols),
            "a {rows} x {cols} matrix needs rows * cols elements"
        );
        Self::from_fn(rows, cols, |row, col| data[col * rows + row])
    }
}

#[track_caller]
fn elements(rows: usize, cols: usize) -> usize {
    rows.checked_mul(cols).expect("the number of elements of a matrix fits usize")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows() {
        let mat = Mat::from_columns(&[1, 2, 3, 4, 5, 6], 3, 2);
        assert_eq!(mat.values(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(mat.view().to_vec(), mat.values());
        assert_eq!(Mat::<f32>::from_columns(&[], 0, 7).view().cols(), 7);
    }

    #[test]
    #[should_panic(expected = "needs rows * cols elements")]
    fn a_wrong_length_panics() {
        let _ = Mat::from_columns(&[1.0_f32; 5], 2, 3);
    }

    #[test]
    #[should_panic(expected = "fits usize")]
    fn more_elements_than_there_can_be_panic() {
        let _ = Mat::from_fn(usize::MAX, 2, |_, _| ());
    }
}
