//! The files of a finished study: tables and manifest.

use std::collections::BTreeMap;
use std::path::PathBuf;

use settling_core::Step;
use settling_records::{
    MccRow, Record, SettlingRow, SummaryRow, write_mcc, write_records, write_records_parquet,
    write_settling, write_summary,
};

use crate::store::sha256;
use crate::{
    Error, ErrorKind, Manifest, ModelStudy, Protocol, Settings, Store, mcc_table, settling_table,
    summarise,
};

/// What [`write_tables`] has written.
#[derive(Clone, Debug, PartialEq)]
pub struct Tables {
    /// `records.csv`: every number.
    pub records: PathBuf,
    /// `records.parquet`: the same, in the types of its columns.
    pub records_parquet: PathBuf,
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

/// Writes the tables of a study into its output folder: `records.csv` and `records.parquet`,
/// `mcc.csv`, `settling.csv`, `summary.csv`, and the [`Manifest`] with versions, every choice of
/// the protocols, hashes of every checkpoint, of the tokens and of the tables, timings, and the
/// verdict on the checkpoints. The [audit](ModelStudy::audit) of a model is in
/// `<model>/audit.json`. Every column and key is told in docs/SCHEMA.md of the repository.
///
/// The tables depend on the records alone: a study that was killed and resumed ends with the same
/// bytes.
///
/// # Errors
///
/// If a file cannot be written, or a study has [missing](ModelStudy::missing) steps: tables are of
/// whole studies.
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
    let mut files = TableFiles { store, hashes: BTreeMap::new() };
    let csv = files.write("records.csv", |out| write_records(out, &records))?;
    let parquet = files.write("records.parquet", |out| write_records_parquet(out, &records))?;
    let mcc = files.write("mcc.csv", |out| write_mcc(out, &mcc_rows))?;
    let settling = files.write("settling.csv", |out| write_settling(out, &settling_rows))?;
    let summary = files.write("summary.csv", |out| write_summary(out, &summary_rows))?;

    for study in studies {
        if let Some(audit) = &study.audit {
            store.write_file(&format!("{}/audit.json", study.model), audit.to_json().as_bytes())?;
        }
    }
    let manifest = Manifest::new(settings, studies, files.hashes);
    let bytes = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| Error::caused(ErrorKind::Output, "manifest.json", error))?;
    let manifest = store.write_file("manifest.json", &bytes)?;
    Ok(Tables {
        records: csv,
        records_parquet: parquet,
        mcc,
        settling,
        summary,
        manifest,
        mcc_rows,
        settling_rows,
        summary_rows,
    })
}

/// The tables that are written, and what they hash to.
struct TableFiles<'a> {
    store: &'a Store,
    hashes: BTreeMap<String, String>,
}

impl TableFiles<'_> {
    fn write(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), settling_records::Error>,
    ) -> Result<PathBuf, Error> {
        let mut bytes = Vec::new();
        write(&mut bytes).map_err(|error| Error::caused(ErrorKind::Output, name, error))?;
        let path = self.store.write_file(name, &bytes)?;
        self.hashes.insert(name.to_owned(), sha256(&bytes));
        Ok(path)
    }
}
