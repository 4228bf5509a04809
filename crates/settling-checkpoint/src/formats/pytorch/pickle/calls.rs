//! What calling the functions gives that are known; of all others, an opaque value.

use super::stack::Stack;
use super::values::{
    Element, Global, Id, Node, Opaque, PLAIN, Place, Storage, Tensor, UNREAD, Unread,
};
use crate::formats::Fault;

/// The result of a call.
pub(super) enum Called {
    /// A value that was there before.
    Same(Id),
    New(Node),
    /// The storage that is in a string of bytes.
    Embedded(Id),
}

/// Calls a function with a tuple of arguments, or makes an object of a class with them. Arguments
/// that do not fit spoil the value that is made, and no other.
pub(super) fn call(stack: &Stack, function: Id, arguments: Id) -> Result<Called, Fault> {
    let Node::Tuple(items) = stack.node(arguments) else {
        let found = stack.describe(arguments);
        return Err(format!("REDUCE with {found}: expected a tuple of arguments").into());
    };
    match *stack.node(function) {
        Node::Global(Global::Storage(_) | Global::UntypedStorage | Global::Dtype(_)) => {
            let found = stack.describe(function);
            Err(format!("REDUCE of {found}: it cannot be called").into())
        }
        Node::Unknown(_) | Node::Opaque(_) => Ok(opaque(function, vec![arguments])),
        Node::Global(global) => {
            let made = known(stack, global, items).unwrap_or_else(|unread| {
                // The class of tensors without its tensor, a container of something odd.
                match global {
                    Global::Mapping | Global::DefaultDict | Global::Sequence | Global::Size => {
                        opaque(function, vec![arguments])
                    }
                    Global::TensorClass | Global::TypedTensor(_) => {
                        opaque(function, vec![arguments])
                    }
                    _ => Called::New(Node::Unread(Box::new(unread))),
                }
            });
            Ok(made)
        }
        _ => {
            let found = stack.describe(function);
            Err(format!("REDUCE of {found}: it cannot be called").into())
        }
    }
}

/// An object of something that is not run.
pub(super) fn opaque(function: Id, parts: Vec<Id>) -> Called {
    Called::New(Node::Opaque(Box::new(Opaque { function, parts })))
}

type Made = Result<Called, Unread>;

fn known(stack: &Stack, global: Global, arguments: &[Id]) -> Made {
    match global {
        Global::Mapping => mapping(stack, arguments),
        // What it makes of a key that is not there is no part of it.
        Global::DefaultDict => mapping(stack, arguments.get(1..).unwrap_or_default()),
        Global::Sequence | Global::Size => match *arguments {
            [] => Ok(Called::New(Node::List(Vec::new()))),
            // A deque's length comes after its items.
            [items] | [items, _] => match stack.node(items) {
                Node::List(_) => Ok(Called::Same(items)),
                Node::Tuple(_) if global == Global::Size => Ok(Called::Same(items)),
                // More may be appended.
                Node::Tuple(items) => Ok(Called::New(Node::List(items.to_vec()))),
                _ => Err(Unread::broken("a sequence of something else")),
            },
            _ => Err(count("a sequence", arguments, "1")),
        },
        Global::RebuildTensor => match *arguments {
            [storage, offset, shape, strides] => {
                tensor(stack, [storage, offset, shape, strides], None, None)
            }
            _ => Err(count("_rebuild_tensor", arguments, "4")),
        },
        // Whether it has gradients, and hooks of these, do not change a value.
        Global::RebuildTensorV2 => match *arguments {
            [storage, offset, shape, strides, _, _] => {
                tensor(stack, [storage, offset, shape, strides], None, None)
            }
            [storage, offset, shape, strides, _, _, metadata] => {
                tensor(stack, [storage, offset, shape, strides], None, Some(metadata))
            }
            _ => Err(count("_rebuild_tensor_v2", arguments, "6 or 7")),
        },
        Global::RebuildTensorV3 => match *arguments {
            [storage, offset, shape, strides, _, _, dtype] => {
                tensor(stack, [storage, offset, shape, strides], Some(dtype), None)
            }
            [storage, offset, shape, strides, _, _, dtype, metadata] => {
                tensor(stack, [storage, offset, shape, strides], Some(dtype), Some(metadata))
            }
            _ => Err(count("_rebuild_tensor_v3", arguments, "7 or 8")),
        },
        Global::RebuildParameter => match *arguments {
            [tensor, _, _] => same(stack, "_rebuild_parameter", tensor),
            _ => Err(count("_rebuild_parameter", arguments, "3")),
        },
        // The state is attributes that Python code has put there.
        Global::RebuildParameterWithState => match *arguments {
            [tensor, _, _, _] => same(stack, "_rebuild_parameter_with_state", tensor),
            _ => Err(count("_rebuild_parameter_with_state", arguments, "4")),
        },
        Global::TensorClass => match *arguments {
            [tensor, ..] => same(stack, "a class of tensors", tensor),
            [] => Err(count("a class of tensors", arguments, "1")),
        },
        Global::TypedTensor(_) => match *arguments {
            [storage, offset, shape, strides] => {
                tensor(stack, [storage, offset, shape, strides], None, None)
            }
            _ => Err(count("a class of tensors", arguments, "4")),
        },
        Global::RebuildFromType => from_type(stack, arguments),
        Global::RebuildOnDevice => on_device(stack, arguments),
        Global::RebuildUnread(row) => {
            let (_, kind, instead) = UNREAD[usize::from(row)];
            Err(Unread::new(kind, format!("save in its place {instead}")))
        }
        Global::LoadFromBytes => match *arguments {
            [bytes] => match stack.node(bytes) {
                Node::Bytes { .. } => Ok(Called::Embedded(bytes)),
                Node::Opaque(_) => Err(Unread::new(
                    "a storage in a string",
                    "pickle protocol 2 has no bytes: save it again with protocol 4",
                )),
                _ => {
                    let found = stack.describe(bytes);
                    let message = format!("_load_from_bytes of {found}: expected bytes, used once");
                    Err(Unread::broken(message))
                }
            },
            _ => Err(count("_load_from_bytes", arguments, "1")),
        },
        Global::Storage(_) | Global::UntypedStorage | Global::Dtype(_) => {
            Err(Unread::broken("a class of storages or an element type cannot be called"))
        }
    }
}

fn count(function: &str, arguments: &[Id], expected: &str) -> Unread {
    let found = arguments.len();
    Unread::broken(format!("{function} with {found} arguments: expected {expected}"))
}

/// A tensor that is there already.
fn same(stack: &Stack, function: &str, tensor: Id) -> Made {
    match stack.node(tensor) {
        Node::Tensor(_) | Node::Unread(_) => Ok(Called::Same(tensor)),
        _ => {
            let found = stack.describe(tensor);
            Err(Unread::broken(format!("{function} of {found}: expected a tensor")))
        }
    }
}

/// A dict of nothing, of another one's items, or of pairs, as Python 2 writes it.
fn mapping(stack: &Stack, arguments: &[Id]) -> Made {
    let odd = || Unread::broken("a dict of something else");
    let [items] = *arguments else {
        let empty = || Called::New(Node::Dict(Vec::new()));
        return if arguments.is_empty() { Ok(empty()) } else { Err(odd()) };
    };
    let pair = |&item: &Id| match stack.node(item) {
        Node::Tuple(pair) => <[Id; 2]>::try_from(&**pair).ok(),
        Node::List(pair) => <[Id; 2]>::try_from(&**pair).ok(),
        _ => None,
    };
    let pairs = match stack.node(items) {
        Node::Dict(_) => return Ok(Called::Same(items)),
        Node::List(items) => items.iter().map(pair).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    let pairs = pairs.ok_or_else(odd)?;
    Ok(Called::New(Node::Dict(pairs.into_iter().map(|[key, value]| (key, value)).collect())))
}

/// `(function, class, arguments, state)`: a tensor with attributes, or of a class of its own.
fn from_type(stack: &Stack, arguments: &[Id]) -> Made {
    let &[function, class, inner, _] = arguments else {
        return Err(count("_rebuild_from_type_v2", arguments, "4"));
    };
    if !matches!(stack.node(class), Node::Global(Global::TensorClass)) {
        let why = format!(
            "its class is {}, which may read its bytes in another way: save in its place {PLAIN}, else t.as_subclass(torch.Tensor)",
            stack.describe(class)
        );
        return Err(Unread::new("of another class", why));
    }
    match (stack.node(function), stack.node(inner)) {
        (Node::Global(Global::RebuildFromType), _) => {
            Err(Unread::broken("_rebuild_from_type_v2 of itself"))
        }
        (&Node::Global(function), Node::Tuple(inner)) => known(stack, function, inner),
        _ => {
            let found = stack.describe(function);
            Err(Unread::broken(format!("_rebuild_from_type_v2 of {found}")))
        }
    }
}

/// `(tensor, element type, device, requires_grad)`.
fn on_device(stack: &Stack, arguments: &[Id]) -> Made {
    let &[tensor, dtype, _, _] = arguments else {
        return Err(count("_rebuild_device_tensor_from_cpu_tensor", arguments, "4"));
    };
    match (stack.node(tensor), stack.node(dtype)) {
        (Node::Tensor(of), Node::Global(Global::Dtype(dtype))) if of.element != *dtype => {
            let (stored, meant) = (of.element.name(), dtype.name());
            let why = format!("it is stored as {stored}: save in its place t.cpu()");
            Err(Unread::new(meant, why))
        }
        (Node::Tensor(_), Node::Global(Global::Dtype(_))) | (Node::Unread(_), _) => {
            Ok(Called::Same(tensor))
        }
        _ => {
            let (tensor, dtype) = (stack.describe(tensor), stack.describe(dtype));
            Err(Unread::broken(format!("a tensor on a device of {tensor} as {dtype}")))
        }
    }
}

/// A view of a storage: the storage, the offset, the shape and the strides.
pub(super) fn tensor(
    stack: &Stack,
    [storage, offset, shape, strides]: [Id; 4],
    dtype: Option<Id>,
    metadata: Option<Id>,
) -> Made {
    let broken =
        |part: &str, id: Id| Unread::broken(format!("a tensor's {part} {}", stack.describe(id)));
    let dtype = match dtype.map(|dtype| (dtype, stack.node(dtype))) {
        None => None,
        Some((_, Node::Global(Global::Dtype(dtype)))) => Some(*dtype),
        Some((_, Node::Unknown(name))) => {
            let kind = name.strip_prefix("torch.").unwrap_or(name).chars().take(80).collect();
            let why = "this element type is not known here: save in its place t.to(torch.float32)";
            return Err(Unread { kind, why: why.to_owned() });
        }
        Some((dtype, _)) => return Err(broken("element type is", dtype)),
    };
    let of = match stack.node(storage) {
        Node::Storage(of) => of,
        Node::Unread(unread) => return Err((**unread).clone()),
        _ => return Err(broken("storage is", storage)),
    };
    let element = match (of.element, dtype) {
        (Some(element), None) | (None, Some(element)) => element,
        _ => return Err(Unread::broken("a tensor's storage has two element types, or none")),
    };
    let &Node::Int(offset) = stack.node(offset) else {
        return Err(broken("offset in its storage is", offset));
    };
    let (dims, steps) = (check_integers(stack, shape)?, check_integers(stack, strides)?);
    if dims != steps {
        return Err(Unread::broken(format!("a tensor of {dims} dimensions with {steps} strides")));
    }
    let is_negative = metadata.map_or(Ok(false), |data| negative(stack, data, element))?;
    let tensor = Tensor { element, is_negative, offset, storage, shape, strides };
    Ok(Called::New(Node::Tensor(Box::new(tensor))))
}

/// Whether a tensor's metadata say that its values are the negatives of the stored ones. Any other
/// metadata that are set may change the values too.
fn negative(stack: &Stack, metadata: Id, element: Element) -> Result<bool, Unread> {
    let items = match stack.node(metadata) {
        Node::None => return Ok(false),
        Node::Dict(items) => items,
        _ => {
            let found = stack.describe(metadata);
            return Err(Unread::broken(format!("a tensor's metadata are {found}")));
        }
    };
    // PyTorch knows two.
    if items.len() > 16 {
        return Err(Unread::broken("a tensor has more than 16 metadata"));
    }
    let mut is_negative = false;
    for &(key, value) in items {
        match (stack.node(key), stack.node(value)) {
            (_, Node::Bool(false)) => {}
            (Node::Str(key), Node::Bool(true)) if &**key == "neg" && element.name() != "bool" => {
                is_negative = true;
            }
            (Node::Str(key), _) => {
                let key: String = key.chars().take(80).collect();
                let key = key.escape_debug();
                // Only complex numbers are conjugated, and none of those are read.
                let (kind, instead) = match &*key.to_string() {
                    "conj" => (
                        format!("{}, conjugated", element.name()),
                        "torch.view_as_real(t.resolve_conj()), its real and imaginary parts",
                    ),
                    key => (
                        format!("of metadata `{key}`"),
                        "a copy that has them (t.resolve_neg().clone())",
                    ),
                };
                let why = format!(
                    "its metadata have `{key}`, which may change its values: save in its place \
                     {instead}"
                );
                return Err(Unread { kind, why });
            }
            _ => return Err(Unread::broken("a tensor's metadata have a key that is no string")),
        }
    }
    Ok(is_negative)
}

/// The length of a tuple of integers.
fn check_integers(stack: &Stack, tuple: Id) -> Result<usize, Unread> {
    let items = match stack.node(tuple) {
        Node::Tuple(items) => &items[..],
        _ => {
            let found = stack.describe(tuple);
            let message = format!("a tensor's shape or strides are {found}: expected a tuple");
            return Err(Unread::broken(message));
        }
    };
    // 64 is PyTorch's own limit.
    if items.len() > 64 {
        let found = items.len();
        let message = format!("a tensor of {found} dimensions: expected at most 64");
        return Err(Unread::broken(message));
    }
    match items.iter().find(|&&item| !matches!(stack.node(item), Node::Int(_))) {
        Some(&odd) => {
            let odd = stack.describe(odd);
            Err(Unread::broken(format!("{odd} in a tensor's shape or strides")))
        }
        None => Ok(items.len()),
    }
}

/// What BINPERSID stands for: `("storage", class, key, device, length)`, in legacy files followed
/// by `None` or `(key, start, length)` of a part of it; or `("module", class, ...)`, the class of a
/// model with its source.
pub(super) fn reference(stack: &Stack, id: Id) -> Result<Called, Fault> {
    let refuse = || Err("a reference to something else than a storage".into());
    let Node::Tuple(parts) = stack.node(id) else { return refuse() };
    let what = match parts.first().map(|&what| stack.node(what)) {
        Some(Node::Str(what)) => &**what,
        _ => return refuse(),
    };
    if let ("module", [_, class, ..]) = (what, &parts[..]) {
        return Ok(Called::Same(*class));
    }
    let (&[_, class, key, device, length], part) = (match &parts[..] {
        [parts @ .., part] if parts.len() == 5 => (parts, Some(*part)),
        parts => (parts, None),
    }) else {
        return refuse();
    };
    let (Node::Str(key), Node::Str(_), &Node::Int(length)) =
        (stack.node(key), stack.node(device), stack.node(length))
    else {
        return refuse();
    };
    if what != "storage" {
        return refuse();
    }
    let element = match stack.node(class) {
        Node::Global(Global::Storage(element)) => Some(*element),
        Node::Global(Global::UntypedStorage) => None,
        _ => return refuse(),
    };
    let length = length.try_into().map_err(|_| format!("a storage of {length} elements"))?;
    let part = match part.map(|part| stack.node(part)) {
        None | Some(Node::None) => None,
        Some(Node::Tuple(part)) => Some(part_of(stack, part).ok_or("a part of a storage is odd")?),
        Some(_) => return refuse(),
    };
    let storage = Storage { element, place: Place::Key(key.clone()), length, part };
    Ok(Called::New(Node::Storage(Box::new(storage))))
}

/// Where the elements are that `(key, start, length)` means.
fn part_of(stack: &Stack, part: &[Id]) -> Option<(u64, u64)> {
    let &[_, start, length] = part else { return None };
    let (&Node::Int(start), &Node::Int(length)) = (stack.node(start), stack.node(length)) else {
        return None;
    };
    Some((start.try_into().ok()?, length.try_into().ok()?))
}
