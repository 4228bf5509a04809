//! The spellings that files have for the names of the same tensors.

use std::collections::HashSet;

use settling_core::TensorMeta;

use super::layout::Layout;

/// The names of `tensors` in the spelling of the family's `parameters`; one that is not
/// understood stays as it is.
pub(crate) fn canonical(layout: &Layout, tensors: &[TensorMeta]) -> Vec<String> {
    let taken: HashSet<&str> = tensors.iter().map(|meta| meta.name.as_str()).collect();
    let landmark = layout.landmark();
    // What the file has in place of `layout.body`: wrapped in another module there is more, without
    // its head there is less.
    let body = if taken.contains(landmark.as_str()) {
        layout.body
    } else {
        let short = &landmark[layout.body.len()..];
        let found = tensors.iter().filter_map(|meta| meta.name.strip_suffix(short));
        let mut whole_modules = found.filter(|body| body.is_empty() || body.ends_with('.'));
        whole_modules.next().unwrap_or(layout.body)
    };
    let wrapper = body.strip_suffix(layout.body).unwrap_or(body);
    let spelled = |name: &str| {
        let head = name.strip_prefix(wrapper);
        if head.is_some_and(|head| layout.output_embedding.contains(&head)) {
            return Some(layout.output_embedding[0].to_owned());
        }
        Some(format!("{}{}", layout.body, name.strip_prefix(body)?))
    };
    let mut given = HashSet::new();
    let rename = |meta: &TensorMeta| {
        let name = meta.name.as_str();
        let other = spelled(name).filter(|other| !taken.contains(other.as_str()));
        // Two names of one tensor: the second keeps its own.
        other.filter(|other| given.insert(other.clone())).unwrap_or_else(|| name.to_owned())
    };
    tensors.iter().map(rename).collect()
}
