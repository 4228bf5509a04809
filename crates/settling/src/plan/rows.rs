//! Which token rows a protocol runs on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use settling_core::{Step, TokenBatch, TokenSource};

use crate::error::{Error, ErrorKind};
use crate::hash::{hash_tokens, sha256};
use crate::protocol::{GradientBatches, Protocol};
use crate::training::TrainingData;

/// The evaluation rows of a protocol.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RowsUsed {
    /// The protocol.
    pub protocol: String,
    /// How many.
    pub rows: usize,
    /// Tokens per row.
    pub width: usize,
    /// SHA-256 of width and ids, little-endian.
    pub sha256: String,
}

impl RowsUsed {
    /// The rows that `protocol` takes of these.
    pub(crate) fn new(protocol: &str, batch: &TokenBatch, sha256: String) -> Self {
        Self { protocol: protocol.to_owned(), rows: batch.rows(), width: batch.width(), sha256 }
    }
}

/// What activations are taken on.
#[derive(Debug)]
pub(crate) struct EvaluationRows {
    pub(crate) batch: TokenBatch,
    pub(crate) sha256: String,
}

impl EvaluationRows {
    pub(crate) fn read<T: TokenSource + ?Sized>(
        tokens: &T,
        protocol: &Protocol,
    ) -> Result<Self, Error> {
        let available = tokens.rows();
        let rows = protocol.rows.sequences.unwrap_or(available);
        if rows == 0 || rows > available {
            let message = format!(
                "{rows} sequences were asked for; the tokens have {available} (`rows.sequences` of protocol `{}`)",
                protocol.name
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let batch = tokens
            .read_rows(0..rows)
            .map_err(|error| Error::caused(ErrorKind::Input, "tokens", error))?;
        Ok(Self { sha256: hash_tokens(&batch), batch })
    }

    pub(crate) fn used(&self, protocol: &str) -> RowsUsed {
        RowsUsed::new(protocol, &self.batch, self.sha256.clone())
    }
}

/// What gradients are taken on.
#[derive(Debug)]
pub(crate) struct GradientRows {
    /// How many of each batch; `None` for all.
    rows: Option<usize>,
    /// The batches of the training for each step, and the hash of their rows; `None` for the
    /// evaluation rows.
    training: Option<BTreeMap<Step, (Vec<u64>, String)>>,
}

impl GradientRows {
    /// Looks up every step before the first is studied, so that what is missing is said in time.
    /// The batches are read for their hashes, and again when a step is studied: they are not kept.
    pub(crate) fn plan(
        protocol: &Protocol,
        steps: &[Step],
        evaluation: &TokenBatch,
        training: Option<&TrainingData>,
    ) -> Result<Self, Error> {
        let (batches, rows) = (protocol.gradients.batches, protocol.gradients.rows);
        let wrong = |message: String| {
            let message = format!("protocol `{}`, `gradients`: {message}", protocol.name);
            Error::new(ErrorKind::Usage, message)
        };
        let enough = |available: usize| match rows.filter(|&rows| rows > available) {
            None => Ok(()),
            Some(rows) => Err(wrong(format!(
                "{rows} rows of a batch were asked for (`rows`); a batch has {available}"
            ))),
        };
        if batches == GradientBatches::Evaluation {
            enough(evaluation.rows())?;
            return Ok(Self { rows, training: None });
        }
        let training = training.ok_or_else(|| {
            wrong(
                "batches of the training are needed and were not given: give them, or take gradients on the evaluation rows \
                 by a protocol with `gradients.batches = \"evaluation\"`"
                    .to_owned(),
            )
        })?;
        enough(training.batch_rows())?;
        let mut of_steps = BTreeMap::new();
        for &step in steps {
            let numbers = batches.of_step(step, training.batches());
            if numbers.is_empty() {
                return Err(wrong(format!(
                    "no batch of the training is near step {step}; there are {}, from 0 on",
                    training.batches()
                )));
            }
            let mut hashes = String::new();
            for &number in &numbers {
                hashes += &training.sha256(number, rows)?;
            }
            of_steps.insert(step, (numbers, sha256(hashes.as_bytes())));
        }
        Ok(Self { rows, training: Some(of_steps) })
    }

    /// What determines them besides the evaluation rows.
    pub(crate) fn sha256(&self, step: Step) -> Option<&str> {
        self.training.as_ref().map(|of_steps| of_steps[&step].1.as_str())
    }

    pub(crate) fn read(
        &self,
        step: Step,
        evaluation: &TokenBatch,
        training: Option<&TrainingData>,
    ) -> Result<Vec<TokenBatch>, Error> {
        match (&self.training, training) {
            (Some(of_steps), Some(training)) => {
                of_steps[&step].0.iter().map(|&number| training.read(number, self.rows)).collect()
            }
            _ => {
                let rows = self.rows.unwrap_or(evaluation.rows());
                Ok(evaluation.parts(rows).take(1).collect())
            }
        }
    }
}
