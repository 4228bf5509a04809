//! Names from outside that become part of addresses and paths.

use crate::error::{Error, ErrorKind};

/// `owner/name`, or a name alone.
pub(crate) fn check_repository(id: &str) -> Result<(), Error> {
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty()
            && part.bytes().all(plain)
            && !part.starts_with('.')
            && !part.contains("..")
            && !part.contains("--")
    };
    if id.matches('/').count() <= 1 && id.len() <= 200 && id.split('/').all(part) {
        return Ok(());
    }
    let message = format!(
        "`{}` does not name a repository: expected one such as EleutherAI/pythia-70m",
        id.escape_debug()
    );
    Err(Error::new(ErrorKind::Usage, message))
}

/// A branch, a tag, or a commit.
pub(crate) fn check_revision(name: &str) -> Result<(), Error> {
    if is_plain_path(name)
        && !name.contains([':', '?', '#', '*', '[', '~', '^'])
        && name.len() <= 250
    {
        return Ok(());
    }
    let message = format!("`{}` does not name a revision", name.escape_debug());
    Err(Error::new(ErrorKind::Usage, message))
}

/// Whether a path from a listing stays in the folder that it is put into.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.split('/').all(part) && !path.contains(['\\', '\0']) && !path.contains(char::is_control)
}

/// SHA-1 or SHA-256 of a commit.
pub(crate) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && is_lower_hex(text)
}

pub(crate) fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(crate) fn check_commit(what: &str, commit: &str) -> Result<(), Error> {
    if is_commit(commit) {
        return Ok(());
    }
    let message = format!(
        "{what}: expected a commit of 40 or 64 hexadecimal digits, found `{}`",
        commit.escape_debug()
    );
    Err(Error::new(ErrorKind::Protocol, message))
}

pub(crate) fn check_path(path: &str) -> Result<(), Error> {
    if is_plain_path(path) {
        return Ok(());
    }
    let message = format!("`{}` is no path of a file within a repository", path.escape_debug());
    Err(Error::new(ErrorKind::Protocol, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_pass() {
        for id in ["gpt2", "EleutherAI/pythia-1.4b-deduped", "a_b/c"] {
            check_repository(id).unwrap();
        }
        for id in
            ["", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a b", "a?b", "a/b--c", "https://h/a"]
        {
            assert_eq!(check_repository(id).unwrap_err().kind(), ErrorKind::Usage, "{id}");
        }
        for revision in ["main", "step1000", "refs/pr/1", "stage1-step10-tokens1B"] {
            check_revision(revision).unwrap();
        }
        for revision in ["", "../main", "a//b", "/etc", "a\0", "a\\b", "a:b", "a?b"] {
            assert_eq!(
                check_revision(revision).unwrap_err().kind(),
                ErrorKind::Usage,
                "{revision}"
            );
        }
    }
}
