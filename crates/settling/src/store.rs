//! The output folder of a study: one unit a (model, step, protocol), complete or absent.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use settling_checkpoint::write_safetensors;
use settling_core::{Dtype, Spectrum, Step, TensorData};
use settling_records::{Record, read_records, write_records};
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind};

/// Everything that was measured at one step of one model under one protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// The numbers.
    pub records: Vec<Record>,
    /// The spectra that they were computed from, so that another rank measure needs no weights: `<site>.<signal>`, with `.batch<K>`
    /// behind it where the ranks of several batches were averaged.
    pub spectra: Vec<(String, Spectrum)>,
}

/// A folder that holds the results of a study: `<model>/step<N>/<protocol>/{records.csv, spectra.safetensors,
/// unit.json}`.
///
/// A unit appears by one rename, so a study that is killed leaves whole units only, and several processes may work on one
/// folder; what a killed one has begun is removed when the unit is there. Each is keyed by a hash of everything that determines it and carries hashes of its files: a unit that was computed
/// from something else, or was damaged or edited, does not count as done.
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
}

#[derive(Deserialize, Serialize)]
struct Seal {
    /// Hash of everything that determines the unit.
    key: String,
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
        let probe = folder.join(format!(".probe.{}", std::process::id()));
        fs::write(&probe, b"")
            .and_then(|()| fs::remove_file(&probe))
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
        if seal.key != key.hash {
            return Ok(None);
        }
        let Some(records) = read_if_there(&folder.join(RECORDS))? else { return Ok(None) };
        let spectra = read_if_there(&folder.join(SPECTRA))?.map(|bytes| sha256(&bytes));
        if sha256(&records) != seal.records_sha256 || spectra != seal.spectra_sha256 {
            return Ok(None);
        }
        Ok(read_records(&records[..]).ok())
    }

    /// Whether there is a unit of this step and protocol, determined by whatever.
    pub(crate) fn has_any(&self, model: &str, step: Step, protocol: &str) -> bool {
        self.step_folder(model, step).join(protocol).join(SEAL).exists()
    }

    /// Puts a unit in its place, whole, instead of any other unit of that step and protocol.
    pub(crate) fn put(&self, key: &Key<'_>, unit: &Unit) -> Result<(), Error> {
        let place = self.unit_folder(key);
        let parent = self.step_folder(key.model, key.step);
        let partial = parent.join(format!(".{}.{}.partial", key.protocol, std::process::id()));
        let write = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            let _ = fs::remove_dir_all(&partial);
            fs::create_dir_all(&partial)?;
            let mut records = Vec::new();
            write_records(&mut records, &unit.records)?;
            write_synced(&partial.join(RECORDS), &records)?;
            let mut seal = Seal {
                key: key.hash.clone(),
                records_sha256: sha256(&records),
                spectra_sha256: None,
            };
            if !unit.spectra.is_empty() {
                let path = partial.join(SPECTRA);
                write_spectra(&path, &unit.spectra)?;
                seal.spectra_sha256 = Some(sha256(&fs::read(&path)?));
            }
            write_synced(&partial.join(SEAL), &serde_json::to_vec_pretty(&seal)?)?;
            if place.exists() {
                fs::remove_dir_all(&place)?;
            }
            fs::rename(&partial, &place)?;
            Ok(sync_folder(&parent)?)
        };
        if let Err(error) = write() {
            let _ = fs::remove_dir_all(&partial);
            // Another process may have been first with the same unit, and have removed this one; its copy is as good.
            if !matches!(self.find(key), Ok(Some(_))) {
                return Err(Error::output("write", &place, error));
            }
        }
        remove_unfinished(&parent, key.protocol);
        Ok(())
    }

    /// Writes a file of the study as a whole, replacing it atomically. `name` is relative to the output folder.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_file(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        let last = path.file_name().unwrap_or_default().to_string_lossy();
        let partial = folder.join(format!(".{last}.{}.partial", std::process::id()));
        let write = || -> io::Result<()> {
            write_synced(&partial, bytes)?;
            fs::rename(&partial, &path)?;
            sync_folder(folder)
        };
        // Once more, if a process that was done with the same file has removed this one.
        let retry = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => write(),
            _ => Err(error),
        };
        write().or_else(retry).map_err(|error| {
            let _ = fs::remove_file(&partial);
            Error::output("write", &path, error)
        })?;
        remove_unfinished(folder, &last);
        Ok(path)
    }

    fn step_folder(&self, model: &str, step: Step) -> PathBuf {
        self.folder.join(model).join(format!("step{step}"))
    }

    fn unit_folder(&self, key: &Key<'_>) -> PathBuf {
        self.step_folder(key.model, key.step).join(key.protocol)
    }
}

/// Refuses names that would leave the output folder.
pub(crate) fn check_model_name(name: &str) -> Result<(), Error> {
    if is_plain(name) {
        return Ok(());
    }
    let message =
        format!("`{name}` cannot name a model: it must be usable as the name of a folder");
    Err(Error::new(ErrorKind::Usage, message))
}

/// Whether a folder can have this name, and is not hidden.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

/// Removes what processes that were killed have left of a unit or file that is complete now. One that is still at it, on the same, finds
/// the complete one.
fn remove_unfinished(folder: &Path, name: &str) {
    let of = |file: &str| {
        let process = file.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.')?;
        process.strip_suffix(".partial")?.parse::<u32>().ok()
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().and_then(of).is_some() {
            let path = entry.path();
            // What cannot be removed does no harm.
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

fn write_spectra(
    path: &Path,
    spectra: &[(String, Spectrum)],
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
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

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A rename is on disk only when its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
