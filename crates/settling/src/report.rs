//! The files of a finished study: tables and manifest.

use std::path::PathBuf;

use serde_json::json;
use settling_core::Step;
use settling_records::{
    MccRow, Record, SCHEMA, SettlingRow, SummaryRow, write_mcc, write_records, write_settling,
    write_summary,
};

use crate::{
    Error, ErrorKind, ModelStudy, Protocol, Settings, Store, mcc_table, settling_table, summarise,
};

/// What [`write_tables`] has written.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    /// `records.csv`: every number.
    pub records: PathBuf,
    /// `mcc.csv`: the association of early convergence with large PER.
    pub mcc: PathBuf,
    /// `settling.csv`: from when on each layer stays similar to its end.
    pub settling: PathBuf,
    /// `summary.csv`: averages over layers.
    pub summary: PathBuf,
    /// `manifest.json`: what the numbers were computed from and with.
    pub manifest: PathBuf,
    /// The rows of `mcc.csv`.
    pub mcc_rows: Vec<MccRow>,
    /// The rows of `settling.csv`.
    pub settling_rows: Vec<SettlingRow>,
    /// The rows of `summary.csv`.
    pub summary_rows: Vec<SummaryRow>,
}

/// Writes the tables of a study into its output folder: `records.csv`, `mcc.csv`, `settling.csv`, `summary.csv`, and `manifest.json` with
/// versions, every choice of the protocols, hashes of every checkpoint and of the tokens, timings, and the verdict on the checkpoints. The [audit](ModelStudy::audit) of a
/// model is in `<model>/audit.json`.
///
/// The tables depend on the records alone: a study that was killed and resumed ends with the same bytes.
///
/// # Errors
///
/// If a file cannot be written, or a study has [missing](ModelStudy::missing) steps: tables are of whole studies.
pub fn write_tables(
    store: &Store,
    settings: &Settings,
    studies: &[ModelStudy],
) -> Result<Tables, Error> {
    if let Some(study) = studies.iter().find(|study| !study.missing.is_empty()) {
        let missing = study.missing.iter().map(Step::to_string).collect::<Vec<_>>().join(", ");
        let message = format!(
            "{}: the steps {missing} are not there yet; when every shard is done, study once more",
            study.model
        );
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let records: Vec<Record> =
        studies.iter().flat_map(|study| study.records.iter().cloned()).collect();
    let mcc_of = |protocol: &Protocol| mcc_table(&records, protocol);
    let mcc_rows: Vec<MccRow> = settings.protocols.iter().flat_map(mcc_of).collect();
    let settling_of = |protocol: &Protocol| settling_table(&records, protocol);
    let settling_rows: Vec<SettlingRow> = settings.protocols.iter().flat_map(settling_of).collect();
    let summary_of = |protocol: &Protocol| summarise(&records, protocol);
    let summary_rows: Vec<SummaryRow> = settings.protocols.iter().flat_map(summary_of).collect();
    let failed =
        |error: settling_records::Error| Error::caused(ErrorKind::Output, "a table", error);

    let mut bytes = Vec::new();
    write_records(&mut bytes, &records).map_err(failed)?;
    let records = store.write_file("records.csv", &bytes)?;

    let mut bytes = Vec::new();
    write_mcc(&mut bytes, &mcc_rows).map_err(failed)?;
    let mcc = store.write_file("mcc.csv", &bytes)?;

    let mut bytes = Vec::new();
    write_settling(&mut bytes, &settling_rows).map_err(failed)?;
    let settling = store.write_file("settling.csv", &bytes)?;

    let mut bytes = Vec::new();
    write_summary(&mut bytes, &summary_rows).map_err(failed)?;
    let summary = store.write_file("summary.csv", &bytes)?;

    for study in studies {
        if let Some(audit) = &study.audit {
            store.write_file(&format!("{}/audit.json", study.model), audit.to_json().as_bytes())?;
        }
    }
    let models: Vec<_> = studies.iter().map(model_manifest).collect();
    let manifest = json!({
        "schema": SCHEMA,
        "settling": env!("CARGO_PKG_VERSION"),
        "engine": settings.engine,
        "protocols": settings.protocols,
        "models": models,
    });
    let bytes = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| Error::caused(ErrorKind::Output, "manifest.json", error))?;
    let manifest = store.write_file("manifest.json", &bytes)?;
    Ok(Tables { records, mcc, settling, summary, manifest, mcc_rows, settling_rows, summary_rows })
}

fn model_manifest(study: &ModelStudy) -> serde_json::Value {
    let steps: Vec<_> = study
        .steps
        .iter()
        .map(|step| {
            json!({
                "step": step.step.0,
                "checkpoint_sha256": step.checkpoint_sha256,
                "reused": step.reused,
                "computed": step.computed,
                "seconds": step.seconds,
            })
        })
        .collect();
    let tokens: Vec<_> = study
        .rows
        .iter()
        .map(|used| {
            json!({
                "protocol": used.protocol,
                "rows": used.rows,
                "width": used.width,
                "sha256": used.sha256,
            })
        })
        .collect();
    let audit = study.audit.as_ref().map(|audit| {
        json!({
            "verdict": audit.verdict().to_string(),
            "findings": audit.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    json!({
        "model": study.model,
        "audit": audit,
        "tokens": tokens,
        "steps": steps,
    })
}
