//! The names that are known: functions that make tensors, the classes of storages and containers,
//! element types.

use super::values::{ELEMENTS, Element, Global, Node, UNREAD};

/// The function or class of that name. `_load_from_bytes` is known only where storages are
/// `embedded`. One that is not known has its name, and that is all that can be had of it.
pub(super) fn global(module: &str, name: &str, embedded: bool) -> Node {
    match known(module, name) {
        Some(Global::LoadFromBytes) if !embedded => {}
        Some(global) => return Node::Global(global),
        None => {}
    }
    Node::Unknown(format!("{module}.{name}").into())
}

fn known(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("collections", "OrderedDict" | "Counter") => Some(Global::Mapping),
        ("collections", "defaultdict") => Some(Global::DefaultDict),
        ("collections", "deque") => Some(Global::Sequence),
        ("builtins" | "__builtin__", "set" | "frozenset" | "list" | "tuple") => {
            Some(Global::Sequence)
        }
        ("builtins" | "__builtin__", "dict") => Some(Global::Mapping),
        ("torch.storage", "_load_from_bytes") => Some(Global::LoadFromBytes),
        ("torch.storage" | "torch", "UntypedStorage") => Some(Global::UntypedStorage),
        ("torch.nn.parameter", "Parameter" | "Buffer") => Some(Global::TensorClass),
        ("torch.autograd.variable", "Variable") => Some(Global::TensorClass),
        ("torch._tensor" | "torch.tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => {
            Some(Global::RebuildFromType)
        }
        ("torch._utils", _) => function(name),
        ("torch", "Tensor") => Some(Global::TensorClass),
        ("torch", "Size") => Some(Global::Size),
        ("torch" | "torch.cuda", _) => element(module, name),
        _ => None,
    }
}

/// A function of `torch._utils`.
fn function(name: &str) -> Option<Global> {
    Some(match name {
        "_rebuild_tensor" => Global::RebuildTensor,
        "_rebuild_tensor_v2" => Global::RebuildTensorV2,
        "_rebuild_tensor_v3" => Global::RebuildTensorV3,
        "_rebuild_parameter" => Global::RebuildParameter,
        "_rebuild_parameter_with_state" => Global::RebuildParameterWithState,
        "_rebuild_device_tensor_from_cpu_tensor" => Global::RebuildOnDevice,
        _ => {
            let row = UNREAD.iter().position(|(function, ..)| *function == name)?;
            Global::RebuildUnread(row as u8)
        }
    })
}

/// The class of storages or tensors of one element type, or that type.
fn element(module: &str, name: &str) -> Option<Global> {
    (0..).zip(ELEMENTS).find_map(|(row, (class, dtype, _))| {
        let element = Element(row);
        if module == "torch" && name == dtype {
            return Some(Global::Dtype(element));
        }
        let kind = class.strip_suffix("Storage")?;
        if name == class {
            return Some(Global::Storage(element));
        }
        (name.strip_suffix("Tensor") == Some(kind)).then_some(Global::TypedTensor(element))
    })
}
