//! Bytes of files, and of files in parts.

use std::io;
use std::ops::Range;
use std::path::Path;

use settling_core::{LocalFile, ReadRange};

use crate::error::{Error, ErrorKind};

/// Opens a file on this machine.
pub(crate) fn open_file(path: &Path) -> Result<LocalFile, Error> {
    LocalFile::open(path).map_err(|error| Error::io("open", path, error))
}

/// Reads a range and holds the implementation to its contract.
pub(crate) fn read_exactly(bytes: &dyn ReadRange, range: Range<u64>) -> Result<Vec<u8>, Error> {
    let name = bytes.name();
    let path = Path::new(&name);
    let expected = range.end.saturating_sub(range.start);
    if expected == 0 {
        // Nobody need answer this.
        return Ok(Vec::new());
    }
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

/// What a file is by its first bytes, where that is neither of the formats read here: for messages.
pub(crate) fn format_of(start: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 14] = [
        (b"PK\x03\x04", "a zip archive, such as an .npz: save one array with numpy.save"),
        (b"PAR1", "Parquet"),
        (b"\x93NUMPY", "a .npy file"),
        (b"MMIDIDX\0\0", "the .idx of a Megatron data set"),
        (b"TNTIDX\0\0", "an index of Megatron's older formats, lazy and cached"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"ARROW1", "Arrow IPC (Feather)"),
        (b"\x1f\x8b", "compressed by gzip"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
        (b"BZh", "compressed by bzip2"),
        (b"\xfd7zXZ\0", "compressed by xz"),
        (b"\xff\xfe", "text in UTF-16: save it as UTF-8"),
        (b"\xfe\xff", "text in UTF-16: save it as UTF-8"),
        (b"version https://git-lfs", "a pointer of Git LFS: fetch the file itself"),
    ];
    let is = |(mark, _): &&(&[u8], &str)| start.starts_with(mark);
    if let Some((_, format)) = known.iter().find(is) {
        return Some(format);
    }
    if let [0x80, 2..=5, ..] = start {
        return Some("a Python pickle: load it and save what is in it with numpy.save");
    }
    let text = start.trim_ascii_start();
    (text.starts_with(b"<!") || text.starts_with(b"<html")).then_some("a web page")
}

/// Parts whose bytes, one after the other, are the whole: a range may reach over any number of
/// them.
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
                format!("{first} and the {} shards after it", parts.len().saturating_sub(1))
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
