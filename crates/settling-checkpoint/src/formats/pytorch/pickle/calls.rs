//! What calling the functions gives that a pickle may name.

use super::stack::Stack;
use super::values::{Element, Global, Id, Node, Place, Storage, Tensor};
use crate::formats::Fault;

/// The result of a call.
pub(super) enum Called {
    /// A value that was there before.
    Same(Id),
    New(Node),
    /// The storage that is in a string of bytes.
    Embedded(Id),
}

/// Calls a function with a tuple of arguments.
pub(super) fn call(stack: &Stack, function: Id, arguments: Id) -> Result<Called, Fault> {
    let Node::Tuple(arguments) = stack.node(arguments) else {
        let found = stack.node(arguments).describe();
        return Err(format!("REDUCE with {found}: expected a tuple of arguments").into());
    };
    match stack.node(function) {
        Node::Global(Global::OrderedDict) if arguments.is_empty() => {
            Ok(Called::New(Node::Dict(Vec::new())))
        }
        Node::Global(Global::OrderedDict) => {
            Err("OrderedDict with arguments: expected none".into())
        }
        Node::Global(Global::RebuildParameter) => rebuild_parameter(stack, arguments),
        Node::Global(Global::LoadFromBytes) => match arguments[..] {
            [bytes] => Ok(Called::Embedded(bytes)),
            _ => Err(count("_load_from_bytes", arguments, "1")),
        },
        Node::Global(Global::RebuildTensorV2) => rebuild_tensor_v2(stack, arguments),
        Node::Global(Global::RebuildTensorV3) => rebuild_tensor_v3(stack, arguments),
        other => Err(format!("REDUCE of {}: it cannot be called", other.describe()).into()),
    }
}

fn count(function: &str, arguments: &[Id], expected: &str) -> Fault {
    format!("{function} with {} arguments: expected {expected}", arguments.len()).into()
}

fn rebuild_parameter(stack: &Stack, arguments: &[Id]) -> Result<Called, Fault> {
    let &[tensor, _, _] = arguments else {
        return Err(count("_rebuild_parameter", arguments, "3"));
    };
    match stack.node(tensor) {
        Node::Tensor(_) => Ok(Called::Same(tensor)),
        other => {
            let found = other.describe();
            Err(format!("_rebuild_parameter of {found}: expected a tensor").into())
        }
    }
}

fn rebuild_tensor_v2(stack: &Stack, arguments: &[Id]) -> Result<Called, Fault> {
    let (&[storage, offset, shape, strides, _, _] | &[storage, offset, shape, strides, _, _, _]) =
        arguments
    else {
        return Err(count("_rebuild_tensor_v2", arguments, "6 or 7"));
    };
    tensor(stack, storage, offset, shape, strides, None)
}

fn rebuild_tensor_v3(stack: &Stack, arguments: &[Id]) -> Result<Called, Fault> {
    let (&[storage, offset, shape, strides, _, _, dtype]
    | &[storage, offset, shape, strides, _, _, dtype, _]) = arguments
    else {
        return Err(count("_rebuild_tensor_v3", arguments, "7 or 8"));
    };
    let Node::Global(Global::Dtype(dtype)) = *stack.node(dtype) else {
        let found = stack.node(dtype).describe();
        return Err(format!("a tensor's element type is {found}").into());
    };
    tensor(stack, storage, offset, shape, strides, Some(dtype))
}

fn tensor(
    stack: &Stack,
    storage: Id,
    offset: Id,
    shape: Id,
    strides: Id,
    dtype: Option<Element>,
) -> Result<Called, Fault> {
    let Node::Storage(of) = stack.node(storage) else {
        let found = stack.node(storage).describe();
        return Err(format!("a tensor's storage is {found}").into());
    };
    let element = match (of.element, dtype) {
        (Some(element), None) | (None, Some(element)) => element,
        _ => return Err("a tensor's storage has two element types, or none".into()),
    };
    let &Node::Int(offset) = stack.node(offset) else {
        let found = stack.node(offset).describe();
        return Err(format!("a tensor's offset in its storage is {found}").into());
    };
    let (dims, steps) = (check_integers(stack, shape)?, check_integers(stack, strides)?);
    if dims != steps {
        return Err(format!("a tensor of {dims} dimensions with {steps} strides").into());
    }
    let tensor = Tensor { element, offset, storage, shape, strides };
    Ok(Called::New(Node::Tensor(Box::new(tensor))))
}

/// The length of a tuple of integers.
fn check_integers(stack: &Stack, tuple: Id) -> Result<usize, Fault> {
    let Node::Tuple(items) = stack.node(tuple) else {
        let found = stack.node(tuple).describe();
        return Err(format!("a tensor's shape or strides are {found}: expected a tuple").into());
    };
    // 64 is PyTorch's own limit.
    if items.len() > 64 {
        let found = items.len();
        return Err(format!("a tensor of {found} dimensions: expected at most 64").into());
    }
    let odd = items.iter().map(|&item| stack.node(item)).find(|it| !matches!(it, Node::Int(_)));
    match odd {
        Some(odd) => Err(format!("{} in a tensor's shape or strides", odd.describe()).into()),
        None => Ok(items.len()),
    }
}

/// What BINPERSID stands for: `("storage", class, key, device, length)`, in legacy files followed
/// by `None`.
pub(super) fn storage(stack: &Stack, id: Id) -> Result<Storage, Fault> {
    let refuse = || Err("a reference to something else than a storage".into());
    let Node::Tuple(parts) = stack.node(id) else { return refuse() };
    let (&[what, class, key, device, length], view) = (match &parts[..] {
        [parts @ .., view] if parts.len() == 5 => (parts, Some(stack.node(*view))),
        parts => (parts, None),
    }) else {
        return refuse();
    };
    if !matches!(view, None | Some(Node::Other)) {
        return Err("a storage that is a view of another one".into());
    }
    let (Node::Str(what), Node::Str(key), Node::Str(_), &Node::Int(length)) =
        (stack.node(what), stack.node(key), stack.node(device), stack.node(length))
    else {
        return refuse();
    };
    if &**what != "storage" {
        return refuse();
    }
    let element = match stack.node(class) {
        Node::Global(Global::Storage(element)) => Some(*element),
        Node::Global(Global::UntypedStorage) => None,
        _ => return refuse(),
    };
    let length = length.try_into().map_err(|_| format!("a storage of {length} elements"))?;
    Ok(Storage { element, place: Place::Key(key.clone()), length })
}
