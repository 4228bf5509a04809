//! The functions that a pickle may name, and what calling them gives.

use super::legacy::load_legacy;
use super::machine::{Machine, Storages};
use super::values::{ELEMENTS, Element, Global, Id, Node, Place, Storage, Tensor};
use crate::error::Fault;

/// What a pickle may name.
fn known(module: &str, name: &str, storages: Storages) -> Option<Global> {
    match (module, name) {
        ("collections", "OrderedDict") => return Some(Global::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => return Some(Global::RebuildTensorV2),
        ("torch._utils", "_rebuild_tensor_v3") => return Some(Global::RebuildTensorV3),
        ("torch._utils", "_rebuild_parameter") => return Some(Global::RebuildParameter),
        ("torch.storage", "_load_from_bytes") if storages == Storages::Embedded => {
            return Some(Global::LoadFromBytes);
        }
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

/// The function or class of that name, if a pickle may name it.
pub(super) fn global(module: &str, name: &str, storages: Storages) -> Result<Global, Fault> {
    known(module, name, storages).ok_or_else(|| {
        let full: String = format!("{module}.{name}").chars().take(200).collect();
        format!("global {} not allowed", full.escape_debug()).into()
    })
}

impl Machine<'_, '_> {
    /// The result of a call.
    pub(super) fn reduce(&mut self, function: Id, arguments: Id) -> Result<Id, Fault> {
        let Node::Tuple(arguments) = self.node(arguments) else {
            let found = self.node(arguments).describe();
            return Err(format!("REDUCE with {found}: expected a tuple of arguments").into());
        };
        let node = match self.node(function) {
            Node::Global(Global::OrderedDict) if arguments.is_empty() => Node::Dict(Vec::new()),
            Node::Global(Global::OrderedDict) => {
                return Err("OrderedDict with arguments: expected none".into());
            }
            Node::Global(Global::RebuildParameter) => {
                let &[tensor, _, _] = &arguments[..] else {
                    let found = arguments.len();
                    return Err(
                        format!("_rebuild_parameter with {found} arguments: expected 3").into()
                    );
                };
                return match self.node(tensor) {
                    Node::Tensor(_) => Ok(tensor),
                    other => Err(format!(
                        "_rebuild_parameter of {}: expected a tensor",
                        other.describe()
                    )
                    .into()),
                };
            }
            Node::Global(Global::LoadFromBytes) => {
                let &[bytes] = &arguments[..] else {
                    let found = arguments.len();
                    return Err(
                        format!("_load_from_bytes with {found} arguments: expected 1").into()
                    );
                };
                self.embedded_storage(bytes)?
            }
            Node::Global(Global::RebuildTensorV2) => {
                let (&[storage, offset, shape, strides, _, _]
                | &[storage, offset, shape, strides, _, _, _]) = &arguments[..]
                else {
                    let found = arguments.len();
                    return Err(format!(
                        "_rebuild_tensor_v2 with {found} arguments: expected 6 or 7"
                    )
                    .into());
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
                    )
                    .into());
                };
                let Node::Global(Global::Dtype(dtype)) = *self.node(dtype) else {
                    let found = self.node(dtype).describe();
                    return Err(format!("a tensor's element type is {found}").into());
                };
                Node::Tensor(Box::new(self.tensor(storage, offset, shape, strides, Some(dtype))?))
            }
            other => {
                return Err(format!("REDUCE of {}: it cannot be called", other.describe()).into());
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
    ) -> Result<Tensor, Fault> {
        let Node::Storage(of) = self.node(storage) else {
            let found = self.node(storage).describe();
            return Err(format!("a tensor's storage is {found}").into());
        };
        let element = match (of.element, dtype) {
            (Some(element), None) | (None, Some(element)) => element,
            _ => return Err("a tensor's storage has two element types, or none".into()),
        };
        let &Node::Int(offset) = self.node(offset) else {
            let found = self.node(offset).describe();
            return Err(format!("a tensor's offset in its storage is {found}").into());
        };
        let (dims, steps) = (self.check_integers(shape)?, self.check_integers(strides)?);
        if dims != steps {
            return Err(format!("a tensor of {dims} dimensions with {steps} strides").into());
        }
        Ok(Tensor { element, offset, storage, shape, strides })
    }

    /// The length of a tuple of integers.
    fn check_integers(&self, tuple: Id) -> Result<usize, Fault> {
        let Node::Tuple(items) = self.node(tuple) else {
            let found = self.node(tuple).describe();
            return Err(format!("a tensor's shape or strides are {found}: expected a tuple").into());
        };
        // 64 is PyTorch's own limit.
        if items.len() > 64 {
            return Err(
                format!("a tensor of {} dimensions: expected at most 64", items.len()).into()
            );
        }
        let odd = items.iter().map(|&item| self.node(item)).find(|it| !matches!(it, Node::Int(_)));
        match odd {
            Some(odd) => Err(format!("{} in a tensor's shape or strides", odd.describe()).into()),
            None => Ok(items.len()),
        }
    }

    /// What BINPERSID stands for: `("storage", class, key, device, length)`, in legacy files with
    /// `None` behind it.
    pub(super) fn storage(&self, id: Id) -> Result<Storage, Fault> {
        let refuse = || Err("a reference to something else than a storage".into());
        let Node::Tuple(parts) = self.node(id) else { return refuse() };
        let (&[what, class, key, device, length], view) = (match &parts[..] {
            [parts @ .., view] if parts.len() == 5 => (parts, Some(self.node(*view))),
            parts => (parts, None),
        }) else {
            return refuse();
        };
        if !matches!(view, None | Some(Node::Other)) {
            return Err("a storage that is a view of another one".into());
        }
        let (Node::Str(what), Node::Str(key), Node::Str(_), &Node::Int(length)) =
            (self.node(what), self.node(key), self.node(device), self.node(length))
        else {
            return refuse();
        };
        if &**what != "storage" {
            return refuse();
        }
        let element = match self.node(class) {
            Node::Global(Global::Storage(element)) => Some(*element),
            Node::Global(Global::UntypedStorage) => None,
            _ => return refuse(),
        };
        let length = length.try_into().map_err(|_| format!("a storage of {length} elements"))?;
        Ok(Storage { element, place: Place::Key(key.clone()), length })
    }

    /// The storage in a string of bytes, which is a whole legacy file. Each string is used once, so
    /// that the work is bounded by the length of the pickle.
    fn embedded_storage(&mut self, bytes: Id) -> Result<Node, Fault> {
        let spent = &mut self.nodes[bytes as usize];
        let Node::Bytes { start, length } = *spent else {
            let found = spent.describe();
            return Err(format!("_load_from_bytes of {found}: expected bytes, used once").into());
        };
        *spent = Node::Other;
        let mut part = self.input.part(start, length);
        let in_part = |fault: Fault| fault.at(format_args!("in the storage at byte {start}"));
        let mut values = load_legacy(&mut part, self.budget).map_err(in_part)?;
        match values.take_root() {
            storage @ Node::Storage(_) => Ok(storage),
            other => {
                let found = other.describe();
                Err(format!("in the bytes at {start}: {found}: expected a storage").into())
            }
        }
    }
}
