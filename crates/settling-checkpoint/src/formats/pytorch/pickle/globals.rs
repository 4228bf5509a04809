//! The names that a pickle may speak: a few functions, the classes of storages, element types.

use super::values::{ELEMENTS, Element, Global};
use crate::formats::Fault;

/// The function or class of that name, if a pickle may name it: `_load_from_bytes` only where
/// storages are `embedded`.
pub(super) fn global(module: &str, name: &str, embedded: bool) -> Result<Global, Fault> {
    known(module, name, embedded).ok_or_else(|| {
        let full: String = format!("{module}.{name}").chars().take(200).collect();
        format!("global {} not allowed", full.escape_debug()).into()
    })
}

fn known(module: &str, name: &str, embedded: bool) -> Option<Global> {
    match (module, name) {
        ("collections", "OrderedDict") => return Some(Global::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => return Some(Global::RebuildTensorV2),
        ("torch._utils", "_rebuild_tensor_v3") => return Some(Global::RebuildTensorV3),
        ("torch._utils", "_rebuild_parameter") => return Some(Global::RebuildParameter),
        ("torch.storage", "_load_from_bytes") if embedded => return Some(Global::LoadFromBytes),
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
