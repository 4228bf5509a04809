use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes of known length of which ranges can be read: a file, shards of one, a file on a server.
///
/// This is all that the readers of checkpoints and of tokens need, so that who can fetch byte ranges from elsewhere can read tensors
/// and tokens from there, and only those that are wanted.
///
/// The contract: `len` is the same for the whole life of the value and costs nothing (ask the server once, when you make the
/// value). `read_range` gives exactly the bytes asked for or an error, may be called from several threads, and need not remember
/// anything between calls; the readers ask for few, large ranges, and never for an empty one or one that ends behind `len`.
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
    file: Mutex<File>,
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
        Ok(Self { path, file: Mutex::new(file), length: metadata.len() })
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
        // A reader that panicked has left no state but the position, which is set here.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(range.start))?;
        // Unlike `read_exact`, this needs no zeros to write over.
        (&mut *file).take(range.end - range.start).read_to_end(&mut buffer)?;
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
