//! The files of a commit. Asked for by ourselves: hf-hub 1.0.0 drops the SHA-256 of large files
//! from this answer (it looks for `lfs.sha256`, and the hub says `lfs.oid`).

use serde::Deserialize;

use super::connection::{Connection, Failure};
use crate::error::{Error, ErrorKind};
use crate::listing::{FileHash, RemoteFile};
use crate::names::{check_path, is_lower_hex};

/// More pages than any repository has.
const MOST_PAGES: usize = 10_000;

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    oid: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    oid: String,
    size: u64,
}

/// The files of a commit, whose first page is at the address `first`; `what` says what is asked
/// for.
pub(super) async fn files(
    connection: &Connection,
    what: &str,
    first: String,
) -> Result<Vec<RemoteFile>, Error> {
    let mut files = Vec::new();
    let mut next = Some(first);
    for _ in 0..MOST_PAGES {
        let Some(address) = next else {
            files.sort_by(|a: &RemoteFile, b| a.path.cmp(&b.path));
            if let Some(twice) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
                let message = format!("{what}: {} is listed twice", twice[0].path);
                return Err(Error::new(ErrorKind::Protocol, message));
            }
            return Ok(files);
        };
        let (entries, following) =
            connection.persist(what, || page(connection, what, &address)).await?;
        for entry in entries.into_iter().filter(|entry| entry.kind == "file") {
            files.push(remote_file(what, entry)?);
        }
        next = following;
    }
    Err(Error::new(ErrorKind::Protocol, format!("{what}: more than {MOST_PAGES} pages")))
}

/// One page, and the address of the next.
async fn page(
    connection: &Connection,
    what: &str,
    address: &str,
) -> Result<(Vec<Entry>, Option<String>), Failure> {
    let mut request = connection.http.get(address);
    if let Some(token) = &connection.settings.token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.map_err(|error| connection.interrupted(what, &error))?;
    let header = |name: &str| {
        let value = answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let status = answer.status();
    if !status.is_success() {
        let (code, message) =
            (header("x-error-code"), header("x-error-message").unwrap_or_default());
        let wait = header("retry-after").and_then(|seconds| seconds.trim().parse().ok());
        let wait = wait.map(std::time::Duration::from_secs);
        return Err(connection.refused(what, status.as_u16(), code.as_deref(), &message, wait));
    }
    let next = header("link").and_then(|link| next_page(&link));
    if let Some(next) = &next
        && !next.starts_with(&format!("{}/", connection.settings.endpoint))
    {
        // It would get the token.
        let message =
            format!("{what}: the next page is said to be elsewhere, at {}", next.escape_debug());
        return Err(Failure::last(Error::new(ErrorKind::Protocol, message)));
    }
    let body = answer.bytes().await.map_err(|error| connection.interrupted(what, &error))?;
    let entries = serde_json::from_slice(&body).map_err(|error| {
        let message = format!(
            "{what}: an answer that is no listing ({error}); is {} a hub?",
            connection.settings.endpoint
        );
        // A page in between, such as of a proxy, may be gone the next time.
        Failure::passing(Error::new(ErrorKind::Protocol, message))
    })?;
    Ok((entries, next))
}

/// The address that a `Link` header has with `rel="next"`.
fn next_page(link: &str) -> Option<String> {
    let link = link.split(',').find(|link| link.contains("rel=\"next\""))?;
    let address = link.trim().strip_prefix('<')?;
    Some(address[..address.find('>')?].to_owned())
}

fn remote_file(what: &str, entry: Entry) -> Result<RemoteFile, Error> {
    check_path(&entry.path)
        .map_err(|error| Error::new(error.kind(), format!("{what}: {error}")))?;
    let (size, hash, digits) = match entry.lfs {
        Some(lfs) => (lfs.size, FileHash::Sha256(lfs.oid), 64),
        None => (entry.size, FileHash::Git(entry.oid), 40),
    };
    if hash.hex().len() != digits || !is_lower_hex(hash.hex()) {
        let found = hash.hex().escape_debug();
        let message = format!(
            "{what}: {} has the hash `{found}`, expected {digits} hexadecimal digits",
            entry.path
        );
        return Err(Error::new(ErrorKind::Protocol, message));
    }
    Ok(RemoteFile { path: entry.path, size, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_one_that_says_so() {
        let link =
            r#"<https://h/api?cursor=a>; rel="prev", <https://h/api?cursor=b%3D>; rel="next""#;
        assert_eq!(next_page(link).as_deref(), Some("https://h/api?cursor=b%3D"));
        for none in
            ["", "<https://h>; rel=\"prev\"", "https://h; rel=\"next\"", "<https://h; rel=\"next\""]
        {
            assert_eq!(next_page(none), None, "{none}");
        }
    }
}
