//! One protocol of a study, on its rows.

use settling_core::{Step, TokenBatch, TokenSource};

use super::identity::Identity;
use super::rows::{EvaluationRows, GradientRows, RowsUsed};
use crate::error::{Error, ErrorKind};
use crate::hash::sha256;
use crate::protocol::Protocol;
use crate::training::TrainingData;

/// One protocol of a study, on its rows.
#[derive(Debug)]
pub(crate) struct ProtocolRun<'a> {
    pub(crate) protocol: &'a Protocol,
    evaluation: EvaluationRows,
    gradients: GradientRows,
}

impl<'a> ProtocolRun<'a> {
    pub(crate) fn new<T: TokenSource + ?Sized>(
        protocol: &'a Protocol,
        tokens: &T,
        steps: &[Step],
        training: Option<&TrainingData>,
    ) -> Result<Self, Error> {
        let evaluation = EvaluationRows::read(tokens, protocol)?;
        let gradients = GradientRows::plan(protocol, steps, &evaluation.batch, training)?;
        Ok(Self { protocol, evaluation, gradients })
    }

    /// The evaluation rows, as a table says them.
    pub(crate) fn used(&self) -> RowsUsed {
        self.evaluation.used(&self.protocol.name)
    }

    /// The evaluation rows.
    pub(crate) fn batch(&self) -> &TokenBatch {
        &self.evaluation.batch
    }

    /// What gradients are taken on at a step.
    pub(crate) fn gradient_batches(
        &self,
        step: Step,
        training: Option<&TrainingData>,
    ) -> Result<Vec<TokenBatch>, Error> {
        self.gradients.read(step, &self.evaluation.batch, training)
    }

    /// Hash of everything that determines a unit: `settings`, and what the checkpoints are.
    pub(crate) fn key(
        &self,
        settings: &str,
        this: &Identity,
        last: &Identity,
    ) -> Result<String, Error> {
        hash(&serde_json::json!({
            "settings": settings,
            "checkpoint": this.whole,
            "reference": last.whole,
        }))
    }

    /// Hash of that part of it that is known before a checkpoint is opened.
    pub(crate) fn settings(&self, step: Step, model: &str, engine: &str) -> Result<String, Error> {
        hash(&serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "model": model,
            "step": step.0,
            "protocol": self.protocol.measured(),
            "engine": engine,
            "tokens": self.evaluation.sha256,
            "gradients": self.gradients.sha256(step),
        }))
    }
}

fn hash(determined_by: &serde_json::Value) -> Result<String, Error> {
    let text = serde_json::to_vec(determined_by)
        .map_err(|error| Error::caused(ErrorKind::Usage, "settings", error))?;
    Ok(sha256(&text))
}
