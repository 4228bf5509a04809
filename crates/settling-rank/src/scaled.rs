//! A matrix whose squares neither overflow nor lose digits.

use faer::Mat;
use settling_core::MatView;

use crate::arithmetic::scale::{exponent, times_two_to};
use crate::error::Error;

/// A matrix that is neither empty nor zero, times the power of two that brings its largest element
/// into [1, 2): squares neither overflow nor lose digits.
pub(crate) struct Scaled<'a, T> {
    a: MatView<'a, T>,
    /// The matrix is `2^exponent` times the scaled one.
    pub(crate) exponent: i32,
}

impl<'a, T: Copy + Into<f64>> Scaled<'a, T> {
    /// `None` for an empty matrix and for one of zeros; `of` says in an error which matrix it is.
    pub(crate) fn new(a: MatView<'a, T>, of: &'static str) -> Result<Option<Self>, Error> {
        let mut largest = 0.0_f64;
        for (row, values) in a.iter_rows().enumerate() {
            for (col, &value) in values.iter().enumerate() {
                let value = value.into();
                if !value.is_finite() {
                    return Err(Error::not_finite(row, col, value, of));
                }
                largest = largest.max(value.abs());
            }
        }
        Ok((largest > 0.0).then(|| Self { a, exponent: exponent(largest) }))
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.a.rows(), self.a.cols())
    }

    /// The matrix, or its transpose if that is the taller one, so that a matrix and its transpose
    /// take the same path.
    pub(crate) fn tall(&self) -> Mat<f64> {
        let (rows, cols) = self.shape();
        if rows >= cols {
            self.upright()
        } else {
            Mat::from_fn(cols, rows, |row, col| self.element(col, row))
        }
    }

    /// The matrix.
    pub(crate) fn upright(&self) -> Mat<f64> {
        let (rows, cols) = self.shape();
        Mat::from_fn(rows, cols, |row, col| self.element(row, col))
    }

    fn element(&self, row: usize, col: usize) -> f64 {
        times_two_to(self.a.row(row)[col].into(), -self.exponent)
    }

    /// Rows `start..` of [`tall`](Self::tall), as many as `panel` has.
    pub(crate) fn fill(&self, start: usize, panel: &mut Mat<f64>) {
        let (rows, cols) = self.shape();
        let height = panel.nrows();
        let scale = |value: T| times_two_to(value.into(), -self.exponent);
        if rows >= cols {
            for (offset, row) in self.a.slice_rows(start..start + height).iter_rows().enumerate() {
                for (col, &value) in row.iter().enumerate() {
                    panel[(offset, col)] = scale(value);
                }
            }
        } else {
            for (col, row) in self.a.iter_rows().enumerate() {
                let column = panel.col_as_slice_mut(col);
                for (element, &value) in column.iter_mut().zip(&row[start..start + height]) {
                    *element = scale(value);
                }
            }
        }
    }
}
