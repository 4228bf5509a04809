//! What the files of figures are called.

/// The name, without an extension, of the file of a figure of `protocol`, one of all `protocols`
/// that are drawn: `main` if there is one protocol, `main-corrected` and `main-published` if there
/// are several. Studies and reports name their files by this one function.
///
/// What no file name should have is replaced by `_`, and protocols whose names would be the same
/// then are numbered.
///
/// ```
/// use settling_figures::figure_stem;
///
/// assert_eq!(figure_stem("main", "corrected", &["corrected"]), "main");
/// let both = ["corrected", "published"];
/// assert_eq!(figure_stem("main", "published", &both), "main-published");
/// let alike = ["a/b", "a:b"];
/// assert_eq!(alike.map(|one| figure_stem("mcc", one, &alike)), ["mcc-a_b", "mcc-a_b-2"]);
/// ```
#[must_use]
pub fn figure_stem(figure: &str, protocol: &str, protocols: &[&str]) -> String {
    if protocols.len() < 2 {
        return figure.to_owned();
    }
    let name = plain(protocol);
    let before = protocols.iter().take_while(|&&other| other != protocol);
    match before.filter(|other| plain(other) == name).count() {
        0 => format!("{figure}-{name}"),
        alike => format!("{figure}-{name}-{}", alike + 1),
    }
}

/// `name` without what leads elsewhere or is no part of a file name: at most 60 ASCII letters,
/// digits, `-`, `_` and `.`.
pub(crate) fn plain(name: &str) -> String {
    let allowed = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    name.chars().take(60).map(|char| if allowed(char) { char } else { '_' }).collect()
}
