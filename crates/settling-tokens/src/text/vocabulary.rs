//! Rows held to a model's vocabulary.

use settling_core::TokenBatch;

use crate::error::{Error, ErrorKind};

/// Checks that every token of a batch is below `vocab_size`, the number of rows of the model's
/// embedding.
///
/// Do this before a model sees tokens from elsewhere: an index beyond the last row of the embedding
/// aborts the process on some devices.
///
/// ```
/// use settling_core::TokenBatch;
/// use settling_tokens::check_vocabulary;
///
/// let batch = TokenBatch::new(vec![5, 7, 9, 0, 50304, 2], 3)?;
/// let error = check_vocabulary(&batch, 50304).unwrap_err();
/// assert!(error.to_string().contains("row 1, column 1"), "{error}");
/// assert!(check_vocabulary(&batch, 50305).is_ok());
/// # Ok::<(), settling_core::Error>(())
/// ```
///
/// # Errors
///
/// If a token is `vocab_size` or larger; the first one is named.
pub fn check_vocabulary(batch: &TokenBatch, vocab_size: usize) -> Result<(), Error> {
    let outside = |&id: &u32| usize::try_from(id).map_or(true, |id| id >= vocab_size);
    let Some(place) = batch.ids().iter().position(outside) else { return Ok(()) };
    let message = format!(
        "row {}, column {}: token {} is not in a vocabulary of {vocab_size}: the tokens are of another tokenizer or read as another type",
        place / batch.width(),
        place % batch.width(),
        batch.ids()[place],
    );
    Err(Error::new(ErrorKind::Token, message))
}
