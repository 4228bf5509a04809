//! The files of a finished study: tables and manifest.

use std::path::PathBuf;

use serde_json::json;
use settling_records::{MccRow, Record, SCHEMA, write_mcc, write_records};

use crate::{Error, ErrorKind, ModelStudy, Settings, Store, mcc_table};

/// What [`write_tables`] has written.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    /// `records.csv`: every number.
    pub records: PathBuf,
    /// `mcc.csv`: the association of early convergence with large PER.
    pub mcc: PathBuf,
    /// `manifest.json`: what the numbers were computed from and with.
    pub manifest: PathBuf,
    /// The rows of `mcc.csv`.
    pub mcc_rows: Vec<MccRow>,
}

/// Writes the tables of a study into its output folder: `records.csv`, `mcc.csv`, and `manifest.json` with versions, settings,
/// hashes of every checkpoint and of the tokens, timings, and the verdict on the checkpoints. The [audit](ModelStudy::audit) of a
/// model is in `<model>/audit.json`.
///
/// The tables depend on the records alone: a study that was killed and resumed ends with the same bytes.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write_tables(
    store: &Store,
    settings: &Settings,
    studies: &[ModelStudy],
) -> Result<Tables, Error> {
    let records: Vec<Record> =
        studies.iter().flat_map(|study| study.records.iter().cloned()).collect();
    let of_protocols = settings.protocols.iter();
    let mcc_rows: Vec<MccRow> =
        of_protocols.flat_map(|protocol| mcc_table(&records, protocol)).collect();
    let failed =
        |error: settling_records::Error| Error::caused(ErrorKind::Output, "a table", error);

    let mut bytes = Vec::new();
    write_records(&mut bytes, &records).map_err(failed)?;
    let records = store.write_file("records.csv", &bytes)?;

    let mut bytes = Vec::new();
    write_mcc(&mut bytes, &mcc_rows).map_err(failed)?;
    let mcc = store.write_file("mcc.csv", &bytes)?;

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
    Ok(Tables { records, mcc, manifest, mcc_rows })
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
