//! From the values of a pickle to named tensors, each checked against the storage that it is a view
//! of.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use settling_core::Dtype;

use super::pickle::{Element, Id, MOST_INSTRUCTIONS, Node, Place, Storage, Tensor, Unread, Values};
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
const WRAPPERS: [&str; 4] = ["state_dict", "model", "module", "model_state_dict"];

#[derive(Debug)]
pub(crate) struct NamedTensor {
    pub(crate) name: String,
    /// Whether it was in the dict whose key is no part of its name.
    pub(crate) is_wrapped: bool,
    pub(crate) content: Result<Stored, Unread>,
}

/// The values of a tensor that can be read.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) dtype: Dtype,
    pub(crate) layout: Layout,
    pub(crate) storage: StorageBytes,
    /// Its values are the negatives of the stored ones.
    pub(crate) is_negative: bool,
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

#[derive(Debug, Default)]
pub(crate) struct StateDict {
    pub(crate) tensors: Vec<NamedTensor>,
    /// How many values are no tensors.
    pub(crate) others: u64,
    /// How many of these are of what function or class.
    pub(crate) opaque: BTreeMap<String, u64>,
    /// The key of the root that is no part of the names of what it holds.
    pub(crate) wrapper: Option<&'static str>,
}

/// The tensors in `values`, whose storages are the records `<prefix>data/<key>` or have their
/// place.
pub(crate) fn state_dict(
    values: &Values,
    records: &Records,
    prefix: &str,
) -> Result<StateDict, String> {
    if !matches!(values.node(values.root()), Node::Dict(_) | Node::List(_) | Node::Tuple(_)) {
        return Err(no_dict(values));
    }
    let mut walk = Walk::new(values);
    walk.found.wrapper = wrapper(values, &mut walk.left)?;
    while let Some(level) = walk.levels.last_mut() {
        walk.path.truncate(level.prefix_length);
        let Some((key, value)) = child(values, level.container, level.next) else {
            walk.levels.pop();
            continue;
        };
        level.next += 1;
        let (number, is_wrapped) = (level.next, level.is_wrapped);
        walk.spend_value()?;
        let node = values.node(value);
        if node.is_plain() {
            walk.found.others += 1;
            continue;
        }
        let is_transparent = walk.levels.len() == 1
            && matches!(&key, Key::Name(name) if walk.found.wrapper == Some(name));
        if !is_transparent {
            key.append(&mut walk.path, number);
        }
        walk.spend_name()?;
        match node {
            // One that holds itself has no more in it than was seen.
            Node::Dict(_) | Node::List(_) | Node::Tuple(_) if walk.is_within(value) => {
                walk.found.others += 1;
            }
            Node::Dict(_) | Node::List(_) | Node::Tuple(_) => {
                walk.enter(value, is_wrapped || is_transparent, is_transparent)?;
            }
            Node::Tensor(tensor) => {
                let content = resolve(values, tensor, records, prefix)
                    .map_err(|message| format!("tensor `{}`: {message}", walk.path))?;
                walk.add(is_wrapped, content)?;
            }
            Node::Unread(unread) => walk.add(is_wrapped, Err((**unread).clone()))?,
            Node::Storage(storage) => walk.add(is_wrapped, Err(bare(storage)))?,
            Node::Global(_) => {
                let why = "it is a function that makes tensors, and not a tensor";
                walk.add(is_wrapped, Err(Unread::broken(why)))?;
            }
            _ => {
                let name = values.name(value);
                match tensors_in(values, value, &mut walk.left)? {
                    true => walk.add(is_wrapped, Err(object(&name)))?,
                    false => {
                        walk.found.others += 1;
                        *walk.found.opaque.entry(name).or_default() += 1;
                    }
                }
            }
        }
    }
    Ok(walk.found)
}

/// Why there are no named tensors at the root, and what helps.
fn no_dict(values: &Values) -> String {
    let root = values.root();
    let found = values.describe(root);
    let remedy = match values.node(root) {
        Node::Tensor(_) | Node::Unread(_) | Node::Storage(_) => {
            "; give it a name: torch.save({\"tensor\": torch.load(f)}, f)"
        }
        Node::Opaque(_) | Node::Unknown(_) => {
            "; its code is not run here. Where it can be, and if you trust the file, save the \
             tensors alone: torch.save(torch.load(f, weights_only=False).state_dict(), f)"
        }
        _ => "",
    };
    format!("holds {found}: expected a dict of named tensors{remedy}")
}

fn object(name: &str) -> Unread {
    Unread {
        kind: format!("an object of {name}"),
        why:
            "it holds tensors, and its code, which is not run here, says what they mean. Where it \
              can be run, and if you trust the file, save the tensors in a dict (of a module, its \
              state_dict())"
                .to_owned(),
    }
}

fn bare(storage: &Storage) -> Unread {
    let element = storage.element.map_or("bytes", Element::name);
    let why = "save the tensor that it belongs to, or torch.tensor([], dtype=...).set_(storage)";
    Unread { kind: format!("a storage of {element}"), why: why.to_owned() }
}

/// The one key of the root that stands for the model, if there is one.
fn wrapper(values: &Values, left: &mut u64) -> Result<Option<&'static str>, String> {
    let Node::Dict(items) = values.node(values.root()) else { return Ok(None) };
    let mut found = None;
    for &(key, value) in items {
        let Node::Str(key) = values.node(key) else { continue };
        let Some(wrapper) = WRAPPERS.into_iter().find(|wrapper| *wrapper == &**key) else {
            continue;
        };
        if matches!(values.node(value), Node::Dict(_)) && tensors_in(values, value, left)? {
            // Of two models none is the one that is meant.
            if found.replace(wrapper).is_some_and(|other| other != wrapper) {
                return Ok(None);
            }
        }
    }
    Ok(found)
}

/// Whether there are tensors in a value, however deep.
fn tensors_in(values: &Values, value: Id, left: &mut u64) -> Result<bool, String> {
    let (mut seen, mut ahead) = (HashSet::from([value]), vec![value]);
    while let Some(id) = ahead.pop() {
        let node = values.node(id);
        if matches!(node, Node::Tensor(_) | Node::Unread(_) | Node::Storage(_)) {
            return Ok(true);
        }
        let parts: &mut dyn Iterator<Item = Id> = match node {
            Node::Tuple(items) => &mut items.iter().copied(),
            Node::List(items) => &mut items.iter().copied(),
            Node::Dict(items) => &mut items.iter().flat_map(|&(key, value)| [key, value]),
            Node::Opaque(opaque) => &mut opaque.parts.iter().copied(),
            _ => continue,
        };
        for part in parts {
            spend(left)?;
            let is_leaf = values.node(part).is_plain();
            if !is_leaf && seen.insert(part) {
                ahead.push(part);
            }
        }
    }
    Ok(false)
}

fn spend(left: &mut u64) -> Result<(), String> {
    *left = left.checked_sub(1).ok_or_else(|| format!("holds more than {MOST_VALUES} values"))?;
    Ok(())
}

/// The way through the containers, and what was found on it.
struct Walk {
    levels: Vec<Level>,
    path: String,
    found: StateDict,
    names: HashSet<String>,
    /// How many bytes of names there were.
    spent: usize,
    /// How many values and containers there may still be.
    left: u64,
    containers: u64,
}

impl Walk {
    fn new(values: &Values) -> Self {
        let root = Level { container: values.root(), next: 0, prefix_length: 0, is_wrapped: false };
        Self {
            levels: vec![root],
            path: String::new(),
            found: StateDict::default(),
            names: HashSet::new(),
            spent: 0,
            left: MOST_VALUES,
            containers: MOST_CONTAINERS,
        }
    }

    fn spend_value(&mut self) -> Result<(), String> {
        spend(&mut self.left)
    }

    fn spend_name(&mut self) -> Result<(), String> {
        self.spent += self.path.len();
        if self.spent > MOST_NAME_BYTES {
            return Err(format!("its names are longer than {MOST_NAME_BYTES} bytes, all together"));
        }
        Ok(())
    }

    /// Whether this container is one of those that the walk is in.
    fn is_within(&self, container: Id) -> bool {
        self.levels.iter().any(|level| level.container == container)
    }

    fn enter(&mut self, container: Id, is_wrapped: bool, is_nameless: bool) -> Result<(), String> {
        self.containers = self
            .containers
            .checked_sub(1)
            .ok_or_else(|| format!("holds more than {MOST_CONTAINERS} dicts, lists and tuples"))?;
        if self.levels.len() >= DEEPEST {
            return Err(format!("values are nested more than {DEEPEST} deep"));
        }
        let prefix_length = if is_nameless { 0 } else { self.path.len() };
        self.levels.push(Level { container, next: 0, prefix_length, is_wrapped });
        Ok(())
    }

    fn add(&mut self, is_wrapped: bool, content: Result<Stored, Unread>) -> Result<(), String> {
        let name = self.path.clone();
        if !self.names.insert(name.clone()) {
            return Err(format!("tensor `{name}` occurs twice"));
        }
        if self.found.tensors.len() >= MOST_TENSORS {
            return Err(format!("holds more than {MOST_TENSORS} tensors"));
        }
        self.spent += match &content {
            Ok(stored) => 16 * stored.layout.shape().len(),
            Err(unread) => unread.kind.len() + unread.why.len(),
        };
        self.found.tensors.push(NamedTensor { name, is_wrapped, content });
        Ok(())
    }
}

/// A container on the way from the root to where the walk is.
struct Level {
    container: Id,
    next: usize,
    /// How much of the path names the container.
    prefix_length: usize,
    /// Whether it is the dict of the model, whose key is no part of names, or in it.
    is_wrapped: bool,
}

enum Key<'a> {
    Name(&'a str),
    Number(i64),
    Other,
}

impl Key<'_> {
    /// Puts it at the end of a name. A key that is neither a string nor an integer has its place in
    /// the dict, from 1 on.
    fn append(&self, path: &mut String, number: usize) {
        if !path.is_empty() {
            path.push('.');
        }
        match self {
            Self::Name(name) => path.push_str(name),
            Self::Number(number) => path.push_str(&number.to_string()),
            Self::Other => path.push_str(&format!("<key {number}>")),
        }
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

/// A tensor that is there, of a type that is read or not.
///
/// # Errors
///
/// If it contradicts the file.
fn resolve(
    values: &Values,
    tensor: &Tensor,
    records: &Records,
    prefix: &str,
) -> Result<Result<Stored, Unread>, String> {
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
    let is_negative = tensor.is_negative;
    Ok(match dtype(tensor.element) {
        Some(dtype) => Ok(Stored { dtype, layout, storage, is_negative }),
        None => Err(unread_element(tensor.element.name())),
    })
}

/// An element type that is not read, and what to save in its place.
fn unread_element(name: &str) -> Unread {
    let instead = if name.starts_with("complex") {
        "torch.view_as_real(t), its real and imaginary parts"
    } else if name.starts_with('q') {
        "its values: t.dequantize()"
    } else if name.starts_with("float") {
        "t.to(torch.float32), which has the same values"
    } else {
        "t.to(torch.int32)"
    };
    Unread { kind: name.to_owned(), why: format!("save in its place {instead}") }
}

/// The bytes of a storage, if there are as many as the storage claims.
fn bytes_of(storage: &Storage, records: &Records, prefix: &str) -> Result<StorageBytes, String> {
    let unit = storage.unit();
    let expected = storage.length.checked_mul(unit);
    let full_key = match &storage.place {
        Place::Key(key) => key,
        Place::Start(start) => {
            let whole = expected.ok_or("its storage's size overflows")?;
            let (first, length) = match storage.part {
                None => (0, whole),
                Some((first, length)) => {
                    let (first, length) = (first.checked_mul(unit), length.checked_mul(unit));
                    let part = first.zip(length).filter(|(first, length)| {
                        first.checked_add(*length).is_some_and(|end| end <= whole)
                    });
                    part.ok_or("the part that its storage is reaches outside the whole")?
                }
            };
            let begin = start.checked_add(first).ok_or("its storage's place overflows")?;
            let end = begin.checked_add(length).ok_or("its storage's size overflows")?;
            return Ok(StorageBytes::Range(begin..end));
        }
    };
    if storage.part.is_some() {
        return Err("its storage is a part of another one, which archives do not have".to_owned());
    }
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
