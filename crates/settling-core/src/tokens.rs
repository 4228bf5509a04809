//! Token rows, and how much of each is fed.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::error::{BoxError, Error, ErrorKind};

/// Token rows of equal length: `(rows, width)`, row-major.
///
/// A row of `width` tokens gives `width - 1` next-token targets. If the model's context is
/// `width - 1` tokens, the last token is a target only and is never fed to the model; if it is
/// `width` or more, every token is fed.
///
/// ```
/// use settling_core::TokenBatch;
///
/// let batch = TokenBatch::new(vec![5, 7, 9, 0, 1, 2], 3)?;
/// assert_eq!((batch.rows(), batch.width()), (2, 3));
/// assert_eq!(batch.row(1), [0, 1, 2]);
/// assert!(TokenBatch::new(vec![5, 7, 9, 0], 3).is_err(), "ragged");
/// # Ok::<(), settling_core::Error>(())
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
    pub fn new(ids: Vec<u32>, width: usize) -> Result<Self, Error> {
        if width == 0 || ids.is_empty() || !ids.len().is_multiple_of(width) {
            let tokens = ids.len();
            let message = format!("{tokens} tokens do not form one or more whole rows of {width}");
            return Err(Error::new(ErrorKind::Shape, message));
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
    /// # Ok::<(), settling_core::Error>(())
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

/// How much of a token row is fed to a model whose activations are observed.
///
/// Parses from and displays as `context` and `whole`. This only matters for rows one token longer
/// than the context: their last token is a target, and is never an input of the loss.
///
/// ```
/// use settling_core::Inputs;
///
/// let inputs: Inputs = "whole".parse()?;
/// // Pythia's rows.
/// assert_eq!(inputs.fed_tokens(2049, 2048), 2049);
/// assert_eq!(Inputs::Context.fed_tokens(2049, 2048), 2048);
/// assert_eq!(Inputs::Context.fed_tokens(100, 2048), 100);
/// # Ok::<(), settling_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Inputs {
    /// As many tokens as the context has: what the model was trained to read.
    #[default]
    Context,
    /// Every token: also at a position that it was not trained at, which a model with rotary
    /// position embedding computes like any other.
    Whole,
}

impl Inputs {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Context, Self::Whole];

    /// `context` or `whole`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Whole => "whole",
        }
    }

    /// How many tokens of a row of `width` are fed to a model with a context of `context` tokens.
    #[must_use]
    pub fn fed_tokens(self, width: usize, context: usize) -> usize {
        match self {
            Self::Context => width.min(context),
            Self::Whole => width,
        }
    }
}

impl fmt::Display for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Inputs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|inputs| inputs.name() == text);
        found.ok_or_else(|| {
            let message = format!("`{text}` names no inputs: expected `context` or `whole`");
            Error::new(ErrorKind::Parse, message)
        })
    }
}

/// Where token rows come from: a file, a byte range of a remote file, a tokenized text.
pub trait TokenSource {
    /// Why rows could not be read.
    type Error: Into<BoxError>;

    /// How many rows there are.
    fn rows(&self) -> usize;

    /// Reads the rows `rows.start..rows.end`.
    ///
    /// # Errors
    ///
    /// If the range is empty or reaches beyond the last row, or if the rows cannot be read.
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
