//! One file, from the hub into the cache: resumed, verified, and by one process at a time.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cache::remove;
use crate::client::{Failure, Remote};
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::hash::is_sound;
use crate::listing::RemoteFile;

pub(crate) struct Fetched {
    pub(crate) path: PathBuf,
    /// Whether the commit did not have it in the cache before.
    pub(crate) is_new: bool,
}

pub(crate) fn fetch(remote: &Remote, commit: &str, file: &RemoteFile) -> Result<Fetched, Error> {
    if let Some(found) = sound_in_cache(remote, commit, file)? {
        return Ok(found);
    }
    let what = format!("{} of {}, commit {commit}", file.path, remote.id);
    let (connection, cache) = (&remote.connection, &remote.cache);
    if connection.settings.offline {
        return Err(remote.not_cached(&format!("no sound {} of commit {commit}", file.path)));
    }
    let _lock = cache.lock(&file.hash, || connection.tell(&Event::Waiting { file: &file.path }))?;
    // Whoever had the lock may have brought it.
    if let Some(found) = sound_in_cache(remote, commit, file)? {
        return Ok(found);
    }
    let pointer = cache.snapshot(commit).join(&file.path);
    let blob = cache.blob(&file.hash);
    for damaged in [&blob, &pointer].into_iter().filter(|path| path.is_file()) {
        connection.tell(&Event::Damaged { path: damaged });
        remove(damaged)?;
    }

    let partial = cache.partial(&file.hash);
    let folder = partial.parent().unwrap_or(&partial);
    fs::create_dir_all(folder).map_err(|error| Error::cache("create the folder", folder, error))?;
    let there = fs::metadata(&partial).map_or(0, |metadata| metadata.len());
    connection.tell(&Event::Download {
        repository: &remote.id,
        file: &file.path,
        size: file.size,
        there,
    });
    // Once more, if what came is not what was promised: it may have been damaged on its way, or
    // begun by a broken process.
    for is_last in [false, true] {
        connection
            .wait(connection.persist(&what, || append(remote, commit, file, &partial, &what)))?;
        if is_sound(&partial, file).map_err(|error| Error::cache("read", &partial, error))? {
            fs::rename(&partial, &blob).map_err(|error| Error::cache("write", &blob, error))?;
            let path = cache.link(commit, file)?;
            connection.tell(&Event::Done { file: &file.path, size: file.size });
            return Ok(Fetched { path, is_new: true });
        }
        remove(&partial)?;
        if !is_last {
            let reason = format!("what came has not the {}", file.hash);
            let wait = std::time::Duration::ZERO;
            connection.tell(&Event::Retrying { what: &what, reason: &reason, wait });
        }
    }
    let message =
        format!("{what}: what came is not what the hub lists, twice: expected {}", file.hash);
    Err(Error::new(ErrorKind::Integrity, message))
}

/// The file, if its content is in the cache and what it should be.
fn sound_in_cache(
    remote: &Remote,
    commit: &str,
    file: &RemoteFile,
) -> Result<Option<Fetched>, Error> {
    let cache = &remote.cache;
    let pointer = cache.snapshot(commit).join(&file.path);
    let sound = |path: &Path| match is_sound(path, file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        sound => sound.map_err(|error| Error::cache("read", path, error)),
    };
    if sound(&pointer)? {
        return Ok(Some(Fetched { path: pointer, is_new: false }));
    }
    if sound(&cache.blob(&file.hash))? {
        return Ok(Some(Fetched { path: cache.link(commit, file)?, is_new: true }));
    }
    Ok(None)
}

/// Fetches what `partial` lacks of the file, as far as it comes.
async fn append(
    remote: &Remote,
    commit: &str,
    file: &RemoteFile,
    partial: &Path,
    what: &str,
) -> Result<(), Failure> {
    let connection = &remote.connection;
    let cache = |doing| move |error| Failure::last(Error::cache(doing, partial, error));
    let mut open = OpenOptions::new();
    let mut output = open.create(true).append(true).open(partial).map_err(cache("open"))?;
    let mut there = output.metadata().map_err(cache("read"))?.len();
    if there > file.size {
        output.set_len(0).map_err(cache("write"))?;
        there = 0;
    }
    if there == file.size {
        return Ok(());
    }
    let (length, mut stream) = remote.stream(what, commit, &file.path, there..file.size).await?;
    if there > 0 && length == Some(file.size) {
        // The whole, though a part was asked for.
        output.set_len(0).map_err(cache("write"))?;
        there = 0;
    }
    let wrong = |found: &str| {
        let expected = file.size - there;
        let message = format!("{what}: expected {expected} bytes from byte {there} on, {found}");
        Failure::passing(Error::new(ErrorKind::Integrity, message))
    };
    if let Some(length) = length
        && length != file.size - there
    {
        return Err(wrong(&format!("{length} are announced")));
    }
    let mut came = 0;
    loop {
        let failure = match remote.next_chunk(what, &mut stream).await {
            Ok(Some(chunk)) => {
                let length = chunk.len() as u64;
                if there + came + length > file.size {
                    output.set_len(there).map_err(cache("write"))?;
                    return Err(wrong("more came"));
                }
                output.write_all(&chunk).map_err(cache("write"))?;
                came += length;
                connection.tell(&Event::Advance { file: &file.path, bytes: length });
                continue;
            }
            Ok(None) if there + came == file.size => return Ok(()),
            Ok(None) => {
                let message =
                    format!("{what}: the answer ended at byte {} of {}", there + came, file.size);
                Failure::passing(Error::new(ErrorKind::Network, message))
            }
            Err(failure) => failure,
        };
        return Err(Failure { advanced: came > 0, ..failure });
    }
}
