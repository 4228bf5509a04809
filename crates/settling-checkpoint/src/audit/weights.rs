//! Which tensors of a step count, and what is compared of them.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::{Step, TensorMeta};

use super::compare::{Hashed, Part};
use super::finding::{Finding, FindingKind, Severity};
use crate::hash::TensorHashes;

pub(super) fn is_weight(meta: &TensorMeta) -> bool {
    let buffer = ["masked_bias", "rotary_emb.inv_freq"];
    meta.dtype.is_float() && !buffer.iter().any(|end| meta.name.ends_with(end))
}

pub(super) fn is_matrix(meta: &TensorMeta) -> bool {
    is_weight(meta) && meta.shape.len() > 1
}

pub(super) fn hash_step(hashes: &TensorHashes, file_of: impl Fn(&str) -> Option<String>) -> Hashed {
    let mut hashed = Hashed::default();
    for tensor in hashes.tensors() {
        let name = tensor.meta.name.clone();
        if is_matrix(&tensor.meta) && !tensor.uniform {
            let part = Part { hash: tensor.sha256.clone(), file: file_of(&name) };
            hashed.telling.insert(name.clone(), part);
        }
        if is_weight(&tensor.meta) {
            hashed.all.insert(name, tensor.sha256.clone());
        }
    }
    // No weights that we know of: then everything counts.
    if hashed.all.is_empty() {
        let tensors = hashes.tensors().iter();
        hashed.all = tensors.map(|one| (one.meta.name.clone(), one.sha256.clone())).collect();
    }
    hashed
}

/// The weights of a step, as they are called in findings.
pub(super) fn shapes(hashes: &TensorHashes) -> BTreeSet<String> {
    let weights = hashes.tensors().iter().map(|tensor| &tensor.meta).filter(|meta| is_weight(meta));
    weights.map(|meta| format!("{} {:?}", meta.name, meta.shape)).collect()
}

pub(super) fn other_tensors(tensors: &BTreeMap<Step, BTreeSet<String>>) -> Vec<Finding> {
    let Some((last, reference)) = tensors.last_key_value() else { return Vec::new() };
    let others = tensors.range(..last).filter(|(_, found)| *found != reference);
    let findings = others.map(|(&step, found)| {
        let missing = reference.difference(found).cloned().collect();
        let surplus = found.difference(reference).cloned().collect();
        Finding::new(Severity::Suspect, FindingKind::OtherTensors { step, missing, surplus })
    });
    findings.collect()
}
