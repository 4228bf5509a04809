//! A machine for the pickles that `torch.save` writes. It builds dictionaries of tensors' descriptions, and can do nothing else.
//!
//! A pickle is a program, and Python's own machine calls whatever function the program names. This one knows the few functions
//! below by name, has a description of a tensor as the result of each, and stops at every other name. Values are nodes of an
//! arena that refer to each other by number: a value used a million times is there once, nothing is copied however often the
//! program asks, and nothing recurses, so neither a small program that describes a huge value nor one that nests it deeply costs
//! more than its own length.

use std::collections::HashMap;

use crate::bytes::Bytes;

/// About 100,000 tensors, of some 40 instructions each.
pub(crate) const MOST_INSTRUCTIONS: usize = 1 << 23;
const MOST_MEMOS: usize = 1 << 21;
const LONGEST_STRING: u64 = 1 << 16;
/// `torch.save` needs about ten.
const DEEPEST: u16 = 256;

/// The number of a node.
pub(crate) type Id = u32;

#[derive(Debug)]
pub(crate) enum Node<'a> {
    Int(i64),
    Str(&'a str),
    /// A leaf that is no tensor, nor part of the description of one: `None`, a float, a string of bytes, a large integer.
    Other,
    Bool,
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Box<Storage<'a>>),
    Tensor(Box<Tensor>),
}

impl Node<'_> {
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Str(_) => "a string",
            Self::Other => "a value of another type",
            Self::Bool => "a bool",
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
    Storage(Element),
    UntypedStorage,
    Dtype(Element),
}

/// An element type in PyTorch's terms: its row of [`ELEMENTS`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Element(u8);

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

#[derive(Clone, Copy, Debug)]
pub(crate) struct Storage<'a> {
    /// `None`: the tensors say how its bytes are to be read.
    pub(crate) element: Option<Element>,
    /// Its record is `data/<key>`.
    pub(crate) key: &'a str,
    /// In elements; in bytes if there is no element type.
    pub(crate) length: u64,
}

/// A call of one of the functions that make a tensor, its arguments checked for their types only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tensor {
    pub(crate) element: Element,
    /// In elements.
    pub(crate) offset: i64,
    storage: Id,
    shape: Id,
    strides: Id,
}

/// The storage classes of `torch`, and the element types that have none and are named themselves.
const ELEMENTS: [(&str, &str, u64); 22] = [
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

fn global(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("collections", "OrderedDict") => return Some(Global::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => return Some(Global::RebuildTensorV2),
        ("torch._utils", "_rebuild_tensor_v3") => return Some(Global::RebuildTensorV3),
        ("torch._utils", "_rebuild_parameter") => return Some(Global::RebuildParameter),
        ("torch.storage", "UntypedStorage") => return Some(Global::UntypedStorage),
        _ => {}
    }
    if module != "torch" {
        return None;
    }
    (0..).zip(ELEMENTS).find_map(|(row, (class, dtype, _))| {
        let element = Element(row);
        if !class.is_empty() && name == class {
            return Some(Global::Storage(element));
        }
        (name == dtype).then_some(Global::Dtype(element))
    })
}

/// The values that a pickle describes.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    nodes: Vec<Node<'a>>,
    root: Id,
}

impl<'a> Values<'a> {
    pub(crate) fn root(&self) -> Id {
        self.root
    }

    pub(crate) fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    pub(crate) fn storage(&self, tensor: &Tensor) -> Option<&Storage<'a>> {
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

/// Runs a pickle.
///
/// # Errors
///
/// With the place of the instruction.
pub(crate) fn load(pickle: &[u8]) -> Result<Values<'_>, String> {
    let mut machine = Machine {
        input: Bytes::new(pickle),
        nodes: Vec::new(),
        depths: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let mut instructions = 0;
    loop {
        let place = machine.input.position();
        instructions += 1;
        let step = if instructions > MOST_INSTRUCTIONS {
            Err(format!("more than {MOST_INSTRUCTIONS} instructions"))
        } else {
            machine.step(place == 0)
        };
        match step {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Values { nodes: machine.nodes, root }),
            Err(message) => return Err(format!("at byte {place}: {message}")),
        }
    }
}

struct Machine<'a> {
    input: Bytes<'a>,
    nodes: Vec<Node<'a>>,
    /// How deep each node's contents are nested.
    depths: Vec<u16>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

const CUT: &str = "the pickle is cut";
const SHORT: &str = "the stack is empty";

impl<'a> Machine<'a> {
    /// Does one instruction. The last one gives the root.
    fn step(&mut self, first: bool) -> Result<Option<Id>, String> {
        let opcode = self.input.u8().ok_or(CUT)?;
        if first != (opcode == 0x80) {
            return Err("expected PROTO first, and only first".to_owned());
        }
        match opcode {
            // PROTO
            0x80 => match self.input.u8().ok_or(CUT)? {
                2..=5 => {}
                other => return Err(format!("pickle protocol {other}: expected 2 to 5")),
            },
            // FRAME
            0x95 => {
                let length = self.input.u64().ok_or(CUT)?;
                self.input.clone().take(length.try_into().map_err(|_| CUT)?).ok_or(CUT)?;
            }
            // STOP
            b'.' => return self.stop().map(Some),

            // NONE, NEWTRUE, NEWFALSE
            b'N' => self.push(Node::Other)?,
            0x88 | 0x89 => self.push(Node::Bool)?,
            // BININT, BININT1, BININT2, LONG1, LONG4
            b'J' => {
                let value = self.input.u32().ok_or(CUT)? as i32;
                self.push(Node::Int(value.into()))?;
            }
            b'K' => {
                let value = self.input.u8().ok_or(CUT)?;
                self.push(Node::Int(value.into()))?;
            }
            b'M' => {
                let value = self.input.u16().ok_or(CUT)?;
                self.push(Node::Int(value.into()))?;
            }
            0x8a => {
                let length = self.input.u8().ok_or(CUT)?;
                let bytes = self.string(length.into())?;
                self.push(long(bytes))?;
            }
            0x8b => {
                let length = self.input.u32().ok_or(CUT)?;
                let bytes = self.string(length.into())?;
                self.push(long(bytes))?;
            }
            // BINFLOAT
            b'G' => {
                self.input.u64().ok_or(CUT)?;
                self.push(Node::Other)?;
            }
            // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
            0x8c => {
                let length = self.input.u8().ok_or(CUT)?;
                self.text(length.into())?;
            }
            b'X' => {
                let length = self.input.u32().ok_or(CUT)?;
                self.text(length.into())?;
            }
            0x8d => {
                let length = self.input.u64().ok_or(CUT)?;
                self.text(length)?;
            }
            // SHORT_BINBYTES, BINBYTES, BINBYTES8 and BYTEARRAY8
            b'C' => {
                let length = self.input.u8().ok_or(CUT)?;
                self.string(length.into())?;
                self.push(Node::Other)?;
            }
            b'B' => {
                let length = self.input.u32().ok_or(CUT)?;
                self.string(length.into())?;
                self.push(Node::Other)?;
            }
            0x8e | 0x96 => {
                let length = self.input.u64().ok_or(CUT)?;
                self.string(length)?;
                self.push(Node::Other)?;
            }

            // MARK, POP, POP_MARK, DUP
            b'(' => {
                if self.marks.len() >= usize::from(DEEPEST) {
                    return Err(too_deep());
                }
                self.marks.push(self.stack.len());
            }
            b'0' => {
                // On a mark, Python's machine takes the mark.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }

            // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE and FROZENSET
            b')' => self.push(Node::Tuple(Box::default()))?,
            0x85..=0x87 => {
                let mut items = Vec::with_capacity(3);
                for _ in 0..=opcode - 0x85 {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Node::Tuple(items.into()))?;
            }
            b't' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items.into()))?;
            }
            // EMPTY_LIST and EMPTY_SET, LIST, APPEND, APPENDS and ADDITEMS
            b']' | 0x8f => self.push(Node::List(Vec::new()))?,
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(&[item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend_list(&items)?;
            }
            // EMPTY_DICT, DICT, SETITEM, SETITEMS
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Node::Dict(Vec::new()))?;
                self.extend_dict(&items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.extend_dict(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.extend_dict(&items)?;
            }

            // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
            b'q' => {
                let number = self.input.u8().ok_or(CUT)?;
                self.memoize(number.into())?;
            }
            b'r' => {
                let number = self.input.u32().ok_or(CUT)?;
                self.memoize(number)?;
            }
            0x94 => {
                let number = u32::try_from(self.memo.len()).map_err(|_| too_many_memos())?;
                self.memoize(number)?;
            }
            b'h' => {
                let number = self.input.u8().ok_or(CUT)?;
                self.remember(number.into())?;
            }
            b'j' => {
                let number = self.input.u32().ok_or(CUT)?;
                self.remember(number)?;
            }

            // GLOBAL and INST, STACK_GLOBAL
            b'c' | b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
                if opcode == b'i' {
                    return Err(not_allowed("INST"));
                }
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (&Node::Str(name), &Node::Str(module)) = (self.node(name), self.node(module))
                else {
                    return Err("STACK_GLOBAL of what is not two strings".to_owned());
                };
                self.global(module, name)?;
            }
            // REDUCE, BUILD, BINPERSID
            b'R' => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                let result = self.reduce(function, arguments)?;
                self.stack.push(result);
            }
            b'b' => {
                // Attributes, such as the `_metadata` of a state dict: not looked at.
                self.pop()?;
                let object = self.top()?;
                if !matches!(self.node(object), Node::Dict(_)) {
                    let found = self.node(object).describe();
                    return Err(format!("BUILD on {found}: expected a dict"));
                }
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Node::Storage(Box::new(storage)))?;
            }

            other => {
                let name = REFUSED.iter().find(|(opcode, _)| *opcode == other);
                return Err(match name {
                    Some((_, name)) => not_allowed(name),
                    None => format!("{other:#04x} is no pickle instruction"),
                });
            }
        }
        Ok(None)
    }

    fn stop(&mut self) -> Result<Id, String> {
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err("STOP with values left on the stack".to_owned());
        }
        if !self.input.is_at_end() {
            return Err("there are bytes behind the pickle's STOP".to_owned());
        }
        Ok(root)
    }

    fn node(&self, id: Id) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    fn push(&mut self, node: Node<'a>) -> Result<(), String> {
        let depth = match &node {
            Node::Tuple(items) => self.depth_over(items)?,
            Node::List(items) => self.depth_over(items)?,
            _ => 0,
        };
        let id = Id::try_from(self.nodes.len()).map_err(|_| "too many values")?;
        self.nodes.push(node);
        self.depths.push(depth);
        self.stack.push(id);
        Ok(())
    }

    /// The depth of what holds `items`.
    fn depth_over(&self, items: &[Id]) -> Result<u16, String> {
        let deepest = items.iter().map(|&item| self.depths[item as usize] + 1).max().unwrap_or(0);
        if deepest > DEEPEST { Err(too_deep()) } else { Ok(deepest) }
    }

    /// The height under which values belong to an open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, String> {
        self.stack[self.floor()..].last().copied().ok_or_else(|| SHORT.to_owned())
    }

    fn pop(&mut self) -> Result<Id, String> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// What was pushed since the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn string(&mut self, length: u64) -> Result<&'a [u8], String> {
        if length > LONGEST_STRING {
            return Err(format!(
                "a string of {length} bytes: expected at most {LONGEST_STRING} bytes"
            ));
        }
        self.input.take(length as usize).ok_or_else(|| CUT.to_owned())
    }

    fn text(&mut self, length: u64) -> Result<(), String> {
        let bytes = self.string(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| "a string that is not UTF-8")?;
        self.push(Node::Str(text))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let line = self.input.line().ok_or(CUT)?;
        std::str::from_utf8(line).map_err(|_| "a name that is not UTF-8".to_owned())
    }

    fn memoize(&mut self, number: u32) -> Result<(), String> {
        let top = self.top()?;
        self.memo.insert(number, top);
        if self.memo.len() > MOST_MEMOS { Err(too_many_memos()) } else { Ok(()) }
    }

    fn remember(&mut self, number: u32) -> Result<(), String> {
        let id = self.memo.get(&number);
        let id = *id.ok_or_else(|| format!("memo {number} was never written"))?;
        self.stack.push(id);
        Ok(())
    }

    fn extend_list(&mut self, items: &[Id]) -> Result<(), String> {
        let list = self.top()?;
        let depth = self.depth_over(items)?;
        match &mut self.nodes[list as usize] {
            Node::List(list) => list.extend(items),
            other => return Err(format!("appending to {}: expected a list", other.describe())),
        }
        let own = &mut self.depths[list as usize];
        *own = depth.max(*own);
        Ok(())
    }

    fn extend_dict(&mut self, items: &[Id]) -> Result<(), String> {
        let dict = self.top()?;
        let depth = self.depth_over(items)?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a key without a value".to_owned());
        }
        match &mut self.nodes[dict as usize] {
            Node::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            other => return Err(format!("setting items of {}: expected a dict", other.describe())),
        }
        let own = &mut self.depths[dict as usize];
        *own = depth.max(*own);
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), String> {
        let Some(global) = global(module, name) else {
            let full: String = format!("{module}.{name}").chars().take(200).collect();
            return Err(format!("global {} not allowed", full.escape_debug()));
        };
        self.push(Node::Global(global))
    }

    /// The result of a call.
    fn reduce(&mut self, function: Id, arguments: Id) -> Result<Id, String> {
        let Node::Tuple(arguments) = self.node(arguments) else {
            let found = self.node(arguments).describe();
            return Err(format!("REDUCE with {found}: expected a tuple of arguments"));
        };
        let node = match self.node(function) {
            Node::Global(Global::OrderedDict) if arguments.is_empty() => Node::Dict(Vec::new()),
            Node::Global(Global::OrderedDict) => {
                return Err("OrderedDict with arguments: expected none".to_owned());
            }
            Node::Global(Global::RebuildParameter) => {
                let &[tensor, _, _] = &arguments[..] else {
                    let found = arguments.len();
                    return Err(format!("_rebuild_parameter with {found} arguments: expected 3"));
                };
                return match self.node(tensor) {
                    Node::Tensor(_) => Ok(tensor),
                    other => Err(format!(
                        "_rebuild_parameter of {}: expected a tensor",
                        other.describe()
                    )),
                };
            }
            Node::Global(Global::RebuildTensorV2) => {
                let (&[storage, offset, shape, strides, _, _]
                | &[storage, offset, shape, strides, _, _, _]) = &arguments[..]
                else {
                    let found = arguments.len();
                    return Err(format!(
                        "_rebuild_tensor_v2 with {found} arguments: expected 6 or 7"
                    ));
                };
                Node::Tensor(Box::new(self.tensor(storage, offset, shape, strides, None)?))
            }
            Node::Global(Global::RebuildTensorV3) => {
                let (&[storage, offset, shape, strides, _, _, dtype]
                | &[storage, offset, shape, strides, _, _, dtype, _]) = &arguments[..]
                else {
                    let found = arguments.len();
                    return Err(format!(
                        "_rebuild_tensor_v3 with {found} arguments: expected 7 or 8"
                    ));
                };
                let Node::Global(Global::Dtype(dtype)) = *self.node(dtype) else {
                    let found = self.node(dtype).describe();
                    return Err(format!("a tensor's element type is {found}"));
                };
                Node::Tensor(Box::new(self.tensor(storage, offset, shape, strides, Some(dtype))?))
            }
            other => {
                return Err(format!("REDUCE of {}: it cannot be called", other.describe()));
            }
        };
        self.push(node)?;
        self.pop()
    }

    fn tensor(
        &self,
        storage: Id,
        offset: Id,
        shape: Id,
        strides: Id,
        dtype: Option<Element>,
    ) -> Result<Tensor, String> {
        let Node::Storage(of) = self.node(storage) else {
            let found = self.node(storage).describe();
            return Err(format!("a tensor's storage is {found}"));
        };
        let element = match (of.element, dtype) {
            (Some(element), None) | (None, Some(element)) => element,
            _ => return Err("a tensor's storage has two element types, or none".to_owned()),
        };
        let &Node::Int(offset) = self.node(offset) else {
            let found = self.node(offset).describe();
            return Err(format!("a tensor's offset in its storage is {found}"));
        };
        let (dims, steps) = (self.check_integers(shape)?, self.check_integers(strides)?);
        if dims != steps {
            return Err(format!("a tensor of {dims} dimensions with {steps} strides"));
        }
        Ok(Tensor { element, offset, storage, shape, strides })
    }

    /// The length of a tuple of integers.
    fn check_integers(&self, tuple: Id) -> Result<usize, String> {
        let Node::Tuple(items) = self.node(tuple) else {
            let found = self.node(tuple).describe();
            return Err(format!("a tensor's shape or strides are {found}: expected a tuple"));
        };
        // 64 is PyTorch's own limit.
        if items.len() > 64 {
            return Err(format!("a tensor of {} dimensions: expected at most 64", items.len()));
        }
        let odd = items.iter().map(|&item| self.node(item)).find(|it| !matches!(it, Node::Int(_)));
        match odd {
            Some(odd) => Err(format!("{} in a tensor's shape or strides", odd.describe())),
            None => Ok(items.len()),
        }
    }

    /// What BINPERSID stands for: `("storage", class, key, device, length)`.
    fn storage(&self, id: Id) -> Result<Storage<'a>, String> {
        let refuse = || Err("a reference to something else than a storage".to_owned());
        let Node::Tuple(parts) = self.node(id) else { return refuse() };
        let &[what, class, key, device, length] = &parts[..] else { return refuse() };
        let (Node::Str("storage"), &Node::Str(key), Node::Str(_), &Node::Int(length)) =
            (self.node(what), self.node(key), self.node(device), self.node(length))
        else {
            return refuse();
        };
        let element = match self.node(class) {
            Node::Global(Global::Storage(element)) => Some(*element),
            Node::Global(Global::UntypedStorage) => None,
            _ => return refuse(),
        };
        let length = length.try_into().map_err(|_| format!("a storage of {length} elements"))?;
        Ok(Storage { element, key, length })
    }
}

/// An integer in two's complement, of any length.
fn long<'a>(bytes: &[u8]) -> Node<'a> {
    let Some(sign) = bytes.last().map(|byte| if byte & 0x80 == 0 { 0 } else { 0xff }) else {
        return Node::Int(0);
    };
    if bytes.len() > 8 {
        return Node::Other;
    }
    let mut word = [sign; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    Node::Int(i64::from_le_bytes(word))
}

fn too_deep() -> String {
    format!("values are nested more than {DEEPEST} deep")
}

fn too_many_memos() -> String {
    format!("more than {MOST_MEMOS} memos")
}

fn not_allowed(instruction: &str) -> String {
    format!("instruction {instruction} not allowed: torch.save does not write it")
}

/// Instructions that exist and that no state dict needs.
const REFUSED: [(u8, &str); 18] = [
    (b'o', "OBJ"),
    (0x81, "NEWOBJ"),
    (0x92, "NEWOBJ_EX"),
    (0x82, "EXT1"),
    (0x83, "EXT2"),
    (0x84, "EXT4"),
    (b'P', "PERSID"),
    (b'F', "FLOAT"),
    (b'I', "INT"),
    (b'L', "LONG"),
    (b'S', "STRING"),
    (b'T', "BINSTRING"),
    (b'U', "SHORT_BINSTRING"),
    (b'V', "UNICODE"),
    (b'p', "PUT"),
    (b'g', "GET"),
    (0x97, "NEXT_BUFFER"),
    (0x98, "READONLY_BUFFER"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Instructions with plausible operands: random bytes alone seldom come past the second one.
    fn instruction() -> impl Strategy<Value = Vec<u8>> {
        let plain = b"N(012)ttl]aed}ssuRRbbQ\x85\x86\x87\x88\x8f\x90\x91\x94\x94\x94\x93";
        let globals =
            ELEMENTS.iter().map(|(class, _, _)| format!("ctorch\n{class}\n").into_bytes());
        let functions = ["_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"];
        let functions =
            functions.iter().map(|name| format!("ctorch._utils\n{name}\n").into_bytes());
        let others = [&b"ccollections\nOrderedDict\n"[..], b"ctorch.storage\nUntypedStorage\n"];
        let fixed = [
            &b"(\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x04tQ"[..],
            b"ctorch._utils\n_rebuild_tensor_v2\n",
            b"K\x00K\x02\x85K\x01\x85\x89)",
            b"\x95\0\0\0\0\0\0\0\0",
            b"\x8b\x02\0\0\0\0\x80",
        ];
        let known = globals.chain(functions).chain(others.into_iter().chain(fixed).map(Vec::from));
        prop_oneof![
            8 => prop::sample::select(plain.to_vec()).prop_map(|opcode| vec![opcode]),
            2 => (prop::sample::select(b"KhqC\x8c\x8a".to_vec()), 0..4_u8).prop_map(|(a, b)| vec![a, b]),
            4 => prop::sample::select(known.collect::<Vec<_>>()),
            1 => any::<u8>().prop_map(|opcode| vec![opcode]),
        ]
    }

    proptest! {
        #[test]
        fn no_program_is_worse_than_an_error(
            program in prop::collection::vec(instruction(), 0..60),
            ends in any::<bool>(),
        ) {
            let mut pickle = vec![0x80, 2];
            pickle.extend(program.concat());
            if ends {
                pickle.push(b'.');
            }
            let _ = load(&pickle);
        }

        #[test]
        fn no_bytes_are_worse_than_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = load(&bytes);
            let _ = load(&[&[0x80, 4], &bytes[..]].concat());
        }
    }

    #[test]
    fn integers_of_every_length() {
        for (bytes, expected) in [
            (&b""[..], Some(0)),
            (b"\xff", Some(-1)),
            (b"\xff\x00", Some(255)),
            (b"\x00\x80", Some(-32_768)),
            (b"\xff\xff\xff\xff\xff\xff\xff\x7f", Some(i64::MAX)),
            (b"\x00\x00\x00\x00\x00\x00\x00\x80\x00", None),
        ] {
            match long(bytes) {
                Node::Int(value) => assert_eq!(Some(value), expected),
                _ => assert_eq!(expected, None),
            }
        }
    }
}
