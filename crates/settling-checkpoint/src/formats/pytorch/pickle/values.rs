//! What a pickle describes: nodes that refer to each other by number.

use crate::formats::Fault;

/// The number of a node.
pub(crate) type Id = u32;

#[derive(Debug)]
pub(crate) enum Node {
    Int(i64),
    Str(Box<str>),
    /// Where a string of bytes is in the file.
    Bytes {
        start: u64,
        length: u64,
    },
    /// The integer at the start of a legacy file.
    Magic,
    /// A leaf that is no tensor, nor part of the description of one: `None`, a float, a large
    /// integer.
    Other,
    Bool(bool),
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
}

impl Node {
    /// Whether it is a value beside the tensors, complete in itself: a setting, a step, an element
    /// type.
    pub(crate) fn is_plain(&self) -> bool {
        match self {
            Self::Int(_) | Self::Str(_) | Self::Bool(_) | Self::Bytes { .. } => true,
            Self::Magic | Self::Other => true,
            Self::Global(global) => global.is_class(),
            Self::Tuple(_) | Self::List(_) | Self::Dict(_) => false,
            Self::Storage(_) | Self::Tensor(_) => false,
        }
    }

    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Str(_) => "a string",
            Self::Bytes { .. } => "a string of bytes",
            Self::Magic | Self::Other => "a value of another type",
            Self::Bool(_) => "a bool",
            Self::Tuple(_) => "a tuple",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Global(_) => "a function or class",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// Everything that a pickle may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Global {
    OrderedDict,
    RebuildTensorV2,
    RebuildTensorV3,
    RebuildParameter,
    LoadFromBytes,
    Storage(Element),
    UntypedStorage,
    Dtype(Element),
}

impl Global {
    /// Or an element type; what is no function.
    fn is_class(self) -> bool {
        match self {
            Self::OrderedDict | Self::Storage(_) | Self::UntypedStorage | Self::Dtype(_) => true,
            Self::RebuildTensorV2 | Self::RebuildTensorV3 => false,
            Self::RebuildParameter | Self::LoadFromBytes => false,
        }
    }
}

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
    /// The place of its first element in the storage.
    pub(crate) offset: i64,
    pub(super) storage: Id,
    pub(super) shape: Id,
    pub(super) strides: Id,
}

/// The storage classes of `torch`, and the element types that have none and are named themselves.
pub(super) const ELEMENTS: [(&str, &str, u64); 22] = [
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
