//! The batches that a model was trained on.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use settling_core::{BoxError, TokenBatch, TokenSource};

use crate::error::{Error, ErrorKind};
use crate::hash::hash_tokens;

type Read = dyn Fn(Range<usize>) -> Result<TokenBatch, BoxError> + Send + Sync;

/// The batches that a model was trained on, for protocols that take gradients on them.
///
/// ```
/// # use settling_core::{BoxError, TokenBatch, TokenSource};
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
/// // 35 rows in the order of training, 10 per batch: three batches. `settling_hub::training_data`
/// // has Pythia's, 1,024 per batch.
/// let data = TrainingData::new(Rows, 10)?;
/// assert_eq!(data.batches(), 3);
/// assert!(TrainingData::new(Rows, 36).is_err());
/// # Ok::<(), settling::Error>(())
/// ```
pub struct TrainingData {
    batches: u64,
    batch_rows: usize,
    read: Box<Read>,
    /// Those that were asked for, by number and rows.
    hashes: Mutex<BTreeMap<(u64, Option<usize>), String>>,
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
    /// The batches of rows that are in the order of training, `batch_rows` for each step. Rows left
    /// at the end, fewer than a batch, are ignored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], if the rows are fewer than one batch.
    pub fn new<T>(rows: T, batch_rows: usize) -> Result<Self, Error>
    where
        T: TokenSource + Send + Sync + 'static,
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
        Ok(Self { batches, batch_rows, read: Box::new(read), hashes: Mutex::default() })
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

    /// The hash of what [`read`](Self::read) gives. It is read for it once: the plan, every model
    /// and every protocol ask again, and a hub is far away.
    pub(crate) fn sha256(&self, batch: u64, rows: Option<usize>) -> Result<String, Error> {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hashes.get(&(batch, rows)) {
            return Ok(known.clone());
        }
        let hash = hash_tokens(&self.read(batch, rows)?);
        hashes.insert((batch, rows), hash.clone());
        Ok(hash)
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Rows of one token, that count how often they are read.
    struct Counted(Arc<AtomicUsize>);

    impl TokenSource for Counted {
        type Error = Infallible;

        fn rows(&self) -> usize {
            20
        }

        fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, Infallible> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(TokenBatch::new(rows.map(|row| row as u32).collect(), 1).unwrap())
        }
    }

    #[test]
    fn a_batch_is_read_once_for_its_hash() {
        let reads = Arc::new(AtomicUsize::new(0));
        let data = TrainingData::new(Counted(Arc::clone(&reads)), 10).unwrap();
        let hashes = [(0, None), (0, Some(5)), (1, None)]
            .map(|(batch, rows)| [0; 3].map(|_| data.sha256(batch, rows).unwrap()));
        assert_eq!(reads.load(Ordering::Relaxed), 3);
        for [first, ..] in &hashes {
            assert_eq!(hashes.iter().flatten().filter(|hash| *hash == first).count(), 3);
        }
        assert_eq!(hashes[0][0], hash_tokens(&data.read(0, None).unwrap()));
    }
}
