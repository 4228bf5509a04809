//! Bytes of which ranges can be read.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes of known length of which ranges can be read: a file, shards of one, a file on a server.
///
/// This is all that the readers of checkpoints and of tokens need: a program that can fetch
/// byte ranges from elsewhere can read tensors and tokens from there, and only those that are
/// wanted.
///
/// The contract: `len` is the same for the whole life of the value and costs nothing (ask the
/// server once, when you make the value). `read_range` gives exactly the bytes asked for or an
/// error, may be called from several threads, and need not remember anything between calls; the
/// readers ask for few, large ranges, and never for an empty one or one that ends after `len`.
///
/// ```
/// use settling_core::ReadRange;
///
/// let bytes = b"settling".to_vec();
/// assert_eq!(ReadRange::len(&bytes), 8);
/// assert_eq!(bytes.read_range(3..6)?, b"tli");
/// assert!(bytes.read_range(3..9).is_err());
/// # Ok::<(), std::io::Error>(())
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

/// Bytes in memory.
impl ReadRange for Vec<u8> {
    fn name(&self) -> String {
        format!("{} bytes in memory", Vec::len(self))
    }

    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }

    fn read_range(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        within(&range, ReadRange::len(self))?;
        Ok(self[range.start as usize..range.end as usize].to_vec())
    }
}

/// A file on this machine, kept open: one that is put in its place later is not mixed up with it.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
    file: File,
    /// Where no read can say where it begins, one at a time moves the position of the file.
    #[cfg(not(unix))]
    turn: std::sync::Mutex<()>,
    length: u64,
}

impl LocalFile {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or is a folder.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_path_buf();
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        Ok(Self {
            path,
            file,
            #[cfg(not(unix))]
            turn: std::sync::Mutex::default(),
            length: metadata.len(),
        })
    }

    #[cfg(unix)]
    fn read_to_end(&self, start: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        FileFrom { file: &self.file, start }.take(length).read_to_end(buffer).map(|_| ())
    }

    #[cfg(not(unix))]
    fn read_to_end(&self, start: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
        use std::io::{Seek as _, SeekFrom};
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))?;
        file.take(length).read_to_end(buffer).map(|_| ())
    }
}

/// The bytes of a file from some place on, whatever its position is: several threads may read at
/// once.
#[cfg(unix)]
struct FileFrom<'a> {
    file: &'a File,
    start: u64,
}

#[cfg(unix)]
impl io::Read for FileFrom<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        // What is read into has been filled with zeros before, a piece at a time: small ones are
        // still in the cache.
        let piece = buffer.len().min(256 << 10);
        let read = self.file.read_at(&mut buffer[..piece], self.start)?;
        self.start += read as u64;
        Ok(read)
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
        // Nothing is allocated for what cannot be there.
        let size = within(&range, self.length)?;
        let mut buffer = Vec::with_capacity(size);
        // Unlike `read_exact`, this needs no buffer full of zeros.
        self.read_to_end(range.start, range.end - range.start, &mut buffer)?;
        if buffer.len() != size {
            let message =
                format!("the file was cut while it was open: {} of {size} bytes", buffer.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(buffer)
    }
}

/// How many bytes `range` has, if they are within `length`.
fn within(range: &Range<u64>, length: u64) -> io::Result<usize> {
    let size = range.end.checked_sub(range.start).filter(|_| range.end <= length);
    size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
        let message = format!("no bytes {}..{} in {length}", range.start, range.end);
        io::Error::new(io::ErrorKind::UnexpectedEof, message)
    })
}
