//! The files of a checkpoint that is in several, by their index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path};

use serde::Deserialize;

use super::weight_file::{Format, WeightFile};
use crate::error::{Error, ErrorKind};
use crate::files::Folder;

/// The files that an index names, and which of them has which tensor.
pub(super) struct Shards {
    pub(super) files: Vec<WeightFile>,
    pub(super) places: HashMap<String, usize>,
    /// The tensors that a shard has and the index does not name.
    pub(super) unlisted: Vec<String>,
    /// Of these, those of which two shards have one, with a word on which.
    pub(super) twofold: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Shards {
    pub(super) fn open(format: Format, folder: &Folder) -> Result<Self, Error> {
        let path = folder.path().join(format.index());
        let text = folder.read_text(format.index())?;
        let index: Index = serde_json::from_str(&text)
            .map_err(|error| Error::at(ErrorKind::Format, &path, error))?;
        if index.weight_map.is_empty() {
            return Err(Error::at(ErrorKind::Format, &path, "lists no tensors"));
        }
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        let mut files = Vec::new();
        let mut numbers = HashMap::new();
        for &name in &names {
            let mut parts = Path::new(name).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                let message =
                    format!("names the shard `{name}`: expected a file in the same folder");
                return Err(Error::at(ErrorKind::Format, &path, message));
            }
            numbers.insert(name.as_str(), files.len());
            files.push(format.open(folder.open(name)?)?);
        }
        let mut places = HashMap::new();
        for (tensor, shard) in &index.weight_map {
            let number = numbers[shard.as_str()];
            if !files[number].contains(tensor) {
                let message = format!("says that {shard} has tensor `{tensor}`, but it has not");
                return Err(Error::at(ErrorKind::MissingTensor, &path, message));
            }
            places.insert(tensor.clone(), number);
        }
        let mut shards = Self { files, places, unlisted: Vec::new(), twofold: BTreeMap::new() };
        shards.add_unlisted(&index, &names.into_iter().collect::<Vec<_>>());
        Ok(shards)
    }

    /// A tensor of a shard counts though the index does not name it, as it does for who loads whole
    /// shards; but not if two shards have one of that name.
    fn add_unlisted(&mut self, index: &Index, names: &[&String]) {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for (number, file) in self.files.iter().enumerate() {
            let readable = file.tensors().into_iter().map(|meta| meta.name);
            let unread = file.unread().into_iter().map(|(name, _)| name.to_owned());
            for name in readable.chain(unread) {
                if index.weight_map.contains_key(&name) {
                    continue;
                }
                if let Some(other) = found.insert(name.clone(), number) {
                    let kind = format!("in two shards, {} and {}", names[other], names[number]);
                    self.twofold.entry(name).or_insert(kind);
                }
            }
        }
        self.unlisted = found.keys().cloned().collect();
        found.retain(|name, _| !self.twofold.contains_key(name));
        self.places.extend(found);
    }
}
