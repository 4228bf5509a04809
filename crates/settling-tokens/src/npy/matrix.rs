//! Matrices of any numbers in NumPy's files.

use std::ops::Range;
use std::path::Path;

use settling_core::ReadRange;

use super::array::Array;
use super::element::Kind;
use crate::error::{Error, ErrorKind};
use crate::ranges::open_file;

/// A matrix of numbers in a `.npy` file, such as activations: an array of shape `(rows, columns)`
/// of float16 to float64, int8 to int64 or uint8 to uint64, in either byte order, C or Fortran
/// order, as NumPy 1 or 2 and Python 2 or 3 wrote it.
///
/// Opening reads the header only; rows are read when they are asked for. Rows are observations.
///
/// ```
/// use settling_tokens::NpyMatrix;
///
/// // numpy.save("features.npy", numpy.array([[1, 2, 3], [4, 5, 6]], "int8"))
/// let header = b"{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }\n";
/// let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
/// bytes.extend((header.len() as u16).to_le_bytes());
/// bytes.extend(header);
/// bytes.extend([1, 2, 3, 4, 5, 6]);
/// let matrix = NpyMatrix::new(bytes)?;
/// assert_eq!((matrix.rows(), matrix.columns()), (2, 3));
/// assert_eq!(matrix.read_rows(1..2)?, [4.0, 5.0, 6.0]);
/// # Ok::<(), settling_tokens::Error>(())
/// ```
#[derive(Debug)]
pub struct NpyMatrix {
    array: Array,
}

impl NpyMatrix {
    /// Opens a file and checks its header against its length.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not a `.npy` file, or holds anything but one non-empty
    /// two-dimensional array of real numbers, whole.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::new(open_file(path.as_ref())?)
    }

    /// Checks a header as [`open`](Self::open) does, in bytes from anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): bytes that cannot be read, are no `.npy` file, or hold
    /// another array than a matrix of real numbers.
    pub fn new(bytes: impl ReadRange + 'static) -> Result<Self, Error> {
        let kinds = [Kind::Signed, Kind::Unsigned, Kind::Float];
        let wanted = "integers or floats of up to 8 bytes";
        Ok(Self { array: Array::open(Box::new(bytes), &kinds, wanted, "(rows, columns)")? })
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.array.rows
    }

    /// The number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.array.columns
    }

    /// All elements, one row after the other.
    ///
    /// # Errors
    ///
    /// Those of [`read_rows`](Self::read_rows).
    pub fn read(&self) -> Result<Vec<f64>, Error> {
        self.read_rows(0..self.rows())
    }

    /// The elements of some rows, one row after the other: exactly the numbers of the file. NaN and
    /// infinities of the file are given as they are.
    ///
    /// # Errors
    ///
    /// If the range is empty or ends after the last row, the bytes cannot be read, or an element is
    /// a whole number beyond 2^53 that f64 does not have.
    pub fn read_rows(&self, rows: Range<usize>) -> Result<Vec<f64>, Error> {
        self.array.read(
            rows,
            |element, bytes| element.value(bytes),
            |number| (ErrorKind::Format, format!("f64 has no {number}")),
        )
    }
}
