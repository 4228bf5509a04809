//! Protocols, as the command line and the tables of a study name them.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;

use settling::records::Record;
use settling::{Manifest, Protocol};

use crate::exit::Failure;

/// What lies beside the tables of a study and says how they were made.
pub(crate) struct Making {
    /// The text of manifest.json, and what it says.
    manifest: Option<(String, Manifest)>,
    /// From files that were named on the command line.
    given: Vec<Protocol>,
}

impl Making {
    /// Reads manifest.json in `folder`, if there is one, and the protocols in `files`.
    pub(crate) fn read(folder: &Path, files: &[impl AsRef<Path>]) -> Result<Self, Box<dyn Error>> {
        let path = folder.join("manifest.json");
        let manifest = match fs::read_to_string(&path) {
            Ok(text) => Some((text, Manifest::read(&path)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Failure::input(format!("{}: {error}", path.display())).into());
            }
        };
        let given = files.iter().map(Protocol::read).collect::<Result<_, _>>()?;
        Ok(Self { manifest, given })
    }

    pub(crate) fn text(&self) -> Option<&str> {
        self.manifest.as_ref().map(|(text, _)| text.as_str())
    }

    pub(crate) fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref().map(|(_, manifest)| manifest)
    }

    /// The protocol of this name: from a file that was given, else the one that the tables were
    /// made by, else a built-in one. Records alone do not say by which thresholds to decide about
    /// them.
    pub(crate) fn protocol(&self, name: &str) -> Result<Protocol, Failure> {
        let of_study = self.manifest().map_or(&[][..], |manifest| &manifest.protocols);
        let known = self.given.iter().chain(of_study).find(|protocol| protocol.name == name);
        known.cloned().or_else(|| Protocol::named(name)).ok_or_else(|| {
            let why = match self.manifest {
                Some(_) => "the manifest.json beside the records does not have it",
                None => "there is no manifest.json beside the records",
            };
            Failure::usage(format!(
                "nothing says what protocol `{name}` decides by: it is not built in, and {why}. Give its file: \
                 --protocol FILE.toml"
            ))
        })
    }

    /// The protocols of the records, in the order in which they name them first.
    pub(crate) fn protocols(&self, records: &[Record]) -> Result<Vec<Protocol>, Failure> {
        names(records).into_iter().map(|name| self.protocol(name)).collect()
    }
}

/// The names of the protocols of records, in order of appearance.
pub(crate) fn names(records: &[Record]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for record in records {
        if names.last() != Some(&record.protocol.as_str())
            && !names.contains(&record.protocol.as_str())
        {
            names.push(&record.protocol);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_protocol_that_nothing_describes_is_not_decided_about() {
        let folder = tempfile::tempdir().unwrap();
        let making = Making::read(folder.path(), &[] as &[&Path]).unwrap();
        assert_eq!(making.protocol("published").unwrap(), Protocol::published());
        let error = making.protocol("mine").unwrap_err();
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.message.contains("`mine`") && error.message.contains("no manifest.json"));

        let file = folder.path().join("mine.toml");
        fs::write(&file, "name = 'mine'\nbase = 'published'\n[early]\nwindow = { step = 100 }")
            .unwrap();
        let making = Making::read(folder.path(), &[&file]).unwrap();
        assert_eq!(making.protocol("mine").unwrap(), Protocol::read(&file).unwrap());
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("manifest.json"), "{}").unwrap();
        let error = Making::read(folder.path(), &[] as &[&Path]).err().unwrap();
        assert_eq!(Exit::from_error(error.as_ref()), Exit::Input);
    }
}
