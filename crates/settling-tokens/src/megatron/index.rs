//! The `.idx` beside a Megatron `.bin`, little-endian:
//!
//! | at | what |
//! |---|---|
//! | 0 | `MMIDIDX\0\0` |
//! | 9 | u64 version, 1 |
//! | 17 | u8 type code |
//! | 18 | u64 n, the number of sequences |
//! | 26 | u64 d, the number of document boundaries |
//! | 34 | n i32: tokens of each sequence |
//! | 34 + 4n | n i64: where each sequence begins in the `.bin`, in bytes |
//! | 34 + 12n | d i64: document boundaries, not read here |

use std::ops::Range;
use std::path::Path;

use settling_core::ReadRange;

use super::token_type::TokenType;
use crate::error::{Error, ErrorKind};
use crate::ranges::{format_of, read_exactly};

const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
const HEADER: u64 = 34;

/// How many entries are read at a time.
const BLOCK: u64 = 1 << 16;

#[derive(Debug)]
pub(super) struct Index {
    bytes: Box<dyn ReadRange>,
    pub(super) element: TokenType,
    pub(super) sequences: u64,
    pub(super) width: u64,
}

impl Index {
    /// Reads the header, the first and the last sequence; `data` is the length of the `.bin`.
    pub(super) fn open(bytes: Box<dyn ReadRange>, data: u64) -> Result<Self, Error> {
        let name = bytes.name();
        let fault = |message: String| Error::at(ErrorKind::Format, Path::new(&name), message);
        let length = bytes.len();
        let header = read_exactly(&*bytes, 0..length.min(HEADER))?;
        if let Some(format) = format_of(&header).filter(|_| !header.starts_with(MAGIC)) {
            return Err(fault(format!(
                "is not the .idx file of a Megatron data set: it is {format}"
            )));
        }
        if length < HEADER {
            let message = format!("{length} bytes are no .idx file: its header alone has {HEADER}");
            return Err(fault(message));
        }
        if !header.starts_with(MAGIC) {
            return Err(fault("is not the .idx file of a Megatron data set: bad magic".into()));
        }
        let (version, code) = (u64_at(&header, 9), header[17]);
        let (sequences, boundaries) = (u64_at(&header, 18), u64_at(&header, 26));
        if version != 1 {
            return Err(fault(format!("byte 9: expected version 1, found {version}")));
        }
        let element = TokenType::from_code(code).ok_or_else(|| {
            let name = TokenType::name_of_another(code);
            fault(format!(
                "byte 17: expected a type of tokens (3, 4, 5 or 8), found code {code}{name}: save the rows as .npy with integers that NumPy reads"
            ))
        })?;
        let expected = sequences
            .checked_mul(12)
            .and_then(|arrays| arrays.checked_add(boundaries.checked_mul(8)?))
            .and_then(|arrays| arrays.checked_add(HEADER));
        if sequences > 0 && expected.and_then(|bytes| bytes.checked_add(sequences)) == Some(length)
        {
            return Err(fault(format!(
                "is the index of a multimodal data set: after {sequences} sequences and {boundaries} document boundaries come {sequences} modes, a byte each. Only text is read: save its rows as .npy"
            )));
        }
        if expected != Some(length) {
            let expected = expected.map_or("more than 2^64".to_owned(), |bytes| bytes.to_string());
            return Err(fault(format!(
                "{sequences} sequences and {boundaries} document boundaries take {expected} bytes, found {length}: the file is cut or damaged"
            )));
        }
        if sequences == 0 {
            return Err(fault("has 0 sequences: expected at least one".into()));
        }
        let mut index = Self { bytes, element, sequences, width: 0 };
        let first = index.size(0)?;
        index.width = u64::try_from(first).ok().filter(|&size| size > 0).ok_or_else(|| {
            fault(format!("byte {HEADER}: sequence 0 has {first} tokens: expected at least 1"))
        })?;
        index.check_data(data)?;
        Ok(index)
    }

    /// Checks that equal sequences make up the `.bin` exactly, as far as the ends of the index
    /// tell.
    fn check_data(&self, data: u64) -> Result<(), Error> {
        let last = self.sequences - 1;
        let expected = self.start(last).and_then(|start| start.checked_add(self.row_bytes()));
        if expected == Some(data) {
            return self.check(0..1).and_then(|()| self.check(last..self.sequences));
        }
        // Name the first sequence that is not like the first one. Where a sequence begins tells of
        // all before it, so a few look-ups find it, unless the index is damaged as well; then the
        // lengths are all there is to say.
        let (mut like, mut unlike) = (0, self.sequences);
        while unlike - like > 1 {
            let middle = like + (unlike - like) / 2;
            let found = self.pointer(middle)?;
            if self.start(middle).is_some_and(|start| i64::try_from(start) == Ok(found)) {
                like = middle;
            } else {
                unlike = middle;
            }
        }
        self.check(like..(like + 2).min(self.sequences))?;
        self.check(last..self.sequences)?;
        let expected = expected.map_or("more than 2^64".to_owned(), |bytes| bytes.to_string());
        let (sequences, width) = (self.sequences, self.width);
        Err(self.fault(format!(
            "{sequences} sequences of {width} {}-byte tokens take {expected} bytes, the .bin has {data}: it is cut, has more after them, or belongs to another .idx",
            self.element.size()
        )))
    }

    /// Checks the sizes and places of some sequences against those of equal rows.
    pub(super) fn check(&self, sequences: Range<u64>) -> Result<(), Error> {
        let mut start = sequences.start;
        while start < sequences.end {
            let end = (start + BLOCK).min(sequences.end);
            let sizes = read_exactly(&*self.bytes, self.size_at(start)..self.size_at(end))?;
            let pointers =
                read_exactly(&*self.bytes, self.pointer_at(start)..self.pointer_at(end))?;
            let entries = sizes.chunks_exact(4).zip(pointers.chunks_exact(8));
            for (sequence, (size, pointer)) in (start..).zip(entries) {
                self.check_size(sequence, i32_at(size, 0))?;
                self.check_pointer(sequence, i64_at(pointer, 0))?;
            }
            start = end;
        }
        Ok(())
    }

    fn check_size(&self, sequence: u64, size: i32) -> Result<(), Error> {
        if i64::from(size) == self.width.cast_signed() {
            return Ok(());
        }
        let remedy =
            if size > 0 { "only data sets of equal sequences are read" } else { "damaged" };
        Err(self.fault(format!(
            "byte {}: sequence {sequence} has {size} tokens, sequence 0 has {}: {remedy}",
            self.size_at(sequence),
            self.width
        )))
    }

    fn check_pointer(&self, sequence: u64, pointer: i64) -> Result<(), Error> {
        let expected = self.start(sequence);
        if expected.is_some_and(|expected| i64::try_from(expected) == Ok(pointer)) {
            return Ok(());
        }
        let expected = expected.map_or("more than 2^64".to_owned(), |bytes| bytes.to_string());
        let wrapped = if pointer < 0 {
            " (negative: the writer counted bytes in too small an integer)"
        } else {
            ""
        };
        Err(self.fault(format!(
            "byte {}: sequence {sequence} begins at byte {pointer} of the .bin{wrapped}: expected {expected}, what the {} before it take",
            self.pointer_at(sequence),
            sequence
        )))
    }

    fn size(&self, sequence: u64) -> Result<i32, Error> {
        let bytes = read_exactly(&*self.bytes, self.size_at(sequence)..self.size_at(sequence + 1))?;
        Ok(i32_at(&bytes, 0))
    }

    fn pointer(&self, sequence: u64) -> Result<i64, Error> {
        let range = self.pointer_at(sequence)..self.pointer_at(sequence + 1);
        Ok(i64_at(&read_exactly(&*self.bytes, range)?, 0))
    }

    fn row_bytes(&self) -> u64 {
        // A size is an i32.
        self.width * self.element.size() as u64
    }

    fn start(&self, sequence: u64) -> Option<u64> {
        sequence.checked_mul(self.row_bytes())
    }

    /// These do not overflow: the arrays were found to fit the file.
    fn size_at(&self, sequence: u64) -> u64 {
        HEADER + 4 * sequence
    }

    fn pointer_at(&self, sequence: u64) -> u64 {
        HEADER + 4 * self.sequences + 8 * sequence
    }

    fn fault(&self, message: String) -> Error {
        Error::at(ErrorKind::Format, Path::new(&self.bytes.name()), message)
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(array_at(bytes, at))
}

fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}
