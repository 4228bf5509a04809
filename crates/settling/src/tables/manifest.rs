//! `manifest.json`: what the numbers of a study were computed from and with.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use settling_records::SCHEMA;

use crate::error::{Error, ErrorKind};
use crate::plan::RowsUsed;
use crate::protocol::Protocol;
use crate::run::ModelStudy;

/// What `manifest.json` says. The page SCHEMA.md of the project's documentation has it key by key.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The version of the tables: [`SCHEMA`].
    pub schema: String,
    /// The version of this crate.
    pub settling: String,
    /// The operating system and the processor, as in `linux x86_64`.
    pub platform: String,
    /// How many threads rayon had.
    pub threads: usize,
    /// Every choice of every protocol.
    pub protocols: Vec<Protocol>,
    /// SHA-256 of each table beside the manifest, by its name.
    pub tables: BTreeMap<String, String>,
    /// The models, as they were studied.
    pub models: Vec<ModelManifest>,
}

/// One model in a [`Manifest`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModelManifest {
    /// The model's name.
    pub model: String,
    /// What ran it: [`ModelAdapter::engine`](crate::ModelAdapter::engine).
    pub engine: String,
    /// What an audit said of its checkpoints; `None` if there was none. All of it is in
    /// `<model>/audit.json`.
    pub audit: Option<AuditManifest>,
    /// The evaluation rows, for each protocol.
    pub tokens: Vec<RowsUsed>,
    /// The checkpoints, ascending by step.
    pub steps: Vec<StepManifest>,
}

/// The outcome of an audit in a [`Manifest`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AuditManifest {
    /// The worst of the findings, in a word: `sound`, `notes`, `suspect` or `broken`.
    pub verdict: String,
    /// Each finding, as a sentence.
    pub findings: Vec<String>,
}

/// One checkpoint in a [`Manifest`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StepManifest {
    /// The step.
    pub step: u64,
    /// What its weights are: [`StepStudy::checkpoint_sha256`](crate::StepStudy::checkpoint_sha256).
    pub checkpoint_sha256: String,
    /// Whether all of its numbers were there already, from an earlier run.
    pub reused: bool,
    /// The protocols whose numbers the last run computed.
    pub computed: Vec<String>,
    /// How long that took.
    pub seconds: f64,
}

impl Manifest {
    /// Reads a `manifest.json`. Keys that this version does not know are passed over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`], with the path: if the file cannot be read, is no manifest, or is of
    /// another schema version.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = fs::read(path).map_err(|error| Error::caused(ErrorKind::Input, &name, error))?;
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|error| Error::caused(ErrorKind::Input, &name, error))?;
        if manifest.schema != SCHEMA {
            let message = format!(
                "{name}: schema version `{}`: this version reads `{SCHEMA}`",
                manifest.schema
            );
            return Err(Error::new(ErrorKind::Input, message));
        }
        Ok(manifest)
    }

    /// The manifest of a study with these tables.
    pub(crate) fn new(
        protocols: &[Protocol],
        studies: &[ModelStudy],
        tables: BTreeMap<String, String>,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            settling: env!("CARGO_PKG_VERSION").to_owned(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            threads: rayon::current_num_threads(),
            protocols: protocols.to_vec(),
            tables,
            models: studies.iter().map(ModelManifest::new).collect(),
        }
    }
}

impl ModelManifest {
    fn new(study: &ModelStudy) -> Self {
        let steps = study.steps.iter().map(|step| StepManifest {
            step: step.step.0,
            checkpoint_sha256: step.checkpoint_sha256.clone(),
            reused: step.reused,
            computed: step.computed.clone(),
            seconds: step.seconds,
        });
        let audit = study.audit.as_ref().map(|audit| AuditManifest {
            verdict: audit.verdict().to_string(),
            findings: audit.findings.iter().map(ToString::to_string).collect(),
        });
        Self {
            model: study.model.clone(),
            engine: study.engine.clone(),
            audit,
            tokens: study.rows.clone(),
            steps: steps.collect(),
        }
    }
}
