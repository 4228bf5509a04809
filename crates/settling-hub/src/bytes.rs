//! A file of the hub, read by byte ranges.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use settling_core::ReadRange;

use crate::client::{Failure, Remote};
use crate::error::{Error, ErrorKind};
use crate::listing::RemoteFile;

/// Less than this is not asked for alone: what lies around it will be wanted next.
const WINDOW: u64 = 1 << 20;

/// A file of the hub whose bytes are fetched when they are read.
///
/// A read of less than a megabyte fetches the megabyte around it, and the last one that was fetched
/// is kept, so that a header that is read piece by piece is one request. A larger read fetches just
/// its own bytes.
///
/// ```no_run
/// use settling_core::ReadRange;
/// use settling_hub::Hub;
///
/// let data = Hub::from_env()?.dataset("EleutherAI/pile-deduped-pythia-preshuffled")?;
/// let shard = data.open_bytes("main", "document-00020-of-00020.bin")?;
/// let last_batch = shard.read_range(shard.len() - 1024 * 2049 * 2..shard.len())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RemoteBytes {
    remote: Remote,
    commit: String,
    file: RemoteFile,
    window: Mutex<Option<(u64, Vec<u8>)>>,
}

impl RemoteBytes {
    pub(crate) fn new(remote: Remote, commit: &str, file: &RemoteFile) -> Self {
        Self { remote, commit: commit.to_owned(), file: file.clone(), window: Mutex::new(None) }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &RemoteFile {
        &self.file
    }

    fn fetch(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let connection = &self.remote.connection;
        let what = format!(
            "bytes {}..{} of {} of {}, commit {}",
            range.start, range.end, self.file.path, self.remote.id, self.commit
        );
        connection.wait(connection.persist(&what, || self.request(&what, range.clone())))
    }

    async fn request(&self, what: &str, range: Range<u64>) -> Result<Vec<u8>, Failure> {
        let expected = range.end - range.start;
        let wrong = |found: &str| {
            let message = format!(
                "{what}: expected {expected} bytes, {found}; does the server know byte ranges?"
            );
            Failure::passing(Error::new(ErrorKind::Integrity, message))
        };
        let (length, mut stream) =
            self.remote.stream(what, &self.commit, &self.file.path, range).await?;
        // Before the rest comes: it may be hundreds of gigabytes.
        if let Some(length) = length
            && length != expected
        {
            return Err(wrong(&format!("{length} are announced")));
        }
        let mut bytes = Vec::new();
        loop {
            match self.remote.next_chunk(what, &mut stream).await? {
                Some(chunk) if (bytes.len() + chunk.len()) as u64 > expected => {
                    return Err(wrong("more came"));
                }
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None if bytes.len() as u64 == expected => return Ok(bytes),
                None => return Err(wrong(&format!("{} came", bytes.len()))),
            }
        }
    }
}

impl ReadRange for RemoteBytes {
    fn name(&self) -> String {
        format!("{}/{}", self.remote.id, self.file.path)
    }

    fn len(&self) -> u64 {
        self.file.size
    }

    fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        if range.start > range.end || range.end > self.file.size {
            let message = format!("no bytes {}..{} in {}", range.start, range.end, self.file.size);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        if range.is_empty() {
            return Ok(Vec::new());
        }
        if range.end - range.start >= WINDOW {
            return self.fetch(range).map_err(io::Error::other);
        }
        // What is kept is whole or not there: a panic in between leaves nothing half done.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let part = |start: u64, bytes: &[u8]| {
            let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
            let to = usize::try_from(range.end - start).ok()?;
            bytes.get(from..to).map(<[u8]>::to_vec)
        };
        if let Some(found) = window.as_ref().and_then(|(start, bytes)| part(*start, bytes)) {
            return Ok(found);
        }
        let end = self.file.size.min(range.start + WINDOW);
        let start = range.start.min(end.saturating_sub(WINDOW));
        let bytes = self.fetch(start..end).map_err(io::Error::other)?;
        let found = part(start, &bytes);
        *window = Some((start, bytes));
        found.ok_or_else(|| io::Error::other("fewer bytes came than were asked for"))
    }
}

impl fmt::Debug for RemoteBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteBytes")
            .field("name", &self.name())
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}
