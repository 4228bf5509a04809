//! The files of a finished study: tables and manifest.

mod manifest;

use std::collections::BTreeMap;
use std::path::PathBuf;

use settling_analysis::{Rules, mcc_table, settling_table, summary_table};
use settling_core::Step;
use settling_records::{
    MccRow, Record, SettlingRow, SummaryRow, write_mcc, write_records, write_records_parquet,
    write_settling, write_summary,
};

pub use manifest::{AuditManifest, Manifest, ModelManifest, StepManifest};

use crate::error::{Error, ErrorKind};
use crate::hash::sha256;
use crate::protocol::Protocol;
use crate::run::ModelStudy;
use crate::store::Store;
use crate::study::Study;

/// What [`Study::write_tables`] has written.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TableFiles {
    /// `records.csv`: every number.
    pub records_csv: PathBuf,
    /// `records.parquet`: the same, in the types of its columns.
    pub records_parquet: PathBuf,
    /// `mcc.csv`: the association of early convergence with large PER.
    pub mcc_csv: PathBuf,
    /// `settling.csv`: from when on each layer stays similar to its end.
    pub settling_csv: PathBuf,
    /// `summary.csv`: averages over layers.
    pub summary_csv: PathBuf,
    /// `manifest.json`: what the numbers were computed from and with.
    pub manifest: PathBuf,
    /// The rows of `mcc.csv`.
    pub mcc_rows: Vec<MccRow>,
    /// The rows of `settling.csv`.
    pub settling_rows: Vec<SettlingRow>,
    /// The rows of `summary.csv`.
    pub summary_rows: Vec<SummaryRow>,
}

impl Study {
    /// Writes the tables of the study into its output folder: `records.csv` and `records.parquet`,
    /// `mcc.csv`, `settling.csv`, `summary.csv`, and the [`Manifest`](crate::Manifest) with
    /// versions, every choice of the protocols, hashes of every checkpoint, of the token rows and
    /// of the tables, timings, and the verdict on the checkpoints. The
    /// [audit](ModelStudy::with_audit) of a model goes to `<model>/audit.json`.
    ///
    /// The tables depend on the records alone: a study that was killed and resumed ends with the
    /// same bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], if a model has [missing](ModelStudy::missing) steps: tables are of
    /// whole studies; [`ErrorKind::Output`], if a file cannot be written.
    pub fn write_tables(&self, models: &[ModelStudy]) -> Result<TableFiles, Error> {
        if let Some(model) = models.iter().find(|model| !model.missing.is_empty()) {
            let missing = model.missing.iter().map(Step::to_string).collect::<Vec<_>>().join(", ");
            let message = format!(
                "{}: the steps {missing} are not there yet; when every shard is done, study once more",
                model.model
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
        for (place, model) in models.iter().enumerate() {
            if models[..place].iter().any(|other| other.model == model.model) {
                let message =
                    format!("two models are named `{}`: expected names of their own", model.model);
                return Err(Error::new(ErrorKind::Usage, message));
            }
        }
        let records: Vec<Record> =
            models.iter().flat_map(|model| model.records.iter().cloned()).collect();
        let rules: Vec<Rules> = self.protocols.iter().map(Protocol::rules).collect();
        let mcc_rows: Vec<MccRow> =
            rules.iter().flat_map(|rules| mcc_table(&records, rules)).collect();
        let settling_rows: Vec<SettlingRow> =
            rules.iter().flat_map(|rules| settling_table(&records, rules)).collect();
        let summary_rows: Vec<SummaryRow> =
            rules.iter().flat_map(|rules| summary_table(&records, rules)).collect();
        let store = &self.store;
        let mut files = TableWriter { store, hashes: BTreeMap::new() };
        let csv = files.write("records.csv", |out| write_records(out, &records))?;
        let parquet = files.write("records.parquet", |out| write_records_parquet(out, &records))?;
        let mcc = files.write("mcc.csv", |out| write_mcc(out, &mcc_rows))?;
        let settling = files.write("settling.csv", |out| write_settling(out, &settling_rows))?;
        let summary = files.write("summary.csv", |out| write_summary(out, &summary_rows))?;

        for model in models {
            if let Some(audit) = &model.audit {
                store.write_file(
                    &format!("{}/audit.json", model.model),
                    audit.to_json().as_bytes(),
                )?;
            }
        }
        let manifest = Manifest::new(&self.protocols, models, files.hashes);
        let bytes = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| Error::caused(ErrorKind::Output, "manifest.json", error))?;
        let manifest = store.write_file("manifest.json", &bytes)?;
        Ok(TableFiles {
            records_csv: csv,
            records_parquet: parquet,
            mcc_csv: mcc,
            settling_csv: settling,
            summary_csv: summary,
            manifest,
            mcc_rows,
            settling_rows,
            summary_rows,
        })
    }
}

/// The tables that are written, and what they hash to.
struct TableWriter<'a> {
    store: &'a Store,
    hashes: BTreeMap<String, String>,
}

impl TableWriter<'_> {
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
