//! The stack machine: one instruction after the other until STOP.

use super::budget::Budget;
use super::calls::{Called, call, opaque, reference, tensor};
use super::globals::global;
use super::input::{Input, LONGEST_STRING};
use super::opcodes::*;
use super::stack::Stack;
use super::values::{Global, Id, Node, Unread, Values};
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
            SHORT_BINUNICODE | BINUNICODE | BINUNICODE8 | SHORT_BINSTRING | BINSTRING => {
                self.text(opcode)
            }
            SHORT_BINBYTES | BINBYTES | BINBYTES8 | BYTEARRAY8 => self.bytes(opcode),
            MARK | POP | POP_MARK | DUP => self.arrange(opcode),
            EMPTY_TUPLE | TUPLE1 | TUPLE2 | TUPLE3 | TUPLE | FROZENSET => self.tuple(opcode),
            EMPTY_LIST | EMPTY_SET | LIST | APPEND | APPENDS | ADDITEMS => self.list(opcode),
            EMPTY_DICT | DICT | SETITEM | SETITEMS => self.dict(opcode),
            BINPUT | LONG_BINPUT | MEMOIZE | BINGET | LONG_BINGET => self.memo(opcode),
            GLOBAL | STACK_GLOBAL => self.global(opcode),
            EXT1 | EXT2 | EXT4 => self.extension(opcode),
            REDUCE | NEWOBJ => self.reduce(),
            NEWOBJ_EX | OBJ | INST => self.object(opcode),
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
            NONE => Node::None,
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
            LONG4 => match self.input.u32()? {
                length @ 0..=8 => long(self.input.string(length.into())?),
                length => {
                    self.input.skip(length.into())?;
                    Node::Other
                }
            },
            // BINFLOAT
            _ => {
                self.input.u64()?;
                Node::Other
            }
        };
        self.stack.push(number)
    }

    /// A string that is too long for a name, or not UTF-8, is a value and no name.
    fn text(&mut self, opcode: u8) -> Result<(), Fault> {
        let length = match opcode {
            SHORT_BINUNICODE | SHORT_BINSTRING => self.input.u8()?.into(),
            BINUNICODE | BINSTRING => self.input.u32()?.into(),
            _ => self.input.u64()?,
        };
        if length > LONGEST_STRING {
            self.input.skip(length)?;
            return self.stack.push(Node::Other);
        }
        let Ok(text) = std::str::from_utf8(self.input.string(length)?) else {
            return self.stack.push(Node::Other);
        };
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
            let global = global(module, name, embedded);
            return self.stack.push(global);
        }
        let module = self.name()?;
        let name = self.name()?;
        self.stack.push(global(&module, &name, embedded))
    }

    /// An entry of a registry that is not part of the file.
    fn extension(&mut self, opcode: u8) -> Result<(), Fault> {
        let code = match opcode {
            EXT1 => self.input.u8()?.into(),
            EXT2 => self.input.u16()?.into(),
            _ => self.input.u32()?,
        };
        self.stack.push(Node::Unknown(format!("copyreg extension {code}").into()))
    }

    fn name(&mut self) -> Result<String, Fault> {
        let name = std::str::from_utf8(self.input.line()?);
        let name = name.map_err(|_| "a name that is not UTF-8")?.to_owned();
        self.budget.text(name.len())?;
        Ok(name)
    }

    fn reduce(&mut self) -> Result<(), Fault> {
        let arguments = self.stack.pop()?;
        let function = self.stack.pop()?;
        let called = call(&self.stack, function, arguments)?;
        self.push(called)
    }

    /// An object of a class, with arguments by name, or from before Python's classes were types.
    fn object(&mut self, opcode: u8) -> Result<(), Fault> {
        let (class, parts) = match opcode {
            NEWOBJ_EX => {
                let (named, arguments) = (self.stack.pop()?, self.stack.pop()?);
                (self.stack.pop()?, vec![arguments, named])
            }
            OBJ => {
                let mut parts = self.stack.pop_mark()?;
                if parts.is_empty() {
                    return Err("OBJ without a class".into());
                }
                (parts.remove(0), parts)
            }
            // INST
            _ => {
                let parts = self.stack.pop_mark()?;
                self.global(GLOBAL)?;
                (self.stack.pop()?, parts)
            }
        };
        self.push(opaque(class, parts))
    }

    fn push(&mut self, called: Called) -> Result<(), Fault> {
        let node = match called {
            Called::Same(value) => {
                self.stack.push_again(value);
                return Ok(());
            }
            Called::New(node) => node,
            Called::Embedded(bytes) => self.embedded_storage(bytes)?,
        };
        match &node {
            Node::Dict(items) => self.budget.instructions(items.len())?,
            Node::List(items) => self.budget.instructions(items.len())?,
            Node::Unread(unread) => self.budget.text(unread.kind.len() + unread.why.len())?,
            _ => {}
        }
        self.stack.push(node)
    }

    /// Attributes, such as the `_metadata` of a state dict: they change no value.
    fn build(&mut self) -> Result<(), Fault> {
        let state = self.stack.pop()?;
        let object = self.stack.top()?;
        match self.stack.node_mut(object) {
            Node::Dict(_) | Node::List(_) | Node::Unread(_) | Node::Unknown(_) => Ok(()),
            Node::Opaque(opaque) => {
                opaque.parts.push(state);
                self.typed_tensor(object, state)
            }
            Node::Tensor(_) => self.tensor_state(object, state),
            _ => {
                let found = self.stack.describe(object);
                Err(format!("BUILD on {found}: expected an object").into())
            }
        }
    }

    /// A tensor of the first versions of PyTorch: an empty one is filled.
    fn typed_tensor(&mut self, object: Id, state: Id) -> Result<(), Fault> {
        let (Node::Opaque(opaque), Node::Tuple(parts)) =
            (self.stack.node(object), self.stack.node(state))
        else {
            return Ok(());
        };
        let Node::Global(Global::TypedTensor(_)) = self.stack.node(opaque.function) else {
            return Ok(());
        };
        let &[storage, offset, shape, strides] = &parts[..] else { return Ok(()) };
        match tensor(&self.stack, [storage, offset, shape, strides], None, None) {
            Ok(Called::New(node)) => *self.stack.node_mut(object) = node,
            Ok(_) => {}
            Err(unread) => {
                self.budget.text(unread.kind.len() + unread.why.len())?;
                *self.stack.node_mut(object) = Node::Unread(Box::new(unread));
            }
        }
        Ok(())
    }

    /// The state of a parameter, as older versions have it: whether it has gradients, whether it is
    /// volatile, hooks. Anything else could change its values.
    fn tensor_state(&mut self, object: Id, state: Id) -> Result<(), Fault> {
        let is_known = match self.stack.node(state) {
            Node::Dict(_) | Node::None => true,
            Node::Tuple(parts) => {
                let harmless = |&part: &Id| {
                    matches!(self.stack.node(part), Node::Bool(_) | Node::None | Node::Dict(_))
                };
                parts.len() <= 3 && parts.iter().all(harmless)
            }
            _ => false,
        };
        if !is_known {
            let unread = Unread::broken("it has a state, which may change its values");
            self.budget.text(unread.kind.len() + unread.why.len())?;
            *self.stack.node_mut(object) = Node::Unread(Box::new(unread));
        }
        Ok(())
    }

    fn reference(&mut self) -> Result<(), Fault> {
        if matches!(self.storages, Storages::Embedded(_)) {
            return Err(not_allowed("BINPERSID"));
        }
        let id = self.stack.pop()?;
        let called = reference(&self.stack, id)?;
        self.push(called)
    }

    /// The storage in a string of bytes, which is a whole legacy file. Each string is used once, so
    /// that the work is bounded by the length of the pickle.
    fn embedded_storage(&mut self, bytes: Id) -> Result<Node, Fault> {
        let Storages::Embedded(load_embedded) = self.storages else {
            return Err("_load_from_bytes in a pickle whose storages lie elsewhere".into());
        };
        let Node::Bytes { start, length } = *self.stack.node(bytes) else {
            let found = self.stack.describe(bytes);
            return Err(format!("_load_from_bytes of {found}: expected bytes, used once").into());
        };
        *self.stack.node_mut(bytes) = Node::Other;
        let mut part = self.input.part(start, length);
        let in_part = |fault: Fault| fault.at(format_args!("in the storage at byte {start}"));
        let mut values = load_embedded(&mut part, self.budget).map_err(in_part)?;
        if !matches!(values.node(values.root()), Node::Storage(_)) {
            let found = values.describe(values.root());
            return Err(format!("in the bytes at {start}: {found}: expected a storage").into());
        }
        Ok(values.take_root())
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
    let remedy = "torch.save(torch.load(f, weights_only=False), f) writes another one, if you trust \
                  the file";
    format!("instruction {instruction} not allowed: torch.save does not write it; {remedy}").into()
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
