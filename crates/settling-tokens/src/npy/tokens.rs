//! Token rows in NumPy's files.

use std::ops::Range;
use std::path::Path;

use settling_core::{ReadRange, TokenBatch, TokenSource};

use super::array::Array;
use super::element::Kind;
use crate::error::{Error, ErrorKind};
use crate::ranges::open_file;

/// Token rows in a `.npy` file: an array of shape `(rows, width)` of int8 to int64 or uint8 to
/// uint64, in either byte order, C or Fortran order, as NumPy 1 or 2 and Python 2 or 3 wrote it.
/// The crate's front page shows how to make one.
///
/// Opening reads the header only; rows are read when they are asked for. Floats are refused, whole
/// numbers too: save `ids.astype("int64")`.
///
/// ```no_run
/// use settling_core::TokenSource;
/// use settling_tokens::NpyTokens;
///
/// let tokens = NpyTokens::open("last_batch.npy")?;
/// println!("{} rows of {}", tokens.rows(), tokens.width());
/// let first = tokens.read_rows(0..16)?;
/// # Ok::<(), settling_tokens::Error>(())
/// ```
#[derive(Debug)]
pub struct NpyTokens {
    array: Array,
}

impl NpyTokens {
    /// Opens a file and checks its header against its length.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not a `.npy` file, or holds anything but one non-empty
    /// two-dimensional array of integers, whole.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::new(open_file(path.as_ref())?)
    }

    /// Checks a header as [`open`](Self::open) does, in bytes from anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): bytes that cannot be read, are no `.npy` file, or hold
    /// another array than one of integers.
    pub fn new(bytes: impl ReadRange + 'static) -> Result<Self, Error> {
        let wanted = "token ids, integers such as int32 or uint16";
        let kinds = [Kind::Signed, Kind::Unsigned];
        Ok(Self { array: Array::open(Box::new(bytes), &kinds, wanted, "(rows, tokens per row)")? })
    }

    /// The number of tokens in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.array.columns
    }
}

impl TokenSource for NpyTokens {
    type Error = Error;

    fn rows(&self) -> usize {
        self.array.rows
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, Error> {
        let ids = self.array.read(
            rows,
            |element, bytes| element.id(bytes),
            |number| (ErrorKind::Token, format!("{number} is no token id")),
        )?;
        TokenBatch::new(ids, self.width())
            .map_err(|error| self.array.fault(ErrorKind::Format, error))
    }
}
