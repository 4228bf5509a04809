//! The output folder of a study: one unit per (model, step, protocol), complete or absent.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use settling_checkpoint::write_safetensors;
use settling_core::{BoxError, Dtype, Spectrum, Step, TensorData};
use settling_records::{Record, read_records, write_records};

use crate::error::Error;
use crate::hash::sha256;

mod stored;
mod unfinished;

pub use stored::{StoredSpectrum, read_spectra};

use unfinished::{remove_unfinished, sync_folder, unfinished, write_aside, write_synced};

/// Everything that was measured at one step of one model under one protocol.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unit {
    /// The numbers.
    pub records: Vec<Record>,
    /// The spectra that they were computed from, so that another rank measure needs no weights:
    /// `<site>.<signal>`, with `.batch<K>` at its end where the ranks of several batches were
    /// averaged.
    pub spectra: Vec<(String, Spectrum)>,
}

/// A folder that holds the results of a study:
/// `<model>/step<N>/<protocol>/{records.csv, spectra.safetensors, unit.json}`.
///
/// A unit appears by one rename, so a study that is killed leaves whole units only; what it had
/// begun is removed when the unit is there. Several processes, on several machines, may work on one
/// folder without locks: the second with a unit or file drops its own copy or replaces the
/// other, whole. Each unit is keyed by a hash of everything that determines it and carries hashes
/// of its files: a unit that was computed from something else, or was damaged or edited, does not
/// count as done, and is replaced.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
}

/// Which unit, and what it was determined by.
pub(crate) struct Key<'a> {
    pub(crate) model: &'a str,
    pub(crate) step: Step,
    pub(crate) protocol: &'a str,
    /// Hash of everything that determines it.
    pub(crate) hash: String,
    /// Hash of that part of it that is known before a checkpoint is opened.
    pub(crate) settings: String,
}

#[derive(Deserialize, Serialize)]
struct Seal {
    /// Hash of everything that determines the unit.
    key: String,
    /// Hash of that part of it that is known before a checkpoint is opened.
    settings: String,
    /// Hashes of the files beside this one.
    records_sha256: String,
    spectra_sha256: Option<String>,
}

const RECORDS: &str = "records.csv";
const SPECTRA: &str = "spectra.safetensors";
const SEAL: &str = "unit.json";

impl Store {
    /// Opens `folder`, creating it if need be, and makes sure that it can be written.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created or written.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref().to_path_buf();
        fs::create_dir_all(&folder)
            .map_err(|error| Error::output("create the output folder", &folder, error))?;
        let probe = |probe: &Path| -> Result<(), BoxError> {
            write_synced(probe, b"can be written")?;
            Ok(fs::remove_file(probe)?)
        };
        write_aside(&folder, "probe", probe)
            .map_err(|error| Error::output("write to the output folder", &folder, error))?;
        Ok(Self { folder })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The numbers of a unit, if it is there, whole, and determined by the same.
    ///
    /// # Errors
    ///
    /// If a file is there but cannot be read.
    pub(crate) fn find(&self, key: &Key<'_>) -> Result<Option<Vec<Record>>, Error> {
        let folder = self.unit_folder(key);
        let Some(seal) = read_if_there(&folder.join(SEAL))? else { return Ok(None) };
        let Ok(seal) = serde_json::from_slice::<Seal>(&seal) else { return Ok(None) };
        if seal.key != key.hash || seal.settings != key.settings {
            return Ok(None);
        }
        let Some(records) = read_if_there(&folder.join(RECORDS))? else { return Ok(None) };
        let spectra = read_if_there(&folder.join(SPECTRA))?.map(|bytes| sha256(&bytes));
        if sha256(&records) != seal.records_sha256 || spectra != seal.spectra_sha256 {
            return Ok(None);
        }
        let records = read_records(&records[..]).ok();
        if records.is_some() {
            // Of a process that was killed after another had completed the unit, or while it put it
            // in the place of another.
            remove_unfinished(&self.step_folder(key.model, key.step), key.protocol);
        }
        Ok(records)
    }

    /// Whether there is a unit of this step and protocol with these settings, whatever checkpoint
    /// it was computed from.
    pub(crate) fn may_have(
        &self,
        model: &str,
        step: Step,
        protocol: &str,
        settings: &str,
    ) -> Result<bool, Error> {
        let path = self.step_folder(model, step).join(protocol).join(SEAL);
        let Some(seal) = read_if_there(&path)? else { return Ok(false) };
        Ok(serde_json::from_slice::<Seal>(&seal).is_ok_and(|seal| seal.settings == settings))
    }

    /// Puts a unit in its place, whole, instead of any unit of that step and protocol that was
    /// determined by something else.
    pub(crate) fn put(&self, key: &Key<'_>, unit: &Unit) -> Result<(), Error> {
        let write = |partial: &Path| {
            write_unit(partial, key, unit)?;
            self.move_to_place(key, partial)
        };
        write_aside(&self.step_folder(key.model, key.step), key.protocol, write)
            .map_err(|error| Error::output("write", &self.unit_folder(key), error))
    }

    fn move_to_place(&self, key: &Key<'_>, written: &Path) -> Result<(), BoxError> {
        let place = self.unit_folder(key);
        let old = unfinished(&self.step_folder(key.model, key.step), key.protocol);
        if fs::symlink_metadata(&place).is_ok() {
            if self.find(key)?.is_some() {
                // Another process was first, and its copy is as good: this one is removed as
                // unfinished.
                return Ok(());
            }
            fs::rename(&place, &old)?;
        }
        fs::rename(written, &place).map_err(|error| {
            let _ = fs::rename(&old, &place);
            error.into()
        })
    }

    /// Writes a file of the study as a whole, replacing it atomically. `name` is relative to the
    /// output folder.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_file(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        let last = path.file_name().unwrap_or_default().to_string_lossy();
        let write = |partial: &Path| {
            write_synced(partial, bytes)?;
            Ok(fs::rename(partial, &path)?)
        };
        write_aside(folder, &last, write).map_err(|error| Error::output("write", &path, error))?;
        Ok(path)
    }

    fn step_folder(&self, model: &str, step: Step) -> PathBuf {
        self.folder.join(model).join(format!("step{step}"))
    }

    fn unit_folder(&self, key: &Key<'_>) -> PathBuf {
        self.step_folder(key.model, key.step).join(key.protocol)
    }
}

fn write_unit(folder: &Path, key: &Key<'_>, unit: &Unit) -> Result<(), BoxError> {
    fs::create_dir_all(folder)?;
    let mut records = Vec::new();
    write_records(&mut records, &unit.records)?;
    write_synced(&folder.join(RECORDS), &records)?;
    let mut seal = Seal {
        key: key.hash.clone(),
        settings: key.settings.clone(),
        records_sha256: sha256(&records),
        spectra_sha256: None,
    };
    if !unit.spectra.is_empty() {
        let path = folder.join(SPECTRA);
        write_spectra(&path, &unit.spectra)?;
        seal.spectra_sha256 = Some(sha256(&fs::read(&path)?));
    }
    write_synced(&folder.join(SEAL), &serde_json::to_vec_pretty(&seal)?)?;
    Ok(sync_folder(folder)?)
}

fn write_spectra(path: &Path, spectra: &[(String, Spectrum)]) -> Result<(), BoxError> {
    let mut tensors = Vec::new();
    for (name, spectrum) in spectra {
        let bytes: Vec<u8> =
            spectrum.values().iter().flat_map(|value| value.to_le_bytes()).collect();
        let data = TensorData::new(Dtype::F64, vec![spectrum.len()], bytes)?;
        tensors.push((name.clone(), data));
    }
    Ok(write_safetensors(path, &tensors)?)
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::output("read", path, error)),
    }
}

#[cfg(test)]
mod tests;
