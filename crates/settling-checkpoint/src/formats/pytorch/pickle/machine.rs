//! The stack machine: one instruction after the other until STOP.

use super::budget::Budget;
use super::calls::{Called, call, storage};
use super::globals::global;
use super::input::Input;
use super::opcodes::*;
use super::stack::Stack;
use super::values::{Id, Node, Values};
use crate::formats::Fault;

/// What a legacy file begins with, as LONG1 has it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// What runs the legacy file that a storage within a pickle is.
pub(super) type LoadEmbedded = fn(&mut Input<'_>, &mut Budget) -> Result<Values, Fault>;

/// How a pickle gives its storages.
#[derive(Clone, Copy)]
pub(super) enum Storages {
    /// The pickle refers to them by BINPERSID; they lie elsewhere.
    ByKey,
    /// Each as a string of bytes, which is a legacy file of its own.
    Embedded(LoadEmbedded),
}

/// Runs the pickle at the cursor, which is after it then.
///
/// # Errors
///
/// If the pickle is not one, or asks for anything else; with the place of the instruction.
pub(super) fn load(
    input: &mut Input<'_>,
    budget: &mut Budget,
    storages: Storages,
) -> Result<Values, Fault> {
    let first = input.position();
    let mut machine = Machine { input, budget, storages, stack: Stack::default() };
    loop {
        let place = machine.input.position();
        match machine.step(place == first) {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(machine.stack.into_values(root)),
            Err(fault) => return Err(fault.at(format_args!("at byte {place}"))),
        }
    }
}

struct Machine<'run, 'file> {
    input: &'run mut Input<'file>,
    budget: &'run mut Budget,
    storages: Storages,
    stack: Stack,
}

impl Machine<'_, '_> {
    /// Does one instruction. The last one gives the root.
    fn step(&mut self, first: bool) -> Result<Option<Id>, Fault> {
        self.budget.instruction()?;
        let opcode = self.input.u8()?;
        if first != (opcode == PROTO) {
            return Err("expected PROTO first, and only first".into());
        }
        match opcode {
            STOP => return self.stack.last().map(Some),
            PROTO | FRAME => self.framing(opcode),
            NONE | NEWTRUE | NEWFALSE => self.constant(opcode),
            BININT | BININT1 | BININT2 | LONG1 | LONG4 | BINFLOAT => self.number(opcode),
            SHORT_BINUNICODE | BINUNICODE | BINUNICODE8 => self.text(opcode),
            SHORT_BINBYTES | BINBYTES | BINBYTES8 | BYTEARRAY8 => self.bytes(opcode),
            MARK | POP | POP_MARK | DUP => self.arrange(opcode),
            EMPTY_TUPLE | TUPLE1 | TUPLE2 | TUPLE3 | TUPLE | FROZENSET => self.tuple(opcode),
            EMPTY_LIST | EMPTY_SET | LIST | APPEND | APPENDS | ADDITEMS => self.list(opcode),
            EMPTY_DICT | DICT | SETITEM | SETITEMS => self.dict(opcode),
            BINPUT | LONG_BINPUT | MEMOIZE | BINGET | LONG_BINGET => self.memo(opcode),
            GLOBAL | INST | STACK_GLOBAL => self.global(opcode),
            REDUCE => self.reduce(),
            BUILD => self.build(),
            BINPERSID => self.reference(),
            other => Err(match refused(other) {
                Some(name) => not_allowed(name),
                None => format!("{other:#04x} is no pickle instruction").into(),
            }),
        }
        .map(|()| None)
    }

    fn framing(&mut self, opcode: u8) -> Result<(), Fault> {
        if opcode == FRAME {
            let length = self.input.u64()?;
            return self.input.expect(length);
        }
        match self.input.u8()? {
            2..=5 => Ok(()),
            other => Err(format!("pickle protocol {other}: expected 2 to 5").into()),
        }
    }

    fn constant(&mut self, opcode: u8) -> Result<(), Fault> {
        self.stack.push(match opcode {
            NONE => Node::Other,
            _ => Node::Bool(opcode == NEWTRUE),
        })
    }

    fn number(&mut self, opcode: u8) -> Result<(), Fault> {
        let number = match opcode {
            BININT => Node::Int(self.input.u32()?.cast_signed().into()),
            BININT1 => Node::Int(self.input.u8()?.into()),
            BININT2 => Node::Int(self.input.u16()?.into()),
            LONG1 => {
                let length = self.input.u8()?;
                long(self.input.string(length.into())?)
            }
            LONG4 => {
                let length = self.input.u32()?;
                long(self.input.string(length.into())?)
            }
            // BINFLOAT
            _ => {
                self.input.u64()?;
                Node::Other
            }
        };
        self.stack.push(number)
    }

    fn text(&mut self, opcode: u8) -> Result<(), Fault> {
        let length = match opcode {
            SHORT_BINUNICODE => self.input.u8()?.into(),
            BINUNICODE => self.input.u32()?.into(),
            _ => self.input.u64()?,
        };
        let text = std::str::from_utf8(self.input.string(length)?);
        let text = text.map_err(|_| "a string that is not UTF-8")?;
        self.budget.text(text.len())?;
        self.stack.push(Node::Str(text.into()))
    }

    fn bytes(&mut self, opcode: u8) -> Result<(), Fault> {
        let length = match opcode {
            SHORT_BINBYTES => self.input.u8()?.into(),
            BINBYTES => self.input.u32()?.into(),
            _ => self.input.u64()?,
        };
        let start = self.input.skip(length)?;
        self.stack.push(Node::Bytes { start, length })
    }

    fn arrange(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            MARK => self.stack.mark()?,
            POP => self.stack.pop_any()?,
            POP_MARK => drop(self.stack.pop_mark()?),
            // DUP
            _ => {
                let top = self.stack.top()?;
                self.stack.push_again(top);
            }
        }
        Ok(())
    }

    fn tuple(&mut self, opcode: u8) -> Result<(), Fault> {
        let items = match opcode {
            EMPTY_TUPLE => Vec::new(),
            TUPLE1..=TUPLE3 => {
                let mut items = Vec::with_capacity(3);
                for _ in TUPLE1..=opcode {
                    items.push(self.stack.pop()?);
                }
                items.reverse();
                items
            }
            _ => self.stack.pop_mark()?,
        };
        self.stack.push(Node::Tuple(items.into()))
    }

    /// A set is a list here.
    fn list(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            EMPTY_LIST | EMPTY_SET => self.stack.push(Node::List(Vec::new())),
            LIST => {
                let items = self.stack.pop_mark()?;
                self.stack.push(Node::List(items))
            }
            APPEND => {
                let item = self.stack.pop()?;
                self.stack.extend_list(&[item])
            }
            _ => {
                let items = self.stack.pop_mark()?;
                self.stack.extend_list(&items)
            }
        }
    }

    fn dict(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            EMPTY_DICT => self.stack.push(Node::Dict(Vec::new())),
            DICT => {
                let items = self.stack.pop_mark()?;
                self.stack.push(Node::Dict(Vec::new()))?;
                self.stack.extend_dict(&items)
            }
            SETITEM => {
                let value = self.stack.pop()?;
                let key = self.stack.pop()?;
                self.stack.extend_dict(&[key, value])
            }
            _ => {
                let items = self.stack.pop_mark()?;
                self.stack.extend_dict(&items)
            }
        }
    }

    fn memo(&mut self, opcode: u8) -> Result<(), Fault> {
        match opcode {
            BINPUT => {
                let number = self.input.u8()?;
                self.stack.memoize(number.into())
            }
            LONG_BINPUT => {
                let number = self.input.u32()?;
                self.stack.memoize(number)
            }
            MEMOIZE => self.stack.memoize_next(),
            BINGET => {
                let number = self.input.u8()?;
                self.stack.remember(number.into())
            }
            _ => {
                let number = self.input.u32()?;
                self.stack.remember(number)
            }
        }
    }

    fn global(&mut self, opcode: u8) -> Result<(), Fault> {
        let embedded = matches!(self.storages, Storages::Embedded(_));
        if opcode == STACK_GLOBAL {
            let (name, module) = (self.stack.pop()?, self.stack.pop()?);
            let (Node::Str(name), Node::Str(module)) =
                (self.stack.node(name), self.stack.node(module))
            else {
                return Err("STACK_GLOBAL of what is not two strings".into());
            };
            let global = global(module, name, embedded)?;
            return self.stack.push(Node::Global(global));
        }
        let module = self.name()?;
        let name = self.name()?;
        let global = global(&module, &name, embedded)?;
        if opcode == INST {
            return Err(not_allowed("INST"));
        }
        self.stack.push(Node::Global(global))
    }

    fn name(&mut self) -> Result<String, Fault> {
        let name = std::str::from_utf8(self.input.line()?);
        Ok(name.map_err(|_| "a name that is not UTF-8")?.to_owned())
    }

    fn reduce(&mut self) -> Result<(), Fault> {
        let arguments = self.stack.pop()?;
        let function = self.stack.pop()?;
        match call(&self.stack, function, arguments)? {
            Called::Same(value) => {
                self.stack.push_again(value);
                Ok(())
            }
            Called::New(node) => self.stack.push(node),
            Called::Embedded(bytes) => {
                let storage = self.embedded_storage(bytes)?;
                self.stack.push(storage)
            }
        }
    }

    /// Attributes, such as the `_metadata` of a state dict: not looked at.
    fn build(&mut self) -> Result<(), Fault> {
        self.stack.pop()?;
        let object = self.stack.top()?;
        if matches!(self.stack.node(object), Node::Dict(_)) {
            return Ok(());
        }
        let found = self.stack.node(object).describe();
        Err(format!("BUILD on {found}: expected a dict").into())
    }

    fn reference(&mut self) -> Result<(), Fault> {
        if matches!(self.storages, Storages::Embedded(_)) {
            return Err(not_allowed("BINPERSID"));
        }
        let id = self.stack.pop()?;
        let storage = storage(&self.stack, id)?;
        self.stack.push(Node::Storage(Box::new(storage)))
    }

    /// The storage in a string of bytes, which is a whole legacy file. Each string is used once, so
    /// that the work is bounded by the length of the pickle.
    fn embedded_storage(&mut self, bytes: Id) -> Result<Node, Fault> {
        let Storages::Embedded(load_embedded) = self.storages else {
            return Err("_load_from_bytes in a pickle whose storages lie elsewhere".into());
        };
        let spent = self.stack.node_mut(bytes);
        let Node::Bytes { start, length } = *spent else {
            let found = spent.describe();
            return Err(format!("_load_from_bytes of {found}: expected bytes, used once").into());
        };
        *spent = Node::Other;
        let mut part = self.input.part(start, length);
        let in_part = |fault: Fault| fault.at(format_args!("in the storage at byte {start}"));
        let mut values = load_embedded(&mut part, self.budget).map_err(in_part)?;
        match values.take_root() {
            storage @ Node::Storage(_) => Ok(storage),
            other => {
                let found = other.describe();
                Err(format!("in the bytes at {start}: {found}: expected a storage").into())
            }
        }
    }
}

/// An integer in two's complement, of any length.
fn long(bytes: &[u8]) -> Node {
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

fn not_allowed(instruction: &str) -> Fault {
    format!("instruction {instruction} not allowed: torch.save does not write it").into()
}

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
