//! One checkpoint: its files, its tensors, its configuration.

mod meaning;
mod prefix;
mod shards;
mod weight_file;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use settling_core::{BoxError, ReadRange, TensorData, TensorMeta, TensorSource};
use settling_models::{Architecture, ModelSource, parse_config};

use self::meaning::check_meaning;
use self::prefix::common_prefix;
use self::shards::Shards;
use self::weight_file::{Format, WeightFile};
use crate::error::{Error, ErrorKind};
use crate::files::{Folder, Source, other_checkpoint};

const CONFIG: &str = "config.json";

/// One checkpoint: a folder as Hugging Face's `save_pretrained` writes it, or a single file of
/// weights.
///
/// Opening reads headers only; a tensor is read when it is asked for. One that cannot be read (of
/// 8-bit floats, sparse, quantized, say) hides no other: it is not among
/// [`tensors`](TensorSource::tensors) but among [`unread`](Self::unread), and asking for it is an
/// error that says why and what helps.
///
/// # PyTorch files
///
/// A file of `torch.save` is a zip archive with a pickle, or, from before PyTorch 1.6, a row of
/// pickles followed by the storages. What Python's own `pickle.dump` writes of tensors (protocol 3
/// to 5) is a pickle that has such a row within it for each tensor. A pickle is a program. It is
/// interpreted by a machine that knows the few functions that rebuild tensors and calls nothing: a
/// value that any other function or class would make is opaque. So nothing in a file is ever
/// executed. A pickle is read through a small window, and storages within it are not read until a
/// tensor is asked for, so files of many gigabytes open in little memory.
///
/// - A dict's keys become names; those of a dict, list or tuple within are joined with dots
///   (`optimizer.state.0.exp_avg`). A dict under the root's key `state_dict`, `model`, `module` or
///   `model_state_dict` is the exception: its tensors have their names without that key, unless two
///   of these keys hold tensors. Two tensors of one name are an error. A key that is neither a
///   string nor an integer has its place in the dict (`<key 2>`).
/// - Values that are not tensors are passed over, whatever they are;
///   [`other_values`](Self::other_values) counts them, and
///   [`opaque_values`](Self::opaque_values) says what made those that only code could make. An
///   object that holds tensors is among [`unread`](Self::unread). Attributes of a dict or a tensor,
///   such as a state dict's `_metadata`, do not count.
/// - Views (tied, transposed, sliced, expanded, negated tensors) have the values that PyTorch
///   gives. One that is not contiguous needs memory for the part of its storage that it spans.
/// - The checksum of a storage is compared when a tensor is read that takes up all of it, as most
///   do, and not when part of it is read. A file saved without checksums
///   (`set_crc32_options(False)`) has none to compare, nor has one that is no zip archive.
///
/// # Several models in one file
///
/// Training scripts save averaged weights, a teacher or a discriminator beside a model. All tensors
/// have their whole names here, and [`part`](Self::part) gives those of one. Where a model is asked
/// for ([`architecture`](Self::architecture)), the one counts that is named as the architecture
/// names its weights, or is under the keys above; if none of several is, it is an error that names
/// them.
#[derive(Debug)]
pub struct Checkpoint {
    folder: Folder,
    files: Vec<WeightFile>,
    /// Which file has a tensor; `None` if there is but one file and no index.
    places: Option<HashMap<String, usize>>,
    tensors: Vec<TensorMeta>,
    /// What is taken off every name that the files have; tensors without it do not count.
    prefix: String,
    /// Whether only those tensors count that a file has under its wrapper.
    is_wrapped_only: bool,
    /// The tensors of shards that the index does not name.
    unlisted: Vec<String>,
    /// Those of them of which there are two, with a word on where.
    twofold: BTreeMap<String, String>,
}

impl Checkpoint {
    /// Opens the checkpoint in `folder`: the first that is there of `model.safetensors`, the shards
    /// listed in `model.safetensors.index.json`, `pytorch_model.bin`, and the shards listed in
    /// `pytorch_model.bin.index.json`.
    ///
    /// # Errors
    ///
    /// If the folder has no weights in these formats (the message says what it has instead, as far
    /// as names tell), a shard is missing or outside the folder, a file is damaged, or the index
    /// and the shards contradict each other. For a single file there is
    /// [`open_file`](Self::open_file).
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
    /// let files = [("model.safetensors".to_owned(), file)];
    /// let checkpoint = Checkpoint::from_files("memory", files)?;
    /// assert!(checkpoint.tensors().is_empty());
    /// # Ok::<(), settling_checkpoint::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): no weights, a missing or damaged file, an index that
    /// contradicts the shards.
    pub fn from_files(
        place: impl AsRef<Path>,
        files: impl IntoIterator<Item = (String, Box<dyn ReadRange>)>,
    ) -> Result<Self, Error> {
        let files = files.into_iter().map(|(name, bytes)| (name, Arc::from(bytes)));
        let path = place.as_ref().to_path_buf();
        Self::open_folder(Folder::Files { path, files: files.collect() })
    }

    /// Opens a single file of weights: safetensors if its name ends in `.safetensors`, otherwise
    /// what `torch.save` or `pickle.dump` wrote (`.bin`, `.pt`, `.pth`, `.pickle`, `.pkl`).
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
    /// If the file is missing, damaged, of another format, or holds no named tensors. For a folder
    /// there is [`open`](Self::open).
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if path.is_dir() {
            let message = "is a folder, not a file: open it with Checkpoint::open";
            return Err(Error::at(ErrorKind::Io, path, message));
        }
        let source = Source::open(path.to_path_buf())?;
        Self::open_single(Format::from_name(path), Folder::Local(folder_of(path)), source)
    }

    /// Opens a single file of weights that lies anywhere, such as on a server, as
    /// [`open_file`](Self::open_file) does for a local one. Only those bytes are read that are
    /// asked for. `path` is what the file is called in messages.
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
    /// Those of [`open_file`](Self::open_file): bytes that are damaged, of another format, or
    /// hold no named tensors.
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
        if folder.is_file() {
            let message = "is a file, not a folder: open it with Checkpoint::open_file";
            return Err(Error::at(ErrorKind::Io, folder.path(), message));
        }
        let message = if folder.exists() { "has none of" } else { "is no folder with one of" };
        let names = Format::ALL.map(|format| format!("{}, {}", format.single(), format.index()));
        let message = format!("{message} {}", names.join(", "));
        let message = match other_checkpoint(&folder.names()) {
            Some(other) => format!("{message}: {other}"),
            None => message,
        };
        Err(Error::at(ErrorKind::MissingFile, folder.path(), message))
    }

    fn open_single(format: Format, folder: Folder, source: Source) -> Result<Self, Error> {
        let file = format.open(source)?;
        let tensors = file.tensors();
        Ok(Self::new(folder, vec![file], None, tensors))
    }

    fn open_sharded(format: Format, folder: Folder) -> Result<Self, Error> {
        let Shards { files, places, unlisted, twofold } = Shards::open(format, &folder)?;
        // The index decides which of two copies counts.
        let tensors = files.iter().enumerate().flat_map(|(number, file)| {
            let places = &places;
            let of_file = file.tensors().into_iter();
            of_file.filter(move |meta| places.get(&meta.name) == Some(&number))
        });
        let tensors = tensors.collect();
        Ok(Self { unlisted, twofold, ..Self::new(folder, files, Some(places), tensors) })
    }

    fn new(
        folder: Folder,
        files: Vec<WeightFile>,
        places: Option<HashMap<String, usize>>,
        tensors: Vec<TensorMeta>,
    ) -> Self {
        Self {
            folder,
            files,
            places,
            tensors,
            prefix: String::new(),
            is_wrapped_only: false,
            unlisted: Vec::new(),
            twofold: BTreeMap::new(),
        }
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

    /// The name here of a tensor that a file has under this one, if it counts.
    fn name_here<'a>(&self, file: &WeightFile, full: &'a str) -> Option<&'a str> {
        let counts = !self.is_wrapped_only || file.is_wrapped(full);
        full.strip_prefix(&*self.prefix).filter(|_| counts)
    }

    /// The file that has the tensor of this full name, if it counts.
    fn place(&self, full: &str) -> Option<&WeightFile> {
        let file = match &self.places {
            Some(places) => places.get(full).map(|&number| &self.files[number]),
            None => self.files.iter().find(|file| file.contains(full)),
        };
        file.filter(|file| self.name_here(file, full).is_some())
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

    /// The tensors that are there but cannot be read, each with what it is: the file's name for its
    /// element type (`float8_e5m2`, `F8_E4M3`), or `sparse`, `quantized`, `meta`, `nested`,
    /// `broken` and the like. Reading one is an error that says why, and what helps.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_files = self.files.iter().enumerate().flat_map(move |(number, file)| {
            let counts = move |name: &str| {
                self.places.as_ref().is_none_or(|places| places.get(name) == Some(&number))
            };
            let unread = file.unread().into_iter().filter(move |(name, _)| counts(name));
            unread.filter_map(move |(name, kind)| Some((self.name_here(file, name)?, kind)))
        });
        let twofold = self.twofold.iter();
        let twofold = twofold
            .filter_map(|(name, kind)| Some((name.strip_prefix(&*self.prefix)?, kind.as_str())));
        of_files.chain(twofold)
    }

    /// The tensors that a shard has and that the index of the shards does not name. They are part
    /// of the checkpoint, as they are for who loads whole shards; if two shards have one of that
    /// name, it is among the [`unread`](Self::unread).
    pub fn unlisted(&self) -> impl Iterator<Item = &str> {
        self.unlisted.iter().filter_map(|name| name.strip_prefix(&*self.prefix))
    }

    /// How many values in PyTorch's files are not tensors, such as step numbers and settings of an
    /// optimizer; 0 in safetensors.
    #[must_use]
    pub fn other_values(&self) -> u64 {
        self.files.iter().map(WeightFile::others).sum()
    }

    /// Those of the [`other_values`](Self::other_values) that only code could make which is not run
    /// here: the function or class that a file names (`argparse.Namespace`), and how many values
    /// are of it; in the order of the names. One that no code should make (`os.system`) shows here
    /// too.
    #[must_use]
    pub fn opaque_values(&self) -> Vec<(&str, u64)> {
        let mut all = BTreeMap::new();
        for (name, count) in self.files.iter().flat_map(WeightFile::opaque) {
            *all.entry(name).or_default() += count;
        }
        all.into_iter().collect()
    }

    /// The file that holds a tensor, or `None` if there is no such tensor.
    #[must_use]
    pub fn file_of(&self, tensor: &str) -> Option<&Path> {
        self.place(&self.full_name(tensor)).map(WeightFile::path)
    }

    /// The tensors of one part of the checkpoint, without the part's name: of the dict `teacher` of
    /// a file that has `student` and `teacher`, or of a PyTorch file's `model` beside others.
    ///
    /// A name may have dots. [`prefix`](Self::prefix) has what was taken off the names in the file.
    ///
    /// ```
    /// use settling_checkpoint::{Checkpoint, write_safetensors};
    /// use settling_core::{Dtype, TensorData, TensorSource};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("a.safetensors");
    /// let tensor = |value| TensorData::new(Dtype::U8, vec![1], vec![value]);
    /// let tensors = [("student.w".to_owned(), tensor(1)?), ("teacher.w".to_owned(), tensor(2)?)];
    /// write_safetensors(&path, &tensors)?;
    /// let teacher = Checkpoint::open_file(&path)?.part("teacher")?;
    /// assert_eq!(teacher.read("w")?.bytes(), [2]);
    /// assert_eq!(teacher.tensors().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such part; the message names those that are.
    pub fn part(mut self, name: &str) -> Result<Self, Error> {
        let files = &self.files;
        if !self.is_wrapped_only && files.iter().any(|file| file.wrapper() == Some(name)) {
            self.is_wrapped_only = true;
            let full = |name: &str| format!("{}{name}", self.prefix);
            self.tensors.retain(|meta| files.iter().any(|file| file.is_wrapped(&full(&meta.name))));
        } else {
            let start = format!("{name}.");
            let readable = self.tensors.iter().map(|meta| &*meta.name);
            let is_there = readable
                .chain(self.unread().map(|(name, _)| name))
                .any(|name| name.starts_with(&start));
            if !is_there {
                return Err(self.no_part(name));
            }
            self.tensors.retain_mut(|meta| {
                let is_in = meta.name.starts_with(&start);
                if is_in {
                    meta.name.drain(..start.len());
                }
                is_in
            });
            self.prefix += &start;
        }
        Ok(self)
    }

    fn no_part(&self, name: &str) -> Error {
        let wrappers = self.files.iter().filter_map(WeightFile::wrapper);
        let names = self.tensors.iter().filter_map(|meta| meta.name.split_once('.'));
        let parts: BTreeSet<&str> = names.map(|(first, _)| first).chain(wrappers).collect();
        let parts: Vec<_> = parts.into_iter().take(20).map(|part| format!("`{part}`")).collect();
        let message = format!("has no part `{name}`; it has {}", parts.join(", "));
        Error::at(ErrorKind::MissingTensor, self.folder(), message)
    }

    /// The architecture, from `config.json`.
    ///
    /// # Errors
    ///
    /// If the file is missing, or [`parse_config`] refuses it; if the tensors are of two models and
    /// neither is [chosen](Self::part); if the files say that they are not the weights that the
    /// architecture asks for: quantized, or of a framework that lays them out otherwise.
    pub fn architecture(&self) -> Result<Architecture, Error> {
        let text = self.folder.read_text(CONFIG)?;
        let path = self.folder().join(CONFIG);
        let architecture = parse_config(&text).map_err(|error| {
            let kind = match error.kind() {
                settling_models::ErrorKind::Unsupported => ErrorKind::UnsupportedArchitecture,
                _ => ErrorKind::Config,
            };
            Error::at(kind, &path, error)
        })?;
        check_meaning(self.folder(), &self.files, &self.tensors, &architecture)?;
        Ok(architecture)
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).to_path_buf()
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
        if let Some(file) = self.place(&full) {
            return file.read(&full);
        }
        if let Some(kind) = self.twofold.get(&full) {
            let message = format!(
                "tensor `{name}` is {kind}, and the index does not name it: add it to the index"
            );
            return Err(Error::at(ErrorKind::Format, self.folder(), message));
        }
        let place = match &self.files[..] {
            [file] if self.places.is_none() => file.path(),
            _ => self.folder(),
        };
        let message = format!("has no tensor `{name}` among its {} tensors", self.tensors.len());
        Err(Error::at(ErrorKind::MissingTensor, place, message))
    }
}
