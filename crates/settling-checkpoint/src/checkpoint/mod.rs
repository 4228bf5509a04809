//! One checkpoint: its files, its tensors, its configuration.

mod prefix;
mod weight_file;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use settling_core::{BoxError, ReadRange, TensorData, TensorMeta, TensorSource};
use settling_models::{Architecture, ModelSource, parse_config};

use self::prefix::common_prefix;
use self::weight_file::{Format, WeightFile};
use crate::error::{Error, ErrorKind};
use crate::files::{Folder, Source};

const CONFIG: &str = "config.json";

/// One checkpoint: a folder as Hugging Face's `save_pretrained` writes it, or a single file of
/// weights.
///
/// Opening reads headers only; a tensor is read when it is asked for. Tensors of element types that
/// are not read (8-bit floats, say) are not among [`tensors`](TensorSource::tensors) but among
/// [`unread`](Self::unread), and asking for one says so.
///
/// # PyTorch files
///
/// A file of `torch.save` is a zip archive with a pickle, or, from before PyTorch 1.6, a row of
/// pickles followed by the storages. What Python's own `pickle.dump` writes of tensors (protocol 3
/// to 5) is a pickle that has such a row within it for each tensor. A pickle is a program. It is
/// interpreted by a machine that knows the few functions that rebuild tensors and refuses every
/// other name, so nothing in a file is ever executed. A pickle is read through a small window, and
/// storages within it are not read until a tensor is asked for, so files of many gigabytes open in
/// little memory.
///
/// - A dict's keys become names; those of a dict, list or tuple within are joined with dots
///   (`optimizer.state.0.exp_avg`). A dict under the root's key `state_dict` or `model` is the
///   exception: its tensors have their names without that key. Two tensors of one name are an
///   error.
/// - Values that are not tensors are skipped; [`other_values`](Self::other_values) counts them.
///   Attributes of a dict, such as a state dict's `_metadata`, do not count.
/// - Views (tied, transposed, sliced, expanded tensors) have the values that PyTorch gives. One
///   that is not contiguous needs memory for the part of its storage that it spans.
/// - The checksum of a storage is compared when a tensor is read that takes up all of it, as most
///   do, and not when part of it is read. A file saved without checksums
///   (`set_crc32_options(False)`) has none to compare, nor has one that is no zip archive.
#[derive(Debug)]
pub struct Checkpoint {
    folder: Folder,
    files: Vec<WeightFile>,
    /// Which file has a tensor; `None` if there is but one file and no index.
    places: Option<HashMap<String, usize>>,
    tensors: Vec<TensorMeta>,
    /// What is taken off every name that the files have.
    prefix: String,
}

impl Checkpoint {
    /// Opens the checkpoint in `folder`: the first that is there of `model.safetensors`, the shards
    /// listed in `model.safetensors.index.json`, `pytorch_model.bin`, and the shards listed in
    /// `pytorch_model.bin.index.json`.
    ///
    /// # Errors
    ///
    /// If the folder has no weights in these formats, a shard is missing or outside the folder, a
    /// file is damaged or asks for anything but tensors, or the index and the shards contradict
    /// each other.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_folder(Folder::Local(folder.as_ref().to_path_buf()))
    }

    /// Opens a checkpoint whose files lie anywhere, such as on a server, as [`open`](Self::open)
    /// does for a folder. Only those bytes are read that are asked for.
    ///
    /// `place` is what the folder is called in messages and by [`folder`](Self::folder).
    ///
    /// ```
    /// use settling_checkpoint::Checkpoint;
    /// use settling_core::{ReadRange, TensorSource};
    ///
    /// // An empty safetensors file: the length of its header, and the header.
    /// let file: Box<dyn ReadRange> = Box::new(b"\x02\0\0\0\0\0\0\0{}".to_vec());
    /// let checkpoint = Checkpoint::from_files("memory", [("model.safetensors".to_owned(), file)])?;
    /// assert!(checkpoint.tensors().is_empty());
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): no weights, a missing or damaged file, an index that contradicts
    /// the shards.
    pub fn from_files(
        place: impl AsRef<Path>,
        files: impl IntoIterator<Item = (String, Box<dyn ReadRange>)>,
    ) -> Result<Self, Error> {
        let files = files.into_iter().map(|(name, bytes)| (name, Arc::from(bytes)));
        let path = place.as_ref().to_path_buf();
        Self::open_folder(Folder::Files { path, files: files.collect() })
    }

    /// Opens a single file of weights: safetensors if its name ends in `.safetensors`, otherwise what
    /// `torch.save` or `pickle.dump` wrote (`.bin`, `.pt`, `.pth`, `.pickle`, `.pkl`).
    ///
    /// ```no_run
    /// use settling_checkpoint::Checkpoint;
    /// use settling_core::TensorSource;
    ///
    /// for tensor in Checkpoint::open_file("train_weights.pt")?.tensors() {
    ///     println!("{} {:?}", tensor.name, tensor.shape);
    /// }
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the file is missing, damaged, of another format, or asks for anything but tensors.
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let source = Source::open(path.to_path_buf())?;
        Self::open_single(Format::from_name(path), Folder::Local(folder_of(path)), source)
    }

    /// Opens a single file of weights that lies anywhere, such as on a server, as
    /// [`open_file`](Self::open_file) does for a local one. Only those bytes are read that are asked
    /// for. `path` is what the file is called in messages.
    ///
    /// ```
    /// use settling_checkpoint::Checkpoint;
    /// use settling_core::{ReadRange, TensorSource};
    ///
    /// // A pickle of an empty dict.
    /// let bytes: Box<dyn ReadRange> = Box::new(b"\x80\x04}.".to_vec());
    /// let checkpoint = Checkpoint::from_file("learning_dynamics/val_weights.pt", bytes)?;
    /// assert!(checkpoint.tensors().is_empty());
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`open_file`](Self::open_file): bytes that are damaged, of another format, or ask for
    /// anything but tensors.
    pub fn from_file(path: impl AsRef<Path>, bytes: Box<dyn ReadRange>) -> Result<Self, Error> {
        let path = path.as_ref();
        let folder = Folder::Files { path: folder_of(path), files: BTreeMap::new() };
        Self::open_single(Format::from_name(path), folder, Source::new(path, Arc::from(bytes)))
    }

    fn open_folder(folder: Folder) -> Result<Self, Error> {
        for format in Format::ALL {
            if folder.has(format.single()) {
                let source = folder.open(format.single())?;
                return Self::open_single(format, folder, source);
            }
            if folder.has(format.index()) {
                return Self::open_sharded(format, folder);
            }
        }
        let message = if folder.exists() { "has none of" } else { "is no folder with one of" };
        let names = Format::ALL.map(|format| format!("{}, {}", format.single(), format.index()));
        let message = format!("{message} {}", names.join(", "));
        Err(Error::at(ErrorKind::MissingFile, folder.path(), message))
    }

    fn open_single(format: Format, folder: Folder, source: Source) -> Result<Self, Error> {
        let file = format.open(source)?;
        Ok(Self {
            folder,
            tensors: file.tensors(),
            files: vec![file],
            places: None,
            prefix: String::new(),
        })
    }

    fn open_sharded(format: Format, folder: Folder) -> Result<Self, Error> {
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
        for name in names {
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
        // The index decides which of two copies counts.
        let tensors = files.iter().enumerate().flat_map(|(number, file)| {
            let places = &places;
            let of_file = file.tensors().into_iter();
            of_file.filter(move |meta| places.get(&meta.name) == Some(&number))
        });
        let tensors = tensors.collect();
        Ok(Self { folder, files, places: Some(places), tensors, prefix: String::new() })
    }

    /// The same checkpoint with shorter names: without the dotted parts at the start that are the
    /// same in all of them, such as `_forward_module.` of a model that was trained in a wrapper.
    /// The last part of a name always stays, and so does everything from the first number on, so
    /// that a model of one layer has the names of one of many.
    ///
    /// ```
    /// use settling_checkpoint::{Checkpoint, write_safetensors};
    /// use settling_core::{Dtype, TensorData, TensorSource};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.safetensors");
    /// let tensor = TensorData::new(Dtype::U8, vec![1], vec![7])?;
    /// let names = ["model.layers.0.norm", "model.layers.1.norm"];
    /// write_safetensors(&path, &names.map(|name| (name.to_owned(), tensor.clone())))?;
    /// let checkpoint = Checkpoint::open_file(&path)?.without_common_prefix();
    /// assert_eq!(checkpoint.prefix(), "model.layers.");
    /// assert_eq!(checkpoint.read("1.norm")?.bytes(), [7]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn without_common_prefix(mut self) -> Self {
        let readable = self.tensors.iter().map(|meta| &*meta.name);
        let more = common_prefix(readable.chain(self.unread().map(|(name, _)| name))).to_owned();
        for meta in &mut self.tensors {
            meta.name.drain(..more.len());
        }
        self.prefix += &more;
        self
    }

    /// What [`without_common_prefix`](Self::without_common_prefix) took off the names: the name in
    /// the file is this prefix and the name here. Empty if nothing was taken off.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn full_name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The folder, or what the files are called that lie elsewhere.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The files that hold the weights.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(WeightFile::path)
    }

    /// The tensors that are there but cannot be read, each with the file's name for its element
    /// type.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().enumerate().flat_map(move |(number, file)| {
            let counts = move |name: &str| {
                self.places.as_ref().is_none_or(|places| places.get(name) == Some(&number))
            };
            let unread = file.unread().into_iter().filter(move |(name, _)| counts(name));
            unread.map(|(name, dtype)| (&name[self.prefix.len()..], dtype))
        })
    }

    /// How many values in PyTorch's files are not tensors, such as step numbers and settings of an
    /// optimizer; 0 in safetensors.
    #[must_use]
    pub fn other_values(&self) -> u64 {
        self.files.iter().map(WeightFile::others).sum()
    }

    /// The file that holds a tensor, or `None` if there is no such tensor.
    #[must_use]
    pub fn file_of(&self, tensor: &str) -> Option<&Path> {
        let name = self.full_name(tensor);
        let number = match &self.places {
            Some(places) => *places.get(&name)?,
            None => self.files.iter().position(|file| file.contains(&name))?,
        };
        self.files.get(number).map(WeightFile::path)
    }

    /// The architecture, from `config.json`.
    ///
    /// # Errors
    ///
    /// If the file is missing, or [`parse_config`] refuses it.
    pub fn architecture(&self) -> Result<Architecture, Error> {
        let text = self.folder.read_text(CONFIG)?;
        parse_config(&text).map_err(|error| {
            let kind = match error.kind() {
                settling_models::ErrorKind::Unsupported => ErrorKind::UnsupportedArchitecture,
                _ => ErrorKind::Config,
            };
            Error::at(kind, &self.folder().join(CONFIG), error)
        })
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).to_path_buf()
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl ModelSource for Checkpoint {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        Ok(Self::architecture(self)?)
    }
}

impl TensorSource for Checkpoint {
    type Error = Error;

    fn tensors(&self) -> &[TensorMeta] {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, Error> {
        let full = self.full_name(name);
        let number = self.places.as_ref().map_or(Some(0), |places| places.get(&full).copied());
        match number {
            Some(number) => self.files[number].read(&full),
            None => {
                let message =
                    format!("has no tensor `{name}` among its {} tensors", self.tensors.len());
                Err(Error::at(ErrorKind::MissingTensor, self.folder(), message))
            }
        }
    }
}
