use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use settling_core::{GptNeox, TensorData, TensorMeta, TensorSource};

use crate::config::parse_gpt_neox;
use crate::error::{Error, ErrorKind};
use crate::safetensors_file::SafetensorsFile;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const CONFIG: &str = "config.json";

/// One checkpoint: a folder as Hugging Face's `save_pretrained` writes it, with `model.safetensors` or with shards that
/// `model.safetensors.index.json` lists.
///
/// Opening reads headers only; a tensor is read when it is asked for. Tensors of element types that are not read (8-bit floats,
/// say) are not listed, and asking for one says so.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    files: Vec<SafetensorsFile>,
    /// Which file has a tensor; `None` if there is but one file and no index.
    places: Option<HashMap<String, usize>>,
    tensors: Vec<TensorMeta>,
}

impl Checkpoint {
    /// Opens the checkpoint in `folder`.
    ///
    /// # Errors
    ///
    /// If the folder has no weights in safetensors, a shard is missing or outside the folder, a file is damaged, or the index
    /// and the shards contradict each other.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_folder(folder.as_ref())
    }

    fn open_folder(folder: &Path) -> Result<Self, Error> {
        if folder.join(SINGLE).is_file() {
            let file = SafetensorsFile::open(folder.join(SINGLE))?;
            let tensors: Vec<_> = file.tensors().collect();
            return Ok(Self {
                folder: folder.to_path_buf(),
                files: vec![file],
                places: None,
                tensors,
            });
        }
        if folder.join(INDEX).is_file() {
            return Self::open_sharded(folder);
        }
        let message = if folder.is_dir() { "has neither" } else { "is no folder with" };
        Err(Error::at(ErrorKind::MissingFile, folder, format!("{message} {SINGLE} nor {INDEX}")))
    }

    fn open_sharded(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(INDEX);
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
        let index: Index = serde_json::from_str(&text)
            .map_err(|error| Error::at(ErrorKind::Format, &path, error))?;
        if index.weight_map.is_empty() {
            return Err(Error::at(ErrorKind::Format, &path, "lists no tensors"));
        }
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        let mut files = Vec::new();
        let mut numbers = HashMap::new();
        for name in names {
            let mut parts = Path::new(name).components();
            if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
                let message =
                    format!("names the shard `{name}`: expected a file in the same folder");
                return Err(Error::at(ErrorKind::Format, &path, message));
            }
            numbers.insert(name.as_str(), files.len());
            files.push(SafetensorsFile::open(folder.join(name))?);
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
        // The index decides which of two copies counts.
        let tensors = files.iter().enumerate().flat_map(|(number, file)| {
            let places = &places;
            file.tensors().filter(move |meta| places.get(&meta.name) == Some(&number))
        });
        let tensors = tensors.collect();
        Ok(Self { folder: folder.to_path_buf(), files, places: Some(places), tensors })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The files that hold the weights.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(SafetensorsFile::path)
    }

    /// The file that holds a tensor, or `None` if there is no such tensor.
    #[must_use]
    pub fn file_of(&self, tensor: &str) -> Option<&Path> {
        let number = match &self.places {
            Some(places) => *places.get(tensor)?,
            None => self.files.iter().position(|file| file.contains(tensor))?,
        };
        self.files.get(number).map(SafetensorsFile::path)
    }

    /// The architecture, from `config.json`.
    ///
    /// # Errors
    ///
    /// If the file is missing, or [`parse_gpt_neox`] refuses it.
    pub fn config(&self) -> Result<GptNeox, Error> {
        let path = self.folder.join(CONFIG);
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, error))?;
        parse_gpt_neox(&text).map_err(|error| Error::at(error.kind(), &path, error))
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl TensorSource for Checkpoint {
    type Error = Error;

    fn tensors(&self) -> &[TensorMeta] {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, Error> {
        let number = self.places.as_ref().map_or(Some(0), |places| places.get(name).copied());
        match number {
            Some(number) => self.files[number].read(name),
            None => {
                let message =
                    format!("has no tensor `{name}` among its {} tensors", self.tensors.len());
                Err(Error::at(ErrorKind::MissingTensor, &self.folder, message))
            }
        }
    }
}
