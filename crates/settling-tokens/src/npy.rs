use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use npyz::WriterBuilder;
use settling_core::{TokenBatch, TokenSource};

use crate::error::{Error, ErrorKind, check_rows};

/// NumPy writes headers of 128 bytes for arrays of tokens and itself refuses to read any above 10,000.
const LONGEST_HEADER: usize = 10_000;

/// Token rows in a `.npy` file: an array of shape `(rows, width)`, C order, of int8..int64 or uint8..uint32, either byte order.
///
/// Opening reads the header only; rows are read when they are asked for.
///
/// ```no_run
/// use settling_core::TokenSource;
/// use settling_tokens::NpyTokens;
///
/// let tokens = NpyTokens::open("last_batch.npy")?;
/// println!("{} rows of {}", tokens.rows(), tokens.width());
/// let first = tokens.read_rows(0..16)?;
/// # Ok::<(), settling_tokens::Error>(())
/// ```
#[derive(Debug)]
pub struct NpyTokens {
    path: PathBuf,
    /// Kept open, so that a file put in its place later is not read by this one's header.
    file: Mutex<File>,
    rows: usize,
    width: usize,
    element: Element,
    data_start: u64,
}

#[derive(Clone, Copy, Debug)]
struct Element {
    size: usize,
    signed: bool,
    big_endian: bool,
}

impl NpyTokens {
    /// Opens a file and checks its header against its length.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not a `.npy` file, or holds anything but a non-empty two-dimensional array of integers in
    /// C order, whole.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_path(path.as_ref())
    }

    fn open_path(path: &Path) -> Result<Self, Error> {
        let fault = |message: String| Error::at(ErrorKind::Format, path, message);
        let io = |error| Error::io("read", path, error);
        let mut file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let length = file.metadata().map_err(io)?.len();

        // npyz believes a header's claims: what could make it allocate or overflow is checked before.
        let mut start = [0; 12];
        file.read_exact(&mut start)
            .map_err(|_| fault(format!("{length} bytes are no .npy file")))?;
        if !start.starts_with(b"\x93NUMPY") {
            return Err(fault("is not a .npy file: save the tokens with numpy.save".into()));
        }
        let (text_start, header) = match start[6] {
            1 => (10, usize::from(u16::from_le_bytes([start[8], start[9]]))),
            _ => (12, u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize),
        };
        if header > LONGEST_HEADER {
            return Err(fault(format!(
                "claims a header of {header} bytes: expected at most {LONGEST_HEADER}"
            )));
        }
        file.seek(SeekFrom::Start(text_start)).map_err(io)?;
        let mut text = vec![0; header];
        file.read_exact(&mut text).map_err(|_| fault("is cut within its header".into()))?;
        if !plausible_shape(&String::from_utf8_lossy(&text), length) {
            return Err(fault(format!(
                "claims a shape that {length} bytes cannot hold: the file is cut or damaged"
            )));
        }
        file.rewind().map_err(io)?;
        let header = npyz::NpyHeader::from_reader(&mut file)
            .map_err(|error| fault(format!("bad .npy header: {error}")))?;
        let data_start = file.stream_position().map_err(io)?;

        let element = match header.dtype() {
            npyz::DType::Plain(kind) => element(&kind.to_string()),
            _ => None,
        };
        let element = element.ok_or_else(|| {
            let found = header.dtype().descr();
            let hint = if found.contains('O') {
                " (object arrays come from rows of different lengths)"
            } else {
                ""
            };
            fault(format!("expected integers of 1 to 8 bytes, found dtype {found}{hint}"))
        })?;
        let &[rows, width] = header.shape() else {
            return Err(fault(format!("expected shape (rows, width), found {:?}", header.shape())));
        };
        if rows == 0 || width == 0 {
            return Err(fault(format!(
                "has {rows} rows of {width} tokens: expected at least one of each"
            )));
        }
        if header.order() != npyz::Order::C {
            return Err(fault("is in Fortran order: save numpy.ascontiguousarray(tokens)".into()));
        }
        let size = rows.checked_mul(width).and_then(|count| count.checked_mul(element.size as u64));
        if size.and_then(|size| size.checked_add(data_start)) != Some(length) {
            let found = length.saturating_sub(data_start);
            return Err(fault(format!(
                "{rows} rows of {width} {}-byte tokens do not take the {found} bytes found: the file is cut or has more behind",
                element.size
            )));
        }
        // Both fit: the file is at least as long as either.
        let (rows, width) = (rows as usize, width as usize);
        Ok(Self {
            path: path.to_path_buf(),
            file: Mutex::new(file),
            rows,
            width,
            element,
            data_start,
        })
    }

    /// The number of tokens in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }
}

/// Whether the dimensions in a header's text (a Python dictionary) can be those of a file of `length` bytes.
fn plausible_shape(text: &str, length: u64) -> bool {
    let shape =
        text.split_once("'shape'").and_then(|(_, rest)| rest.split_once('(')?.1.split_once(')'));
    let Some((shape, _)) = shape else { return false };
    let mut product = 1_u64;
    shape.split(',').map(str::trim).filter(|dim| !dim.is_empty()).all(|dim| {
        let dim: Option<u64> = dim.parse().ok().filter(|&dim| dim <= length);
        product = dim.and_then(|dim| product.checked_mul(dim.max(1))).unwrap_or(u64::MAX);
        product <= length
    })
}

/// From a type string such as `<u2`; `None` unless it is an integer.
fn element(descr: &str) -> Option<Element> {
    let mut chars = descr.chars();
    let (order, kind) = (chars.next()?, chars.next()?);
    let size = chars.as_str().parse().ok().filter(|size| [1, 2, 4, 8].contains(size))?;
    matches!(kind, 'i' | 'u').then_some(Element {
        size,
        signed: kind == 'i',
        big_endian: order == '>',
    })
}

impl Element {
    /// `None` if the value is no token id.
    fn id(self, bytes: &[u8]) -> Option<u32> {
        let mut word = [0; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.big_endian {
            word[..self.size].reverse();
        }
        if self.signed && word[self.size - 1] >= 0x80 {
            return None;
        }
        u32::try_from(u64::from_le_bytes(word)).ok()
    }
}

impl TokenSource for NpyTokens {
    type Error = Error;

    fn rows(&self) -> usize {
        self.rows
    }

    fn read_rows(&self, rows: Range<usize>) -> Result<TokenBatch, Error> {
        check_rows(&rows, self.rows, |kind, message| Error::at(kind, &self.path, message))?;
        let io = |error| Error::io("read", &self.path, error);
        let row_bytes = self.width * self.element.size;
        // A reader that panicked has left no state but the position, which is set here.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.data_start + (rows.start * row_bytes) as u64))
            .map_err(io)?;
        let mut file = BufReader::with_capacity(1 << 20, &mut *file);
        let mut ids = Vec::with_capacity(rows.len() * self.width);
        let mut buffer = vec![0; row_bytes];
        for row in rows {
            file.read_exact(&mut buffer).map_err(io)?;
            for (column, bytes) in buffer.chunks_exact(self.element.size).enumerate() {
                ids.push(self.element.id(bytes).ok_or_else(|| {
                    let message = format!(
                        "row {row}, column {column} is negative or above 2^32: no token id"
                    );
                    Error::at(ErrorKind::Token, &self.path, message)
                })?);
            }
        }
        TokenBatch::new(ids, self.width)
            .map_err(|error| Error::at(ErrorKind::Format, &self.path, error))
    }
}

/// Writes rows as a `.npy` file that NumPy and [`NpyTokens`] read: uint16 if every id fits, else uint32. The file appears whole
/// or not at all.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, batch: &TokenBatch) -> Result<(), Error> {
    write_path(path.as_ref(), batch)
}

fn write_path(path: &Path, batch: &TokenBatch) -> Result<(), Error> {
    let mut bytes = Vec::new();
    let narrow: Result<Vec<u16>, _> = batch.ids().iter().map(|&id| u16::try_from(id)).collect();
    match narrow {
        Ok(ids) => encode(&mut bytes, batch, ids),
        Err(_) => encode(&mut bytes, batch, batch.ids().iter().copied()),
    }
    .and_then(|()| write_whole(path, &bytes))
    .map_err(|error| Error::io("write", path, error))
}

/// Writes beside the place under another name, brings it to disk, renames; leaves nothing if anything fails.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = format!("{}.{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    let partial = path.with_file_name(format!(".{name}.{unique}.partial"));
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&partial, path)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&partial);
    })
}

fn encode<T: npyz::AutoSerialize>(
    out: &mut Vec<u8>,
    batch: &TokenBatch,
    ids: impl IntoIterator<Item = T>,
) -> std::io::Result<()> {
    let shape = [batch.rows() as u64, batch.width() as u64];
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(out).begin_nd()?;
    writer.extend(ids)?;
    writer.finish()
}
