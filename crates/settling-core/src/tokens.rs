use std::fmt;
use std::ops::Range;

/// Token rows of equal length: `(rows, width)`, row-major.
///
/// A row of `width` tokens gives `width - 1` next-token targets. If the model's context is `width - 1` tokens, the last token
/// is a target only and is never fed to the model; if it is `width` or more, every token is fed.
///
/// ```
/// use settling_core::TokenBatch;
///
/// let batch = TokenBatch::new(vec![5, 7, 9, 0, 1, 2], 3)?;
/// assert_eq!((batch.rows(), batch.width()), (2, 3));
/// assert_eq!(batch.row(1), [0, 1, 2]);
/// assert!(TokenBatch::new(vec![5, 7, 9, 0], 3).is_err(), "ragged");
/// # Ok::<(), settling_core::TokenBatchError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenBatch {
    ids: Vec<u32>,
    width: usize,
}

impl TokenBatch {
    /// Rows of `width` tokens from a row-major buffer.
    ///
    /// # Errors
    ///
    /// If `width` is 0, or `ids` is empty or does not hold whole rows.
    pub fn new(ids: Vec<u32>, width: usize) -> Result<Self, TokenBatchError> {
        if width == 0 || ids.is_empty() || !ids.len().is_multiple_of(width) {
            return Err(TokenBatchError { tokens: ids.len(), width });
        }
        Ok(Self { ids, width })
    }

    /// The number of rows (sequences); at least 1.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ids.len() / self.width
    }

    /// The number of tokens in a row; at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// All tokens, row after row.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The tokens of row `row`.
    ///
    /// # Panics
    ///
    /// If `row >= self.rows()`.
    #[must_use]
    #[track_caller]
    pub fn row(&self, row: usize) -> &[u32] {
        &self.ids[row * self.width..(row + 1) * self.width]
    }

    /// The same rows as batches of `rows` rows, and a last one of what is left.
    ///
    /// ```
    /// use settling_core::TokenBatch;
    ///
    /// let batch = TokenBatch::new(vec![5, 7, 9, 0, 1, 2], 2)?;
    /// let parts: Vec<_> = batch.parts(2).collect();
    /// assert_eq!(parts, [TokenBatch::new(vec![5, 7, 9, 0], 2)?, TokenBatch::new(vec![1, 2], 2)?]);
    /// # Ok::<(), settling_core::TokenBatchError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `rows` is 0.
    #[track_caller]
    pub fn parts(&self, rows: usize) -> impl ExactSizeIterator<Item = Self> {
        assert!(rows > 0, "a batch needs at least one row");
        let ids = self.ids.chunks(rows.saturating_mul(self.width));
        ids.map(|ids| Self { ids: ids.to_vec(), width: self.width })
    }
}

/// The error of [`TokenBatch::new`]: the tokens do not form whole, non-empty rows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenBatchError {
    tokens: usize,
    width: usize,
}

impl fmt::Display for TokenBatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tokens, width } = self;
        write!(f, "{tokens} tokens do not form one or more whole rows of {width}")
    }
}

impl std::error::Error for TokenBatchError {}

/// Where token rows come from: a file, a byte range of a remote file, a tokenised text.
pub trait TokenSource {
    /// Why rows could not be read.
    type Error;

    /// How many rows there are.
    fn rows(&self) -> usize;

    /// Reads the rows `rows.start..rows.end`.
    ///
    /// # Errors
    ///
    /// If the range is empty or reaches behind the last row, or if the rows cannot be read.
    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, Self::Error>;
}

impl<S: TokenSource + ?Sized> TokenSource for &S {
    type Error = S::Error;

    fn rows(&self) -> usize {
        (**self).rows()
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, S::Error> {
        (**self).read_rows(rows)
    }
}

impl<S: TokenSource + ?Sized> TokenSource for Box<S> {
    type Error = S::Error;

    fn rows(&self) -> usize {
        (**self).rows()
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, S::Error> {
        (**self).read_rows(rows)
    }
}
