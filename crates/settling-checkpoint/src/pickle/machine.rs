//! The stack machine: one instruction after the other until STOP.

use std::collections::HashMap;

use super::calls::global;
use super::input::Input;
use super::values::{Id, Node, Values};
use super::{MOST_INSTRUCTIONS, MOST_TEXT};
use crate::error::Fault;

const MOST_MEMOS: usize = 1 << 21;
/// `torch.save` needs about ten.
const DEEPEST: u16 = 256;
/// What a legacy file begins with, as LONG1 has it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// How a pickle gives its storages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Storages {
    /// By BINPERSID; they lie elsewhere.
    ByKey,
    /// Each as a string of bytes, which is a legacy file of its own.
    Embedded,
}

/// What the pickles of one file may still cost, all together.
pub(super) struct Budget {
    instructions: usize,
    text: usize,
}

impl Budget {
    pub(super) fn full() -> Self {
        Self { instructions: MOST_INSTRUCTIONS, text: MOST_TEXT }
    }

    fn instruction(&mut self) -> Result<(), Fault> {
        let left = self.instructions.checked_sub(1);
        self.instructions =
            left.ok_or_else(|| format!("more than {MOST_INSTRUCTIONS} instructions"))?;
        Ok(())
    }

    fn text(&mut self, length: usize) -> Result<(), Fault> {
        let left = self.text.checked_sub(length);
        self.text = left.ok_or_else(|| format!("more than {MOST_TEXT} bytes of strings"))?;
        Ok(())
    }
}

/// Runs the pickle at the cursor, which is behind it then.
///
/// # Errors
///
/// With the place of the instruction.
pub(super) fn load(
    input: &mut Input<'_>,
    budget: &mut Budget,
    storages: Storages,
) -> Result<Values, Fault> {
    let first = input.position();
    let mut machine = Machine {
        input,
        budget,
        storages,
        nodes: Vec::new(),
        depths: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        let place = machine.input.position();
        match machine.step(place == first) {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Values { nodes: machine.nodes, root }),
            Err(fault) => return Err(fault.at(format_args!("at byte {place}"))),
        }
    }
}

pub(super) struct Machine<'run, 'file> {
    pub(super) input: &'run mut Input<'file>,
    pub(super) budget: &'run mut Budget,
    storages: Storages,
    pub(super) nodes: Vec<Node>,
    /// How deep each node's contents are nested.
    depths: Vec<u16>,
    stack: Vec<Id>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

const SHORT: &str = "the stack is empty";

impl Machine<'_, '_> {
    /// Does one instruction. The last one gives the root.
    fn step(&mut self, first: bool) -> Result<Option<Id>, Fault> {
        self.budget.instruction()?;
        let opcode = self.input.u8()?;
        if first != (opcode == 0x80) {
            return Err("expected PROTO first, and only first".into());
        }
        match opcode {
            // PROTO
            0x80 => match self.input.u8()? {
                2..=5 => {}
                other => return Err(format!("pickle protocol {other}: expected 2 to 5").into()),
            },
            // FRAME
            0x95 => {
                let length = self.input.u64()?;
                self.input.expect(length)?;
            }
            // STOP
            b'.' => return self.stop().map(Some),

            // NONE, NEWTRUE, NEWFALSE
            b'N' => self.push(Node::Other)?,
            0x88 | 0x89 => self.push(Node::Bool(opcode == 0x88))?,
            // BININT, BININT1, BININT2, LONG1, LONG4
            b'J' => {
                let value = self.input.u32()? as i32;
                self.push(Node::Int(value.into()))?;
            }
            b'K' => {
                let value = self.input.u8()?;
                self.push(Node::Int(value.into()))?;
            }
            b'M' => {
                let value = self.input.u16()?;
                self.push(Node::Int(value.into()))?;
            }
            0x8a => {
                let length = self.input.u8()?;
                let number = long(self.input.string(length.into())?);
                self.push(number)?;
            }
            0x8b => {
                let length = self.input.u32()?;
                let number = long(self.input.string(length.into())?);
                self.push(number)?;
            }
            // BINFLOAT
            b'G' => {
                self.input.u64()?;
                self.push(Node::Other)?;
            }
            // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
            0x8c => {
                let length = self.input.u8()?;
                self.text(length.into())?;
            }
            b'X' => {
                let length = self.input.u32()?;
                self.text(length.into())?;
            }
            0x8d => {
                let length = self.input.u64()?;
                self.text(length)?;
            }
            // SHORT_BINBYTES, BINBYTES, BINBYTES8 and BYTEARRAY8
            b'C' => {
                let length = self.input.u8()?;
                self.bytes(length.into())?;
            }
            b'B' => {
                let length = self.input.u32()?;
                self.bytes(length.into())?;
            }
            0x8e | 0x96 => {
                let length = self.input.u64()?;
                self.bytes(length)?;
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
                let number = self.input.u8()?;
                self.memoize(number.into())?;
            }
            b'r' => {
                let number = self.input.u32()?;
                self.memoize(number)?;
            }
            0x94 => {
                let number = u32::try_from(self.memo.len()).map_err(|_| too_many_memos())?;
                self.memoize(number)?;
            }
            b'h' => {
                let number = self.input.u8()?;
                self.remember(number.into())?;
            }
            b'j' => {
                let number = self.input.u32()?;
                self.remember(number)?;
            }

            // GLOBAL and INST, STACK_GLOBAL
            b'c' | b'i' => {
                let module = self.name()?;
                let name = self.name()?;
                let global = global(&module, &name, self.storages)?;
                self.push(Node::Global(global))?;
                if opcode == b'i' {
                    return Err(not_allowed("INST"));
                }
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Str(name), Node::Str(module)) = (self.node(name), self.node(module))
                else {
                    return Err("STACK_GLOBAL of what is not two strings".into());
                };
                let global = global(module, name, self.storages)?;
                self.push(Node::Global(global))?;
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
                    return Err(format!("BUILD on {found}: expected a dict").into());
                }
            }
            b'Q' if self.storages == Storages::Embedded => return Err(not_allowed("BINPERSID")),
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(Node::Storage(Box::new(storage)))?;
            }

            other => {
                let name = REFUSED.iter().find(|(opcode, _)| *opcode == other);
                return Err(match name {
                    Some((_, name)) => not_allowed(name),
                    None => format!("{other:#04x} is no pickle instruction").into(),
                });
            }
        }
        Ok(None)
    }

    fn stop(&mut self) -> Result<Id, Fault> {
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err("STOP with values left on the stack".into());
        }
        Ok(root)
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(super) fn push(&mut self, node: Node) -> Result<(), Fault> {
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
    fn depth_over(&self, items: &[Id]) -> Result<u16, Fault> {
        let deepest = items.iter().map(|&item| self.depths[item as usize] + 1).max().unwrap_or(0);
        if deepest > DEEPEST { Err(too_deep()) } else { Ok(deepest) }
    }

    /// The height under which values belong to an open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, Fault> {
        self.stack[self.floor()..].last().copied().ok_or_else(|| SHORT.into())
    }

    pub(super) fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// What was pushed since the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn text(&mut self, length: u64) -> Result<(), Fault> {
        let text = std::str::from_utf8(self.input.string(length)?);
        let text = text.map_err(|_| "a string that is not UTF-8")?;
        self.budget.text(text.len())?;
        let text = text.into();
        self.push(Node::Str(text))
    }

    fn bytes(&mut self, length: u64) -> Result<(), Fault> {
        let start = self.input.skip(length)?;
        self.push(Node::Bytes { start, length })
    }

    fn name(&mut self) -> Result<String, Fault> {
        let name = std::str::from_utf8(self.input.line()?);
        Ok(name.map_err(|_| "a name that is not UTF-8")?.to_owned())
    }

    fn memoize(&mut self, number: u32) -> Result<(), Fault> {
        let top = self.top()?;
        self.memo.insert(number, top);
        if self.memo.len() > MOST_MEMOS { Err(too_many_memos()) } else { Ok(()) }
    }

    fn remember(&mut self, number: u32) -> Result<(), Fault> {
        let id = self.memo.get(&number);
        let id = *id.ok_or_else(|| format!("memo {number} was never written"))?;
        self.stack.push(id);
        Ok(())
    }

    fn extend_list(&mut self, items: &[Id]) -> Result<(), Fault> {
        let list = self.top()?;
        let depth = self.depth_over(items)?;
        match &mut self.nodes[list as usize] {
            Node::List(list) => list.extend(items),
            other => {
                return Err(format!("appending to {}: expected a list", other.describe()).into());
            }
        }
        let own = &mut self.depths[list as usize];
        *own = depth.max(*own);
        Ok(())
    }

    fn extend_dict(&mut self, items: &[Id]) -> Result<(), Fault> {
        let dict = self.top()?;
        let depth = self.depth_over(items)?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a key without a value".into());
        }
        match &mut self.nodes[dict as usize] {
            Node::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            other => {
                return Err(
                    format!("setting items of {}: expected a dict", other.describe()).into()
                );
            }
        }
        let own = &mut self.depths[dict as usize];
        *own = depth.max(*own);
        Ok(())
    }
}

/// An integer in two's complement, of any length.
pub(super) fn long(bytes: &[u8]) -> Node {
    let Some(sign) = bytes.last().map(|byte| if byte & 0x80 == 0 { 0 } else { 0xff }) else {
        return Node::Int(0);
    };
    if bytes.len() > 8 {
        return if bytes == MAGIC { Node::Magic } else { Node::Other };
    }
    let mut word = [sign; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    Node::Int(i64::from_le_bytes(word))
}

fn too_deep() -> Fault {
    format!("values are nested more than {DEEPEST} deep").into()
}

fn too_many_memos() -> Fault {
    format!("more than {MOST_MEMOS} memos").into()
}

fn not_allowed(instruction: &str) -> Fault {
    format!("instruction {instruction} not allowed: torch.save does not write it").into()
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
    use super::*;

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
