//! Token rows in NumPy's files.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use npyz::WriterBuilder;
use settling_core::{ReadRange, TokenBatch, TokenSource};

use crate::error::{Error, ErrorKind, check_rows};
use crate::ranges::{open_file, read_exactly};

/// NumPy writes headers of 128 bytes for arrays of tokens and itself refuses to read any above
/// 10,000.
const LONGEST_HEADER: u64 = 10_000;

/// The header of an array of integers has two opening brackets. npyz's parser takes twice the time
/// for one more within the others, which for some dozens is for ever.
const MOST_BRACKETS: usize = 8;

/// How many bytes of rows are read at once.
const LONGEST_READ: u64 = 1 << 20;

/// Token rows in a `.npy` file: an array of shape `(rows, width)`, C order, of int8..int64 or
/// uint8..uint32, either byte order.
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
    bytes: Box<dyn ReadRange>,
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
    /// If the file cannot be read, is not a `.npy` file, or holds anything but a non-empty
    /// two-dimensional array of integers in C order, whole.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::new(open_file(path.as_ref())?)
    }

    /// Checks a header as [`open`](Self::open) does, in bytes from anywhere.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): bytes that cannot be read, are no `.npy` file, or hold
    /// another array than one of integers.
    pub fn new(bytes: impl ReadRange + 'static) -> Result<Self, Error> {
        Self::from_bytes(Box::new(bytes))
    }

    fn from_bytes(bytes: Box<dyn ReadRange>) -> Result<Self, Error> {
        let (name, length) = (bytes.name(), bytes.len());
        let fault = |message: String| Error::at(ErrorKind::Format, Path::new(&name), message);

        // npyz believes a header's claims: what could make it allocate, overflow or never end is
        // checked before.
        if length < 12 {
            return Err(fault(format!("{length} bytes are no .npy file")));
        }
        let start = read_exactly(&*bytes, 0..length.min(12 + LONGEST_HEADER))?;
        if !start.starts_with(b"\x93NUMPY") {
            return Err(fault("is not a .npy file: save the tokens with numpy.save".into()));
        }
        let (text_start, header) = match start[6] {
            1 => (10, u64::from(u16::from_le_bytes([start[8], start[9]]))),
            _ => (12, u64::from(u32::from_le_bytes([start[8], start[9], start[10], start[11]]))),
        };
        if header > LONGEST_HEADER {
            return Err(fault(format!(
                "claims a header of {header} bytes: expected at most {LONGEST_HEADER}"
            )));
        }
        let data_start = text_start + header;
        let Some(header) = start.get(..data_start as usize) else {
            return Err(fault("is cut within its header".into()));
        };
        let text = String::from_utf8_lossy(&header[text_start as usize..]);
        if text.matches(['{', '[', '(']).count() > MOST_BRACKETS {
            return Err(fault("bad .npy header: expected that of an array of integers".into()));
        }
        if !plausible_shape(&text, length) {
            return Err(fault(format!(
                "claims a shape that {length} bytes cannot hold: the file is cut or damaged"
            )));
        }
        let header = npyz::NpyHeader::from_reader(header)
            .map_err(|error| fault(format!("bad .npy header: {error}")))?;

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
                "{rows} rows of {width} {}-byte tokens do not take the {found} bytes found: the file is cut or has more after them",
                element.size
            )));
        }
        // Both fit: the file is at least as long as either.
        let (rows, width) = (rows as usize, width as usize);
        Ok(Self { bytes, rows, width, element, data_start })
    }

    /// The number of tokens in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    fn fault(&self, kind: ErrorKind, message: impl fmt::Display) -> Error {
        Error::at(kind, Path::new(&self.bytes.name()), message)
    }
}

/// Whether the dimensions in a header's text (a Python dictionary) can be those of a file of
/// `length` bytes.
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

/// What a type string such as `<u2` says; `None` unless it is an integer.
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
        check_rows(&rows, self.rows, |kind, message| self.fault(kind, message))?;
        // Nothing here overflows: the rows are within the bytes.
        let row_bytes = (self.width * self.element.size) as u64;
        let at_once = usize::try_from(LONGEST_READ / row_bytes).unwrap_or(1).max(1);
        let mut ids = Vec::with_capacity(rows.len() * self.width);
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start.saturating_add(at_once));
            let place = |row: usize| self.data_start + row as u64 * row_bytes;
            let bytes = read_exactly(&*self.bytes, place(start)..place(end))?;
            for (place, bytes) in bytes.chunks_exact(self.element.size).enumerate() {
                ids.push(self.element.id(bytes).ok_or_else(|| {
                    let (row, column) = (start + place / self.width, place % self.width);
                    let message = format!(
                        "row {row}, column {column} is negative or above 2^32: no token id"
                    );
                    self.fault(ErrorKind::Token, message)
                })?);
            }
            start = end;
        }
        TokenBatch::new(ids, self.width).map_err(|error| self.fault(ErrorKind::Format, error))
    }
}

/// Writes rows as a `.npy` file that NumPy and [`NpyTokens`] read: uint16 if every id fits, else
/// uint32. The file appears whole or not at all.
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

/// Writes beside the place under another name, brings it to disk, renames; leaves nothing if
/// anything fails.
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
