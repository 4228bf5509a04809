//! What `torch.save` wrote before PyTorch 1.6, and still writes into other pickles: five pickles
//! one after the other (a magic number, a version, facts about the machine, the object, the keys of
//! its storages), and then the storages.

use std::collections::HashMap;

use super::budget::Budget;
use super::input::Input;
use super::machine::{Storages, load};
use super::values::{Node, Place, Values};
use crate::formats::Fault;

const VERSION: i64 = 1001;

/// Runs the pickles of a legacy file; the storages in the result have their places in it.
pub(super) fn load_legacy(input: &mut Input<'_>, budget: &mut Budget) -> Result<Values, Fault> {
    let magic = load(input, budget, Storages::ByKey)?;
    if !matches!(magic.node(magic.root()), Node::Magic) {
        return Err("expected the magic number of torch.save".into());
    }
    load_after_magic(input, budget)
}

/// Runs the pickles of a legacy file whose first one, the magic number, has been run.
pub(super) fn load_after_magic(
    input: &mut Input<'_>,
    budget: &mut Budget,
) -> Result<Values, Fault> {
    let version = load(input, budget, Storages::ByKey)?;
    match version.node(version.root()) {
        Node::Int(VERSION) => {}
        Node::Int(other) => {
            return Err(format!("version {other} of torch.save: expected {VERSION}").into());
        }
        _ => {
            let found = version.describe(version.root());
            return Err(format!("{found}: expected a version").into());
        }
    }
    let machine = load(input, budget, Storages::ByKey)?;
    if !is_little_endian(&machine) {
        return Err("expected it to be saved on a little-endian machine".into());
    }
    let mut values = load(input, budget, Storages::ByKey)?;
    let keys = load(input, budget, Storages::ByKey)?;
    let Node::List(keys_in_order) = keys.node(keys.root()) else {
        return Err("expected a list of the keys of storages".into());
    };

    let mut storages = HashMap::new();
    for storage in values.storages_mut() {
        let Place::Key(key) = &storage.place else { continue };
        let size = (storage.length, storage.bytes()?);
        if storages.insert(key.clone(), size).is_some_and(|other| other != size) {
            return Err(format!("two sizes of the storage {}", shown(key)).into());
        }
    }
    let mut starts = HashMap::new();
    for &key in keys_in_order {
        let Node::Str(key) = keys.node(key) else {
            return Err("a storage's key that is not a string".into());
        };
        let Some((length, bytes)) = storages.remove(key) else {
            let key = shown(key);
            return Err(format!("storage {key} is there twice, or not in the object").into());
        };
        let found = input.u64()?;
        if found != length {
            let key = shown(key);
            return Err(format!("storage {key} has {found} elements: expected {length}").into());
        }
        let cut = |_| format!("the file is cut in storage {} of {bytes} bytes", shown(key));
        starts.insert(key.clone(), input.skip(bytes).map_err(cut)?);
    }
    for storage in values.storages_mut() {
        let Place::Key(key) = &storage.place else { continue };
        let start = starts.get(key);
        let start = *start.ok_or_else(|| format!("storage {} is not in the file", shown(key)))?;
        storage.place = Place::Start(start);
    }
    if !input.is_at_end() {
        return Err("there are bytes after the last storage".into());
    }
    Ok(values)
}

/// A key in a message.
fn shown(key: &str) -> String {
    format!("{:?}", key.chars().take(80).collect::<String>())
}

fn is_little_endian(machine: &Values) -> bool {
    let Node::Dict(facts) = machine.node(machine.root()) else { return false };
    facts.iter().any(|&(key, value)| {
        matches!(machine.node(key), Node::Str(key) if &**key == "little_endian")
            && matches!(machine.node(value), Node::Bool(true))
    })
}
