//! What of a batch is fed, and how much at a time.

use settling_core::{Inputs, TokenBatch};
use settling_models::ModelSizes;

use crate::device::Device;
use crate::error::{Error, ErrorKind};

/// Checks a batch against the vocabulary and the context length.
fn check(sizes: &ModelSizes, batch: &TokenBatch) -> Result<(), Error> {
    let (context, vocabulary) = (sizes.context, sizes.vocabulary_rows);
    if batch.width() > context + 1 {
        let message = format!(
            "rows of {} tokens do not fit a context of {context}: expected at most {} (the last one a target only)",
            batch.width(),
            context + 1
        );
        return Err(Error::new(ErrorKind::Tokens, message));
    }
    // Before a device sees them: an index out of range on a GPU ends the process.
    if let Some(place) = batch.ids().iter().position(|&id| id as usize >= vocabulary) {
        let (row, column) = (place / batch.width(), place % batch.width());
        let message = format!(
            "token {} in row {row}, column {column} lies outside the vocabulary of {vocabulary}",
            batch.ids()[place],
        );
        return Err(Error::new(ErrorKind::Tokens, message));
    }
    Ok(())
}

/// How many tokens of each row are fed, after the same checks. `positions` is how many the model
/// has, if they end.
pub(crate) fn fed_tokens(
    sizes: &ModelSizes,
    batch: &TokenBatch,
    inputs: Inputs,
    positions: Option<usize>,
) -> Result<usize, Error> {
    check(sizes, batch)?;
    let fed = inputs.fed_tokens(batch.width(), sizes.context);
    match positions.filter(|&positions| fed > positions) {
        None => Ok(fed),
        Some(positions) => {
            let message = format!(
                "rows of {fed} tokens cannot be fed whole: the model has learned {positions} positions and no more; \
                 expected inputs `context`"
            );
            Err(Error::new(ErrorKind::Tokens, message))
        }
    }
}

/// How many next-token targets each row has, after the same checks.
pub(crate) fn targets(sizes: &ModelSizes, batch: &TokenBatch) -> Result<usize, Error> {
    check(sizes, batch)?;
    match batch.width() - 1 {
        0 => {
            let message = "rows of 1 token have no next token to predict: expected at least 2";
            Err(Error::new(ErrorKind::Tokens, message))
        }
        targets => Ok(targets),
    }
}

/// How many sequences of `tokens` tokens suit the device. A CPU is as fast with few as with many,
/// as long as its caches and the allocator's reused blocks hold what they make; a GPU needs many to
/// be busy.
pub(crate) fn suitable(device: Device, tokens: usize) -> usize {
    let at_once = if device == Device::Cpu { 1024 } else { 16_384 };
    (at_once / tokens).max(1)
}
