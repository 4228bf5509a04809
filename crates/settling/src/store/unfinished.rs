//! What is being written, under a name of its own until it is whole, and what killed processes have
//! left of it.
//!
//! No lock is needed, and none is trusted: several machines may share the folder, and not every
//! file system keeps locks.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::{fs, io};

use settling_core::BoxError;

use crate::error::Error;

type Cause = dyn std::error::Error + Send + Sync + 'static;

/// How often somebody else may be first. Each of them is done with what they wrote, so this is more
/// than there are processes.
const ATTEMPTS: usize = 100;

/// A name beside `name` that nobody else has, on no machine.
pub(super) fn unfinished(folder: &Path, name: &str) -> PathBuf {
    let random = RandomState::new().hash_one(std::process::id());
    folder.join(format!(".{name}.{random:016x}.partial"))
}

/// Lets `write` make something under the name it is given and move it to its place in `folder`,
/// which is called `name`. Then nothing unfinished of that name is left, whichever process began
/// it.
pub(super) fn write_aside(
    folder: &Path,
    name: &str,
    write: impl Fn(&Path) -> Result<(), BoxError>,
) -> Result<(), BoxError> {
    let mut attempt = 1;
    loop {
        let partial = unfinished(folder, name);
        let Err(error) = write(&partial) else { break };
        remove(&partial);
        if attempt == ATTEMPTS || !others_were_first(&error) {
            return Err(error);
        }
        attempt += 1;
    }
    let synced = sync_folder(folder);
    remove_unfinished(folder, name);
    Ok(synced?)
}

/// Whether another process has removed what was being written, since it was done with the same, or
/// has filled the place.
fn others_were_first(error: &BoxError) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotFound};
    fn within(error: &Cause) -> Option<&Cause> {
        let ours = error.downcast_ref::<Error>().map(Error::get_ref);
        let of_weights = error.downcast_ref::<settling_checkpoint::Error>();
        ours.or_else(|| of_weights.map(settling_checkpoint::Error::get_ref)).flatten()
    }
    // An error of ours may report one of the weights, and that one the error of the file.
    std::iter::successors(Some(&**error), |&error| within(error))
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotFound))
}

/// Removes what is unfinished of something that is complete now. A process that is still at it, on
/// the same, notices and looks again.
pub(super) fn remove_unfinished(folder: &Path, name: &str) {
    let of = |file: &str| {
        let random = file.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.')?;
        let random = random.strip_suffix(".partial")?;
        (!random.is_empty() && random.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(())
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().and_then(of).is_some() {
            // At once, by another name: a process that still writes it must not move it to its
            // place when half of it is gone.
            let gone = unfinished(folder, name);
            if fs::rename(entry.path(), &gone).is_ok() {
                remove(&gone);
            }
        }
    }
}

/// What cannot be removed does no harm.
fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What is in a folder is on disk only when the folder is.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
