//! What a study reports while it runs, and what it leaves.

use settling_checkpoint::AuditReport;
use settling_core::{Signal, Step};
use settling_records::Record;

use crate::plan::RowsUsed;

/// What a study is doing, for a caller that shows progress.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The activations of the last checkpoint are being captured.
    #[non_exhaustive]
    Reference {
        /// The model.
        model: &'a str,
        /// How many steps will be studied; in a [shard](crate::Shard), its own.
        steps: usize,
    },
    /// Spectra of a step were computed: of one signal, under one protocol, of one batch of
    /// gradients.
    #[non_exhaustive]
    Spectra {
        /// The model.
        model: &'a str,
        /// The step.
        step: Step,
        /// Of its weights or of their gradients.
        signal: Signal,
        /// How many matrices have theirs; 0 at the beginning.
        done: usize,
        /// How many matrices there are.
        of: usize,
    },
    /// A step is done.
    #[non_exhaustive]
    Step {
        /// The model.
        model: &'a str,
        /// The step.
        step: Step,
        /// Whether all of it was found done in the output folder, by an earlier run with the same
        /// settings and inputs.
        reused: bool,
    },
}

/// The results of one model: [`Plan::run`](crate::Plan::run).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModelStudy {
    /// The model's name.
    pub model: String,
    /// What ran it, as the [adapter](crate::ModelAdapter::engine) says.
    pub engine: String,
    /// What was studied, ascending by step.
    pub steps: Vec<StepStudy>,
    /// The steps that belong to other [shards](crate::Study::with_shard) and are not in the output
    /// folder yet, ascending.
    pub missing: Vec<Step>,
    /// The evaluation rows, for each protocol.
    pub rows: Vec<RowsUsed>,
    /// Every number, by step and protocol.
    pub records: Vec<Record>,
    /// Whether the checkpoints are what their names say, if they were [audited](Self::with_audit).
    pub audit: Option<AuditReport>,
}

impl ModelStudy {
    /// Adds what an audit of the checkpoints found, for the manifest.
    #[must_use]
    pub fn with_audit(self, audit: AuditReport) -> Self {
        Self { audit: Some(audit), ..self }
    }
}

/// One step of a [`ModelStudy`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepStudy {
    /// The step.
    pub step: Step,
    /// The [fingerprint](settling_core::CheckpointSeries::fingerprint) of the checkpoint, if its
    /// series knows one, else its [`content_hash`](settling_checkpoint::content_hash).
    pub checkpoint_sha256: String,
    /// Whether the units of all protocols were found done in the output folder.
    pub reused: bool,
    /// The protocols whose units were computed.
    pub computed: Vec<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
}
