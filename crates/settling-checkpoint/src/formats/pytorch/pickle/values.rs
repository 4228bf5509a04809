//! What a pickle describes: nodes that refer to each other by number.

use crate::formats::Fault;

/// The number of a node.
pub(crate) type Id = u32;

#[derive(Debug)]
pub(crate) enum Node {
    None,
    Int(i64),
    Str(Box<str>),
    /// Where a string of bytes is in the file.
    Bytes {
        start: u64,
        length: u64,
    },
    /// The integer at the start of a legacy file.
    Magic,
    /// A leaf that is no tensor, nor part of the description of one: a float, a large integer, a
    /// long string.
    Other,
    Bool(bool),
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    /// A function or class that is not known, by its name. It is never called.
    Unknown(Box<str>),
    Opaque(Box<Opaque>),
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
    Unread(Box<Unread>),
}

/// In place of what a call of something unknown would give.
#[derive(Debug)]
pub(crate) struct Opaque {
    pub(crate) function: Id,
    /// Its arguments, state and items.
    pub(crate) parts: Vec<Id>,
}

/// A tensor or storage that is there and cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Unread {
    /// What it is, in a word or two.
    pub(crate) kind: String,
    /// Why it is not read, and what helps.
    pub(crate) why: String,
}

const BROKEN: &str = "broken";

impl Unread {
    /// One that contradicts itself.
    pub(crate) fn broken(why: impl Into<String>) -> Self {
        Self::new(BROKEN, why)
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.kind == BROKEN
    }

    pub(super) fn new(kind: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind: kind.into(), why: why.into() }
    }
}

impl Node {
    /// Whether it is a value beside the tensors, complete in itself: a setting, a step, an element
    /// type.
    pub(crate) fn is_plain(&self) -> bool {
        match self {
            Self::None | Self::Int(_) | Self::Str(_) | Self::Bool(_) | Self::Bytes { .. } => true,
            Self::Magic | Self::Other => true,
            Self::Global(global) => !global.makes_tensors(),
            Self::Tuple(_) | Self::List(_) | Self::Dict(_) => false,
            Self::Storage(_) | Self::Tensor(_) | Self::Unread(_) => false,
            Self::Unknown(_) | Self::Opaque(_) => false,
        }
    }

    fn describe(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Int(_) => "an integer",
            Self::Str(_) => "a string",
            Self::Bytes { .. } => "a string of bytes",
            Self::Magic | Self::Other => "a value of another type",
            Self::Bool(_) => "a bool",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global(_) | Self::Unknown(_) => "a function or class",
            Self::Opaque(_) => "an object",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) | Self::Unread(_) => "a tensor",
        }
    }
}

/// What a node is, in a message.
pub(super) fn describe(nodes: &[Node], id: Id) -> String {
    let node = &nodes[id as usize];
    match node {
        Node::Unknown(name) => format!("the function or class {}", shown(name)),
        Node::Opaque(_) => format!("an object of {}", name(nodes, id)),
        _ => node.describe().to_owned(),
    }
}

/// What an unknown function or class is called, or that of which a node is an object.
fn name(nodes: &[Node], mut id: Id) -> String {
    // An object may be called itself.
    for _ in 0..8 {
        match &nodes[id as usize] {
            Node::Unknown(name) => return shown(name),
            Node::Opaque(opaque) => id = opaque.function,
            Node::Global(global) => return global.name(),
            _ => break,
        }
    }
    "an object".to_owned()
}

/// A name from a file in a message.
fn shown(name: &str) -> String {
    name.chars().take(200).collect::<String>().escape_debug().to_string()
}

/// What is known of all that a pickle may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Global {
    /// A class of dicts whose argument is their contents.
    Mapping,
    DefaultDict,
    /// A class of sets, lists or tuples whose argument is their contents.
    Sequence,
    Size,
    RebuildTensor,
    RebuildTensorV2,
    RebuildTensorV3,
    RebuildParameter,
    RebuildParameterWithState,
    RebuildFromType,
    RebuildOnDevice,
    /// A function whose tensors are not read: its row of [`UNREAD`].
    RebuildUnread(u8),
    /// `Tensor`, `Parameter`, `Buffer`: of a tensor, that tensor.
    TensorClass,
    /// Such as `torch.FloatTensor`.
    TypedTensor(Element),
    LoadFromBytes,
    Storage(Element),
    UntypedStorage,
    Dtype(Element),
}

impl Global {
    /// Whether it is a function, and no class or element type.
    fn makes_tensors(self) -> bool {
        match self {
            Self::RebuildTensor | Self::RebuildTensorV2 | Self::RebuildTensorV3 => true,
            Self::RebuildParameter | Self::RebuildParameterWithState => true,
            Self::RebuildFromType | Self::RebuildOnDevice | Self::RebuildUnread(_) => true,
            Self::LoadFromBytes => true,
            Self::Mapping | Self::DefaultDict | Self::Sequence | Self::Size => false,
            Self::TensorClass | Self::TypedTensor(_) => false,
            Self::Storage(_) | Self::UntypedStorage | Self::Dtype(_) => false,
        }
    }

    fn name(self) -> String {
        match self {
            Self::Mapping | Self::DefaultDict => "a class of dicts".to_owned(),
            Self::Sequence | Self::Size => "a class of sequences".to_owned(),
            Self::TensorClass => "torch.Tensor".to_owned(),
            Self::TypedTensor(element) => format!("a torch tensor of {}", element.name()),
            Self::Storage(_) | Self::UntypedStorage => "a class of storages".to_owned(),
            Self::Dtype(element) => format!("torch.{}", element.name()),
            _ => "a function that makes tensors".to_owned(),
        }
    }
}

/// What to save in place of a tensor of a class of its own.
pub(super) const PLAIN: &str = "a plain tensor, as its class makes one: t.full_tensor() of a DTensor, t.dequantize() of a quantized one, list(t.unbind()) of a nested one";

/// The functions of `torch._utils` whose tensors are not read: what they make, and what to save in
/// place of a tensor `t` of theirs.
pub(super) const UNREAD: [(&str, &str, &str); 8] = [
    ("_rebuild_qtensor", "quantized", "its values: t.dequantize()"),
    ("_rebuild_sparse_tensor", "sparse", "all of its values: t.to_dense()"),
    ("_rebuild_sparse_csr_tensor", "sparse", "all of its values: t.to_dense()"),
    (
        "_rebuild_meta_tensor_no_storage",
        "meta",
        "the model after its weights were loaded: a tensor on the device `meta` has no values",
    ),
    ("_rebuild_nested_tensor", "nested", "the tensors in it: list(t.unbind())"),
    ("_rebuild_wrapper_subclass", "of another class", PLAIN),
    ("_rebuild_device_tensor_from_numpy", "in a NumPy array", "a copy in memory: t.cpu()"),
    ("_rebuild_xla_tensor", "in a NumPy array", "a copy in memory: t.cpu()"),
];

/// An element type in PyTorch's terms: its row of [`ELEMENTS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Element(pub(super) u8);

impl Element {
    /// PyTorch's name for it, without `torch.`.
    pub(crate) fn name(self) -> &'static str {
        ELEMENTS[usize::from(self.0)].1
    }

    /// Its size in bytes.
    pub(crate) fn size(self) -> u64 {
        ELEMENTS[usize::from(self.0)].2
    }
}

#[derive(Debug)]
pub(crate) struct Storage {
    /// `None`: the tensors say how its bytes are to be read.
    pub(crate) element: Option<Element>,
    pub(crate) place: Place,
    /// The number of elements; of bytes if there is no element type.
    pub(crate) length: u64,
    /// In legacy files: the elements of it that count, where they begin and how many.
    pub(crate) part: Option<(u64, u64)>,
}

impl Storage {
    /// The size that it claims.
    pub(super) fn bytes(&self) -> Result<u64, Fault> {
        let bytes = self.length.checked_mul(self.unit());
        bytes.ok_or_else(|| format!("a storage of {} elements", self.length).into())
    }

    /// The size of what `length` counts.
    pub(crate) fn unit(&self) -> u64 {
        self.element.map_or(1, Element::size)
    }
}

/// Where the bytes of a storage are.
#[derive(Debug)]
pub(crate) enum Place {
    /// The record `data/<key>` of an archive.
    Key(Box<str>),
    /// This byte of the pickle's own file.
    Start(u64),
}

/// A call of one of the functions that make a tensor, its arguments checked for their types only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor {
    pub(crate) element: Element,
    /// Every value is the negative of the stored one.
    pub(crate) is_negative: bool,
    /// The place of its first element in the storage.
    pub(crate) offset: i64,
    pub(super) storage: Id,
    pub(super) shape: Id,
    pub(super) strides: Id,
}

/// The storage classes of `torch`, and the element types that have none and are named themselves.
pub(super) const ELEMENTS: [(&str, &str, u64); 42] = [
    ("HalfStorage", "float16", 2),
    ("BFloat16Storage", "bfloat16", 2),
    ("FloatStorage", "float32", 4),
    ("DoubleStorage", "float64", 8),
    ("ByteStorage", "uint8", 1),
    ("CharStorage", "int8", 1),
    ("ShortStorage", "int16", 2),
    ("IntStorage", "int32", 4),
    ("LongStorage", "int64", 8),
    ("BoolStorage", "bool", 1),
    ("ComplexFloatStorage", "complex64", 8),
    ("ComplexDoubleStorage", "complex128", 16),
    ("", "uint16", 2),
    ("", "uint32", 4),
    ("", "uint64", 8),
    ("", "complex32", 4),
    ("", "float8_e4m3fn", 1),
    ("", "float8_e4m3fnuz", 1),
    ("", "float8_e5m2", 1),
    ("", "float8_e5m2fnuz", 1),
    ("", "float8_e8m0fnu", 1),
    ("", "float4_e2m1fn_x2", 1),
    ("", "bits8", 1),
    ("QInt32Storage", "qint32", 4),
    ("QInt8Storage", "qint8", 1),
    ("QUInt8Storage", "quint8", 1),
    ("QUInt4x2Storage", "quint4x2", 1),
    ("QUInt2x4Storage", "quint2x4", 1),
    ("", "uint1", 1),
    ("", "uint2", 1),
    ("", "uint3", 1),
    ("", "uint4", 1),
    ("", "uint5", 1),
    ("", "uint6", 1),
    ("", "uint7", 1),
    ("", "int1", 1),
    ("", "int2", 1),
    ("", "int3", 1),
    ("", "int4", 1),
    ("", "int5", 1),
    ("", "int6", 1),
    ("", "int7", 1),
];

/// The values that a pickle describes.
#[derive(Debug)]
pub(crate) struct Values {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

impl Values {
    pub(crate) fn root(&self) -> Id {
        self.root
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    /// What a node is, in a message.
    pub(crate) fn describe(&self, id: Id) -> String {
        describe(&self.nodes, id)
    }

    /// The function or class of which a node is an object, or that it is itself.
    pub(crate) fn name(&self, id: Id) -> String {
        name(&self.nodes, id)
    }

    pub(super) fn take_root(&mut self) -> Node {
        std::mem::replace(&mut self.nodes[self.root as usize], Node::Other)
    }

    pub(super) fn storages_mut(&mut self) -> impl Iterator<Item = &mut Storage> {
        self.nodes.iter_mut().filter_map(|node| match node {
            Node::Storage(storage) => Some(&mut **storage),
            _ => None,
        })
    }

    pub(crate) fn storage(&self, tensor: &Tensor) -> Option<&Storage> {
        match self.node(tensor.storage) {
            Node::Storage(storage) => Some(storage),
            _ => None,
        }
    }

    pub(crate) fn shape(&self, tensor: &Tensor) -> Vec<i64> {
        self.integers(tensor.shape)
    }

    /// How many elements lie from one element to the next, for each dimension.
    pub(crate) fn strides(&self, tensor: &Tensor) -> Vec<i64> {
        self.integers(tensor.strides)
    }

    fn integers(&self, tuple: Id) -> Vec<i64> {
        let Node::Tuple(items) = self.node(tuple) else { return Vec::new() };
        let integer = |&item: &Id| match self.node(item) {
            Node::Int(value) => Some(*value),
            _ => None,
        };
        items.iter().filter_map(integer).collect()
    }
}
