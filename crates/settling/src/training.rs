use std::fmt;
use std::ops::Range;

use settling_core::{TokenBatch, TokenSource};

use crate::{Error, ErrorKind};

type Cause = Box<dyn std::error::Error + Send + Sync>;

type Read = dyn Fn(Range<usize>) -> Result<TokenBatch, Cause> + Send + Sync;

/// The batches that a model was trained on, for protocols that take gradients on them.
///
/// ```
/// # use settling_core::{TokenBatch, TokenSource};
/// # struct Rows;
/// # impl TokenSource for Rows {
/// #     type Error = std::io::Error;
/// #     fn rows(&self) -> usize { 35 }
/// #     fn read_rows(&self, rows: std::ops::Range<usize>) -> Result<TokenBatch, std::io::Error> {
/// #         Ok(TokenBatch::new(rows.map(|row| row as u32).collect(), 1).unwrap())
/// #     }
/// # }
/// use settling::TrainingData;
///
/// // 35 rows in the order of training, 10 a batch: three batches. `settling_hub::training_data` has Pythia's, 1,024 a batch.
/// let data = TrainingData::new(Rows, 10)?;
/// assert_eq!(data.batches(), 3);
/// assert!(TrainingData::new(Rows, 36).is_err());
/// # Ok::<(), settling::Error>(())
/// ```
pub struct TrainingData {
    batches: u64,
    batch_rows: usize,
    read: Box<Read>,
}

impl fmt::Debug for TrainingData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainingData")
            .field("batches", &self.batches)
            .field("batch_rows", &self.batch_rows)
            .finish_non_exhaustive()
    }
}

impl TrainingData {
    /// From rows in the order of training, `batch_rows` for each step. What is left at the end is no batch.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], if the rows are fewer than one batch.
    pub fn new<T>(rows: T, batch_rows: usize) -> Result<Self, Error>
    where
        T: TokenSource<Error: Into<Cause>> + Send + Sync + 'static,
    {
        let batches = rows.rows().checked_div(batch_rows).unwrap_or(0) as u64;
        if batches == 0 {
            let found = rows.rows();
            let message = format!(
                "training data: expected at least one batch of {batch_rows} rows, found {found} rows"
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let read = move |range| rows.read_rows(range).map_err(Into::into);
        Ok(Self { batches, batch_rows, read: Box::new(read) })
    }

    /// How many batches there are.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// How many rows a batch has.
    #[must_use]
    pub fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    /// The first `rows` rows of the batch of this number, or all of them.
    pub(crate) fn read(&self, batch: u64, rows: Option<usize>) -> Result<TokenBatch, Error> {
        let rows = rows.unwrap_or(self.batch_rows);
        let start = batch as usize * self.batch_rows;
        (self.read)(start..start + rows).map_err(|error| {
            Error::caused(ErrorKind::Input, &format!("batch {batch} of the training data"), error)
        })
    }
}
