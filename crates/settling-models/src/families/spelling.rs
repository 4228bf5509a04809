//! The spellings that files have for the names of the same tensors.

use std::borrow::Cow;
use std::collections::HashSet;

use settling_core::TensorMeta;

use super::layout::Layout;

/// What wrappers of PyTorch put into names, wherever the module is that they wrap. No module of a
/// model is called so.
const INNER: [&str; 5] = [
    "_orig_mod",
    "_fsdp_wrapped_module",
    "_checkpoint_wrapped_module",
    "_forward_module",
    "_fpw_module",
];
/// What wrappers and training scripts put before the names of the one model that there is.
const OUTER: [&str; 4] = ["module", "model", "state_dict", "model_state_dict"];

/// The names without what wrappers have put into them. Where that would give two tensors one name,
/// both keep theirs.
fn unwrapped(tensors: &[TensorMeta]) -> Vec<Cow<'_, str>> {
    let short = |meta: &TensorMeta| {
        let parts = meta.name.split('.').filter(|part| !INNER.contains(part));
        parts.collect::<Vec<_>>().join(".")
    };
    let is_wrapped = |meta: &TensorMeta| meta.name.split('.').any(|part| INNER.contains(&part));
    let (mut seen, mut twice) = (HashSet::new(), HashSet::new());
    for meta in tensors {
        let name = if is_wrapped(meta) { short(meta) } else { meta.name.clone() };
        if !seen.insert(name.clone()) {
            twice.insert(name);
        }
    }
    let name = |meta| match short(meta) {
        short if is_wrapped(meta) && !twice.contains(&short) => Cow::Owned(short),
        _ => Cow::Borrowed(meta.name.as_str()),
    };
    tensors.iter().map(name).collect()
}

/// What stands in place of `layout.body` for each model in the file: wrapped in another module
/// there is more, without its head there is less.
fn bodies<'a>(layout: &Layout, names: &'a [Cow<'_, str>]) -> Vec<&'a str> {
    let landmark = layout.landmark();
    let short = &landmark[layout.body.len()..];
    let found = names.iter().filter_map(|name| name.strip_suffix(short));
    let whole_modules = found.filter(|body| body.is_empty() || body.ends_with('.'));
    let mut seen = HashSet::new();
    whole_modules.filter(|body| seen.insert(*body)).collect()
}

/// The one of the bodies that is meant, if that is clear.
fn meant<'a>(layout: &Layout, bodies: &[&'a str]) -> Option<&'a str> {
    let is_plain = |body: &&str| {
        let before = body.strip_suffix(layout.body).unwrap_or(body);
        before.split_terminator('.').all(|part| OUTER.contains(&part))
    };
    let mut plain = bodies.iter().copied().filter(is_plain);
    let (first, second) = (plain.next(), plain.next());
    if let Some(exact) = bodies.iter().find(|body| **body == layout.body) {
        return Some(exact);
    }
    match (first, second, bodies) {
        (Some(body), None, _) | (None, None, &[body]) => Some(body),
        _ => None,
    }
}

/// The bodies of the models among which none is the one that is meant.
pub(crate) fn ambiguous(layout: &Layout, tensors: &[TensorMeta]) -> Vec<String> {
    let names = unwrapped(tensors);
    let bodies = bodies(layout, &names);
    match meant(layout, &bodies) {
        Some(_) => Vec::new(),
        None => bodies.into_iter().map(str::to_owned).collect(),
    }
}

/// The names of `tensors` in the spelling of the family's `parameters`; one that is not
/// understood stays as it is.
pub(crate) fn canonical(layout: &Layout, tensors: &[TensorMeta]) -> Vec<String> {
    let names = unwrapped(tensors);
    let taken: HashSet<&str> = names.iter().map(|name| &**name).collect();
    let mut others = bodies(layout, &names);
    let body = meant(layout, &others).unwrap_or(layout.body);
    others.retain(|other| other.len() > body.len());
    // In order, and without those that begin with another: what a name begins with is then the last
    // one that is not after it.
    others.sort_unstable();
    others.dedup_by(|later, first| later.starts_with(*first));
    let is_of_another = |name: &str| {
        let after = others.partition_point(|other| *other <= name);
        after.checked_sub(1).is_some_and(|last| name.starts_with(others[last]))
    };
    let wrapper = body.strip_suffix(layout.body).unwrap_or(body);
    let spelled = |name: &str| {
        if is_of_another(name) {
            return None;
        }
        let head = name.strip_prefix(wrapper);
        if head.is_some_and(|head| layout.output_embedding.contains(&head)) {
            return Some(layout.output_embedding[0].to_owned());
        }
        Some(format!("{}{}", layout.body, name.strip_prefix(body)?))
    };
    let mut given = HashSet::new();
    let rename = |name: &Cow<'_, str>| {
        let other = spelled(name).filter(|other| !taken.contains(other.as_str()));
        // Two names of one tensor: the second keeps its own.
        other.filter(|other| given.insert(other.clone())).unwrap_or_else(|| name.to_string())
    };
    names.iter().map(rename).collect()
}
