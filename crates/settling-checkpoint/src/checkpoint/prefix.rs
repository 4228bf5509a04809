//! What the names of all tensors begin with.

/// The dotted parts that all names begin with, up to the first number and without the last part of
/// any.
pub(super) fn common_prefix<'a>(mut names: impl Iterator<Item = &'a str>) -> &'a str {
    let Some(first) = names.next() else { return "" };
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = first.split_inclusive('.').take_while(|part| part.ends_with('.'));
    let own = parts.take_while(|part| !is_number(&part[..part.len() - 1])).map(str::len).sum();
    names.fold(&first[..own], |common, name| {
        let same = common.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        let end = common.as_bytes()[..same].iter().rposition(|&byte| byte == b'.');
        &common[..end.map_or(0, |dot| dot + 1)]
    })
}

#[cfg(test)]
mod tests {
    use super::common_prefix;

    #[test]
    fn prefixes_are_whole_parts_before_any_number() {
        for (names, expected) in [
            (&[][..], ""),
            (&["weight"], ""),
            (&["layers.0.norm"], "layers."),
            (&["a.layers.0.norm", "a.layers.10.norm"], "a.layers."),
            (&["a.layers.0.norm", "a.norm"], "a."),
            (&["model.head", "model.heads"], "model."),
            (&["model.a", "module.a"], ""),
            (&["model.a", "model"], ""),
            (&["0.a", "0.b"], ""),
            (&["\u{e9}.a", "\u{e8}.a"], ""),
            (&["a.\u{e9}", "a.\u{e8}"], "a."),
        ] {
            assert_eq!(common_prefix(names.iter().copied()), expected, "{names:?}");
        }
    }
}
