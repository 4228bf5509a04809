//! One file of weights, whatever its format.

use std::path::Path;

use settling_core::{TensorData, TensorMeta};

use crate::error::Error;
use crate::files::Source;
use crate::formats::{PytorchFile, SafetensorsFile};

/// How the weights of a folder are stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Safetensors,
    Pytorch,
}

impl Format {
    /// All formats, in the order in which they are looked for.
    pub(super) const ALL: [Self; 2] = [Self::Safetensors, Self::Pytorch];

    /// The format that the name of a single file tells. Which one of PyTorch's it is, the content
    /// tells.
    pub(super) fn from_name(file: &Path) -> Self {
        let is_safetensors = file.extension().is_some_and(|end| end == "safetensors");
        if is_safetensors { Self::Safetensors } else { Self::Pytorch }
    }

    /// The file that has all weights, if one has.
    pub(super) fn single(self) -> &'static str {
        match self {
            Self::Safetensors => "model.safetensors",
            Self::Pytorch => "pytorch_model.bin",
        }
    }

    /// The file that says which other file has which tensor.
    pub(super) fn index(self) -> &'static str {
        match self {
            Self::Safetensors => "model.safetensors.index.json",
            Self::Pytorch => "pytorch_model.bin.index.json",
        }
    }

    pub(super) fn open(self, source: Source) -> Result<WeightFile, Error> {
        Ok(match self {
            Self::Safetensors => WeightFile::Safetensors(SafetensorsFile::open(source)?),
            Self::Pytorch => WeightFile::Pytorch(PytorchFile::open(source)?),
        })
    }
}

#[derive(Debug)]
pub(super) enum WeightFile {
    Safetensors(SafetensorsFile),
    Pytorch(PytorchFile),
}

impl WeightFile {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Safetensors(file) => file.path(),
            Self::Pytorch(file) => file.path(),
        }
    }

    pub(super) fn tensors(&self) -> Vec<TensorMeta> {
        match self {
            Self::Safetensors(file) => file.tensors().collect(),
            Self::Pytorch(file) => file.tensors().collect(),
        }
    }

    pub(super) fn unread(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Safetensors(file) => file.unread().collect(),
            Self::Pytorch(file) => file.unread().collect(),
        }
    }

    pub(super) fn others(&self) -> u64 {
        match self {
            Self::Safetensors(_) => 0,
            Self::Pytorch(file) => file.others(),
        }
    }

    /// What made those of these values that only their own code can make, and how many each.
    pub(super) fn opaque(&self) -> Vec<(&str, u64)> {
        match self {
            Self::Safetensors(_) => Vec::new(),
            Self::Pytorch(file) => file.opaque().collect(),
        }
    }

    /// The key of the file's root that is no part of the names of what it holds.
    pub(super) fn wrapper(&self) -> Option<&str> {
        match self {
            Self::Safetensors(_) => None,
            Self::Pytorch(file) => file.wrapper(),
        }
    }

    /// Whether a tensor is one that the wrapper holds.
    pub(super) fn is_wrapped(&self, name: &str) -> bool {
        match self {
            Self::Safetensors(_) => false,
            Self::Pytorch(file) => file.is_wrapped(name),
        }
    }

    /// What says that the tensors are not a model's weights as PyTorch has them.
    pub(super) fn other_meaning(&self) -> Option<(&str, &str)> {
        match self {
            Self::Safetensors(file) => file.other_meaning(),
            Self::Pytorch(_) => None,
        }
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Safetensors(file) => file.contains(name),
            Self::Pytorch(file) => file.contains(name),
        }
    }

    pub(super) fn read(&self, name: &str) -> Result<TensorData<'static>, Error> {
        match self {
            Self::Safetensors(file) => file.read(name),
            Self::Pytorch(file) => file.read(name),
        }
    }
}
