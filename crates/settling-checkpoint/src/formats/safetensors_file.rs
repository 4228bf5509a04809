//! One safetensors file: its header checked once, its tensors read one by one.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use safetensors::tensor::Metadata;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use settling_core::{Dtype, TensorData, TensorMeta};

use crate::error::{Error, ErrorKind};
use crate::files::Source;
use crate::files::other_format;

/// The limit of the format's own reader: a header that claims more is damaged.
const LONGEST_HEADER: u64 = 100_000_000;

#[derive(Debug)]
pub(crate) struct SafetensorsFile {
    source: Source,
    /// The tensors in the order of the file.
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
    /// What the writer says of all of them.
    metadata: HashMap<String, String>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    /// `Err` with the file's own name for an element type that we do not read.
    dtype: Result<Dtype, String>,
    /// Where its bytes are, from the start of the file.
    start: u64,
    length: usize,
}

impl SafetensorsFile {
    pub(crate) fn open(source: Source) -> Result<Self, Error> {
        let fault = |message: String| Error::at(ErrorKind::Format, source.path(), message);
        let size = source.len();
        let start = source.start(8)?;
        let Ok(length) = <[u8; 8]>::try_from(&start[..]) else {
            return Err(fault(format!(
                "truncated: {size} bytes are too few for a safetensors file"
            )));
        };
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER || length > size.saturating_sub(8) {
            let what = match other_format(&start) {
                Some(format) => format!("is {format}, not a safetensors file"),
                None if length > LONGEST_HEADER => {
                    format!("claims a header of {length} bytes: expected at most {LONGEST_HEADER}")
                }
                None => format!(
                    "truncated: the header alone needs {} bytes, the file has {size}",
                    length + 8
                ),
            };
            return Err(fault(what));
        }
        let header = source.read("read the header of", 8, length)?;
        if header.last() == Some(&0) {
            return Err(fault(
                "the header is padded with NUL bytes: the format asks for spaces".into(),
            ));
        }
        let metadata = parse(&header).map_err(|message| fault(format!("bad header: {message}")))?;

        let data_start = 8 + length;
        let offsets = metadata.offset_keys().into_iter().map(|name| {
            let info = metadata
                .info(&name)
                .ok_or_else(|| fault(format!("bad header: no tensor `{name}`")))?;
            if info.shape.iter().any(|&dim| i64::try_from(dim).is_err()) {
                return Err(fault(format!("tensor `{name}` claims the shape {:?}", info.shape)));
            }
            Ok(Entry {
                dtype: dtype(info.dtype).ok_or_else(|| info.dtype.to_string()),
                shape: info.shape.clone(),
                start: data_start + info.data_offsets.0 as u64,
                length: info.data_offsets.1 - info.data_offsets.0,
                name,
            })
        });
        let entries = offsets.collect::<Result<Vec<_>, Error>>()?;
        let expected = data_start + metadata.data_len() as u64;
        if size != expected {
            let what =
                if size < expected { "truncated" } else { "has bytes after its last tensor" };
            return Err(fault(format!("{what}: expected {expected} bytes, found {size}")));
        }
        let index =
            entries.iter().enumerate().map(|(index, entry)| (entry.name.clone(), index)).collect();
        let metadata = metadata.metadata().clone().unwrap_or_default();
        Ok(Self { source, entries, index, metadata })
    }

    pub(crate) fn path(&self) -> &Path {
        self.source.path()
    }

    /// What the writer says of the tensors, if that says that they are not a model's weights as
    /// PyTorch has them: the key and the value.
    pub(crate) fn other_meaning(&self) -> Option<(&str, &str)> {
        let plain = ["pt", "np", "numpy", "mlx"];
        let is_other = |key: &str, value: &str| {
            let is_off = ["", "none", "null", "false", "{}"].contains(&&*value.to_lowercase());
            (key == "format" && !plain.contains(&value))
                || (key.to_lowercase().contains("quant") && !is_off)
        };
        // The first by name, so that a message is the same every time.
        let all = self.metadata.iter().map(|(key, value)| (&**key, &**value));
        all.filter(|(key, value)| is_other(key, value)).min()
    }

    /// The tensors of element types that are not read, with the file's name for the type.
    pub(crate) fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter_map(|entry| Some((&*entry.name, &**entry.dtype.as_ref().err()?)))
    }

    /// The tensors that can be read, in the order of the file.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = TensorMeta> {
        self.entries.iter().filter_map(|entry| {
            let dtype = *entry.dtype.as_ref().ok()?;
            Some(TensorMeta { name: entry.name.clone(), dtype, shape: entry.shape.clone() })
        })
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    pub(crate) fn read(&self, name: &str) -> Result<TensorData<'static>, Error> {
        let Some(entry) = self.index.get(name).map(|&index| &self.entries[index]) else {
            return Err(Error::at(
                ErrorKind::MissingTensor,
                self.path(),
                format!("has no tensor `{name}`"),
            ));
        };
        let dtype = entry.dtype.as_ref().map_err(|found| {
            let instead = match found.starts_with('C') {
                true => "torch.view_as_real(t), its real and imaginary parts",
                false => "t.to(torch.float32), or its dequantized values if it has scales",
            };
            let message = format!(
                "tensor `{name}` has the element type {found}, which is not read: save in its place {instead}"
            );
            Error::at(ErrorKind::Dtype, self.path(), message)
        })?;
        let doing = format!("read tensor `{name}` of");
        let bytes = self.source.read(&doing, entry.start, entry.length as u64)?;
        TensorData::new(*dtype, entry.shape.clone(), bytes).map_err(|error| {
            Error::at(ErrorKind::Format, self.path(), format!("tensor `{name}`: {error}"))
        })
    }
}

/// The header as the safetensors crate understands and validates it, after a check that it leaves
/// out: a key that occurs twice.
fn parse(header: &[u8]) -> Result<Metadata, String> {
    let text = std::str::from_utf8(header).map_err(|error| error.to_string())?;
    serde_json::from_str::<UniqueKeys>(text).map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = UniqueKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
                let mut seen = std::collections::HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    map.next_value::<IgnoredAny>()?;
                    if let Some(key) = seen.replace(key) {
                        return Err(serde::de::Error::custom(format!(
                            "tensor `{key}` occurs twice"
                        )));
                    }
                }
                Ok(UniqueKeys)
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

fn dtype(dtype: safetensors::Dtype) -> Option<Dtype> {
    Some(match dtype {
        safetensors::Dtype::BOOL => Dtype::Bool,
        safetensors::Dtype::U8 => Dtype::U8,
        safetensors::Dtype::I8 => Dtype::I8,
        safetensors::Dtype::U16 => Dtype::U16,
        safetensors::Dtype::I16 => Dtype::I16,
        safetensors::Dtype::U32 => Dtype::U32,
        safetensors::Dtype::I32 => Dtype::I32,
        safetensors::Dtype::U64 => Dtype::U64,
        safetensors::Dtype::I64 => Dtype::I64,
        safetensors::Dtype::F16 => Dtype::F16,
        safetensors::Dtype::BF16 => Dtype::Bf16,
        safetensors::Dtype::F32 => Dtype::F32,
        safetensors::Dtype::F64 => Dtype::F64,
        _ => return None,
    })
}
