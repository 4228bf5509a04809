use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, ErrorKind};

/// Bytes of known length of which ranges can be read: a file, shards of one, a file on a server.
///
/// This is all that the readers of this crate need, so that who can fetch byte ranges from elsewhere can read tokens from there:
/// implement it for your client and hand it to [`MegatronTokens::new`](crate::MegatronTokens::new).
///
/// The contract: `len` is the same for the whole life of the value and costs nothing (ask the server once, when you make the
/// value). `read_range` gives exactly the bytes asked for or an error, may be called from several threads, and need not remember
/// anything between calls; the readers ask for few, large ranges, and never for an empty one or one that ends behind `len`.
///
/// ```
/// use std::io;
/// use std::ops::Range;
///
/// use settling_core::TokenSource;
/// use settling_tokens::{MegatronTokens, ReadRange, TokenType};
///
/// #[derive(Debug)]
/// struct Memory(Vec<u8>);
///
/// impl ReadRange for Memory {
///     fn name(&self) -> String {
///         "eight bytes in memory".to_owned()
///     }
///     fn len(&self) -> u64 {
///         self.0.len() as u64
///     }
///     fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
///         Ok(self.0[range.start as usize..range.end as usize].to_vec())
///     }
/// }
///
/// let tokens = MegatronTokens::new(Memory(vec![1, 0, 2, 0, 3, 0, 4, 1]), 2, TokenType::U16)?;
/// assert_eq!(tokens.read_rows(1..2)?.ids(), [3, 260]);
/// # Ok::<(), settling_tokens::Error>(())
/// ```
pub trait ReadRange: fmt::Debug + Send + Sync {
    /// What to call it in messages: a path, an address.
    fn name(&self) -> String;

    /// The number of bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the bytes `range.start..range.end`.
    ///
    /// # Errors
    ///
    /// If not every byte of the range can be read.
    fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>>;
}

impl<R: ReadRange + ?Sized> ReadRange for Box<R> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        (**self).read_range(range)
    }
}

/// Reads a range and holds the implementation to its contract.
pub(crate) fn read_exactly(bytes: &dyn ReadRange, range: Range<u64>) -> Result<Vec<u8>, Error> {
    let name = bytes.name();
    let path = Path::new(&name);
    let expected = range.end.saturating_sub(range.start);
    let read = bytes.read_range(range.clone()).map_err(|error| Error::io("read", path, error))?;
    if read.len() as u64 != expected {
        let message = format!(
            "bytes {}..{} were asked for: expected {expected} bytes, got {}",
            range.start,
            range.end,
            read.len()
        );
        return Err(Error::at(ErrorKind::Io, path, message));
    }
    Ok(read)
}

/// A file on this machine, kept open: one that is put in its place later is not mixed up with it.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
    file: Mutex<File>,
    length: u64,
}

impl LocalFile {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or is a folder.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_path(path.as_ref())
    }

    fn open_path(path: &Path) -> Result<Self, Error> {
        let io = |error| Error::io("open", path, error);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(Error::at(ErrorKind::Io, path, "is not a file"));
        }
        Ok(Self { path: path.to_path_buf(), file: Mutex::new(file), length: metadata.len() })
    }
}

impl ReadRange for LocalFile {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut buffer = buffer_for(&range, self.length)?;
        // A reader that panicked has left no state but the position, which is set here.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(range.start))?;
        file.read_exact(&mut buffer)?;
        Ok(buffer)
    }
}

/// Parts whose bytes, one behind the other, are the whole: a range may reach over any number of them.
///
/// Only the parts that a range touches are read.
#[derive(Debug)]
pub struct Shards<R> {
    parts: Vec<R>,
    /// Where each part ends in the whole.
    ends: Vec<u64>,
}

impl<R: ReadRange> Shards<R> {
    /// The parts in their order.
    ///
    /// # Errors
    ///
    /// If there are none, or more bytes than 2^64.
    pub fn new(parts: Vec<R>) -> Result<Self, Error> {
        let mut end = 0_u64;
        let mut ends = Vec::with_capacity(parts.len());
        for part in &parts {
            end = end.checked_add(part.len()).ok_or_else(|| {
                let message = "together with those before it has more than 2^64 bytes";
                Error::at(ErrorKind::Format, Path::new(&part.name()), message)
            })?;
            ends.push(end);
        }
        if parts.is_empty() {
            return Err(Error::new(ErrorKind::Rows, "no shards: expected at least one"));
        }
        Ok(Self { parts, ends })
    }
}

impl<R: ReadRange> ReadRange for Shards<R> {
    fn name(&self) -> String {
        match &self.parts[..] {
            [one] => one.name(),
            parts => {
                let first = parts.first().map(R::name).unwrap_or_default();
                format!("{first} and the {} shards behind it", parts.len().saturating_sub(1))
            }
        }
    }

    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let first = self.ends.partition_point(|&end| end <= range.start);
        let mut buffer: Vec<u8> = Vec::new();
        for (part, &end) in self.parts.iter().zip(&self.ends).skip(first) {
            let start = end - part.len();
            let within = range.start.max(start)..range.end.min(end);
            if range.end <= start {
                break;
            }
            if within.is_empty() {
                continue;
            }
            let bytes =
                part.read_range(within.start - start..within.end - start).map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", part.name()))
                })?;
            if buffer.is_empty() {
                buffer = bytes;
            } else {
                buffer.extend_from_slice(&bytes);
            }
        }
        Ok(buffer)
    }
}

/// Zeros for a range, unless it is not within `length` bytes: nothing is allocated for what cannot be there.
fn buffer_for(range: &Range<u64>, length: u64) -> io::Result<Vec<u8>> {
    let size = range.end.checked_sub(range.start).filter(|_| range.end <= length);
    let size = size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
        let message = format!("no bytes {}..{} in {length}", range.start, range.end);
        io::Error::new(io::ErrorKind::UnexpectedEof, message)
    })?;
    Ok(vec![0; size])
}
