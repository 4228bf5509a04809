//! From the values of a pickle to named tensors, each checked against the storage that it is a view
//! of.

use std::collections::HashSet;
use std::ops::Range;

use settling_core::Dtype;

use super::pickle::{Element, Id, MOST_INSTRUCTIONS, Node, Place, Storage, Tensor, Values};
use super::strided::Layout;
use super::zip::{Record, Records, UNCOMPRESSED};

/// How deep dictionaries and lists may be nested, and how much there may be in them, however often
/// a part is shared.
const DEEPEST: usize = 256;
const MOST_VALUES: u64 = MOST_INSTRUCTIONS as u64;
const MOST_CONTAINERS: u64 = 1 << 20;
const MOST_TENSORS: usize = 1 << 18;
const MOST_NAME_BYTES: usize = 64 << 20;
/// A view may have more elements than its storage (`expand`); this is how large such a one may be.
const LARGEST_EXPANSION: u64 = 64 << 20;

/// The keys under which training scripts put the state dict beside other things.
const WRAPPERS: [&str; 2] = ["state_dict", "model"];

#[derive(Debug)]
pub(crate) struct NamedTensor {
    pub(crate) name: String,
    /// `Err` with PyTorch's name for an element type that we do not read.
    pub(crate) dtype: Result<Dtype, &'static str>,
    pub(crate) layout: Layout,
    pub(crate) storage: StorageBytes,
}

/// Where the bytes of a storage are.
#[derive(Debug)]
pub(crate) enum StorageBytes {
    Record(Record),
    /// A part of the file itself.
    Range(Range<u64>),
}

impl StorageBytes {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Record(record) => record.length,
            Self::Range(range) => range.end - range.start,
        }
    }
}

#[derive(Debug)]
pub(crate) struct StateDict {
    pub(crate) tensors: Vec<NamedTensor>,
    /// How many values are no tensors.
    pub(crate) others: u64,
}

/// The tensors in `values`, whose storages are the records `<prefix>data/<key>` or have their
/// place.
pub(crate) fn state_dict(
    values: &Values,
    records: &Records,
    prefix: &str,
) -> Result<StateDict, String> {
    let root = values.node(values.root());
    if !matches!(root, Node::Dict(_)) {
        let found = root.describe();
        return Err(format!("holds {found}: expected a dict of named tensors"));
    }
    let mut found = StateDict { tensors: Vec::new(), others: 0 };
    let mut names = HashSet::new();
    let mut spent = 0;
    let (mut left, mut containers) = (MOST_VALUES, MOST_CONTAINERS);
    let mut walk = vec![Level { container: values.root(), next: 0, prefix_length: 0 }];
    let mut path = String::new();
    while let Some(level) = walk.last_mut() {
        path.truncate(level.prefix_length);
        let Some((key, value)) = child(values, level.container, level.next) else {
            walk.pop();
            continue;
        };
        level.next += 1;
        left =
            left.checked_sub(1).ok_or_else(|| format!("holds more than {MOST_VALUES} values"))?;
        if values.node(value).is_plain() {
            found.others += 1;
            continue;
        }
        let is_transparent = walk.len() == 1
            && matches!(&key, Key::Name(name) if WRAPPERS.contains(name))
            && matches!(values.node(value), Node::Dict(_));
        if !is_transparent && !key.append(&mut path) {
            let found = values.node(value).describe();
            return Err(format!("{found} has a key that is neither a string nor an integer"));
        }
        spent += path.len();
        if spent > MOST_NAME_BYTES {
            return Err(format!("its names are longer than {MOST_NAME_BYTES} bytes, all together"));
        }
        match values.node(value) {
            Node::Dict(_) | Node::List(_) | Node::Tuple(_) => {
                containers = containers.checked_sub(1).ok_or_else(|| {
                    format!("holds more than {MOST_CONTAINERS} dicts, lists and tuples")
                })?;
                if walk.len() >= DEEPEST {
                    return Err(format!("values are nested more than {DEEPEST} deep"));
                }
                let prefix_length = if is_transparent { 0 } else { path.len() };
                walk.push(Level { container: value, next: 0, prefix_length });
            }
            Node::Tensor(tensor) => {
                let named = |message| format!("tensor `{path}`: {message}");
                let tensor = resolve(values, tensor, records, prefix).map_err(named)?;
                let (dtype, layout, storage) = tensor;
                if !names.insert(path.clone()) {
                    return Err(format!("tensor `{path}` occurs twice"));
                }
                if found.tensors.len() >= MOST_TENSORS {
                    return Err(format!("holds more than {MOST_TENSORS} tensors"));
                }
                spent += 16 * layout.shape().len();
                found.tensors.push(NamedTensor { name: path.clone(), dtype, layout, storage });
            }
            other => {
                let other = other.describe();
                return Err(format!("`{path}` is {other}: expected tensors only"));
            }
        }
    }
    Ok(found)
}

/// A container on the way from the root to where the walk is.
struct Level {
    container: Id,
    next: usize,
    /// How much of the path names the container.
    prefix_length: usize,
}

enum Key<'a> {
    Name(&'a str),
    Number(i64),
    Other,
}

impl Key<'_> {
    /// Whether it can be part of a name.
    fn append(&self, path: &mut String) -> bool {
        if !path.is_empty() {
            path.push('.');
        }
        match self {
            Self::Name(name) => path.push_str(name),
            Self::Number(number) => path.push_str(&number.to_string()),
            Self::Other => return false,
        }
        true
    }
}

fn child<'a>(values: &'a Values, container: Id, index: usize) -> Option<(Key<'a>, Id)> {
    match values.node(container) {
        Node::Dict(items) => items.get(index).map(|&(key, value)| {
            let key = match values.node(key) {
                Node::Str(name) => Key::Name(name),
                Node::Int(number) => Key::Number(*number),
                _ => Key::Other,
            };
            (key, value)
        }),
        Node::List(items) => items.get(index).map(|&item| (Key::Number(index as i64), item)),
        Node::Tuple(items) => items.get(index).map(|&item| (Key::Number(index as i64), item)),
        _ => None,
    }
}

type Resolved = (Result<Dtype, &'static str>, Layout, StorageBytes);

fn resolve(
    values: &Values,
    tensor: &Tensor,
    records: &Records,
    prefix: &str,
) -> Result<Resolved, String> {
    let storage = values.storage(tensor).ok_or("it has no storage")?;
    let storage = bytes_of(storage, records, prefix)?;
    let (length, size) = (storage.length(), tensor.element.size());
    if !length.is_multiple_of(size) {
        return Err(format!("its storage has {length} bytes: expected elements of {size}"));
    }
    let layout =
        Layout::new(&values.shape(tensor), &values.strides(tensor), tensor.offset, length / size)?;
    let bytes = layout.elements().checked_mul(size).ok_or("its size overflows")?;
    if bytes > length.max(LARGEST_EXPANSION) {
        return Err(format!(
            "claims {bytes} bytes, which repeat the {length} of its storage: expected at most {LARGEST_EXPANSION}"
        ));
    }
    Ok((dtype(tensor.element).ok_or(tensor.element.name()), layout, storage))
}

/// The bytes of a storage, if there are as many as the storage claims.
fn bytes_of(storage: &Storage, records: &Records, prefix: &str) -> Result<StorageBytes, String> {
    let unit = storage.unit();
    let expected = storage.length.checked_mul(unit);
    let full_key = match &storage.place {
        Place::Key(key) => key,
        Place::Start(start) => {
            let end = expected.and_then(|length| start.checked_add(length));
            return Ok(StorageBytes::Range(*start..end.ok_or("its storage's size overflows")?));
        }
    };
    let key: String = full_key.chars().take(80).collect();
    let key = key.escape_debug();
    let Some(record) = records.get(&format!("{prefix}data/{full_key}")) else {
        return Err(format!("its storage data/{key} is not in the file"));
    };
    if record.is_compressed {
        return Err(format!("its storage data/{key} is compressed: {UNCOMPRESSED}"));
    }
    if expected != Some(record.length) {
        return Err(format!(
            "its storage data/{key} has {} bytes: expected {} elements of {unit} bytes",
            record.length, storage.length,
        ));
    }
    Ok(StorageBytes::Record(record.clone()))
}

fn dtype(element: Element) -> Option<Dtype> {
    Some(match element.name() {
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::Bf16,
        "float32" => Dtype::F32,
        "float64" => Dtype::F64,
        "uint8" => Dtype::U8,
        "int8" => Dtype::I8,
        "uint16" => Dtype::U16,
        "int16" => Dtype::I16,
        "uint32" => Dtype::U32,
        "int32" => Dtype::I32,
        "uint64" => Dtype::U64,
        "int64" => Dtype::I64,
        "bool" => Dtype::Bool,
        _ => return None,
    })
}
