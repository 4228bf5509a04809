//! The part of the zip format that PyTorch writes: records stored without compression, each in one
//! piece.
//!
//! A reader of our own, because there is little to read and much to refuse. An archive is accepted
//! only if it can be understood in one way: its directory ends where the end records begin, no two
//! records have the same name or share a byte, and a record that is read is described alike in the
//! directory and in place. A compressed record may be there (TorchScript has some) but not be read,
//! so no archive unpacks to more than it is.
//!
//! Opening an archive reads its end only; what stands before a record's data is read with the
//! record, so that of a file on a server only those records travel that are wanted.

use std::collections::HashMap;
use std::ops::Range;

use super::bytes::Bytes;
use crate::files::Source;
use crate::formats::Fault;

const LOCAL: u32 = 0x0403_4b50;
const ENTRY: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;

const LOCAL_LENGTH: u64 = 30;
const END_LENGTH: u64 = 22;
const END64_LENGTH: u64 = 56;
const LOCATOR64_LENGTH: u64 = 20;

/// A directory of half a million records: far more than a checkpoint has tensors.
const LONGEST_DIRECTORY: u64 = 64 << 20;

/// Flags that change nothing for a stored record: the compressor's hints, sizes repeated after the
/// data, names in UTF-8.
const HARMLESS_FLAGS: u16 = 0x080e;
const ENCRYPTED_FLAGS: u16 = 0x2041;
const SIZES_AFTER_DATA: u16 = 0x0008;

/// What to say of a record that is compressed.
pub(crate) const UNCOMPRESSED: &str =
    "PyTorch stores without compression; unpack the archive and pack it again with `zip -0 -r`";

fn fault<T>(message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Format(message.into()))
}

/// What the directory says of a record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    name: String,
    pub(crate) length: u64,
    pub(crate) is_compressed: bool,
    flags: u16,
    method: u16,
    crc: u32,
    /// The bytes it takes in the file: `length` if it is not compressed.
    packed: u64,
    /// Where its header begins, and where what follows its data does: the next record, or the
    /// directory.
    offset: u64,
    end: u64,
}

impl Record {
    /// Whether `bytes`, all of the record, have its checksum. PyTorch can leave checksums out and
    /// writes 0 then.
    pub(crate) fn is_intact(&self, bytes: &[u8]) -> bool {
        self.crc == 0 || self.crc == crc32fast::hash(bytes)
    }

    /// The length of its header, without the extra fields at its end.
    fn fixed(&self) -> u64 {
        LOCAL_LENGTH + self.name.len() as u64
    }
}

pub(crate) type Records = HashMap<String, Record>;

/// The records of the archive that `file` is.
pub(crate) fn records(file: &Source) -> Result<Records, Fault> {
    let (start, length, count) = directory(file)?;
    let directory = file.read("read the zip directory of", start, length)?;
    let mut bytes = Bytes::new(&directory);
    let mut entries = Vec::new();
    while !bytes.is_at_end() {
        let place = start + bytes.position() as u64;
        let Some(entry) = entry(&mut bytes) else {
            return fault(format!("the zip directory is damaged at byte {place}"));
        };
        entries.push(entry.map_err(Fault::Format)?);
    }
    if entries.len() as u64 != count {
        let found = entries.len();
        return fault(format!("the zip directory has {found} records: expected {count}"));
    }

    entries.sort_unstable_by_key(|entry| entry.offset);
    let mut records = Records::new();
    let mut end = start;
    for mut record in entries.into_iter().rev() {
        record.end = end;
        end = record.offset;
        let needs = record.fixed().checked_add(record.packed);
        if needs.and_then(|needs| record.offset.checked_add(needs)).is_none_or(|n| n > record.end) {
            let name = record.name;
            return fault(format!(
                "record {name:?} overlaps another one, or reaches outside the file's data"
            ));
        }
        if let Some(other) = records.insert(record.name.clone(), record) {
            return fault(format!("record {:?} occurs twice", other.name));
        }
    }
    Ok(records)
}

/// The bytes of a record that may have at most `limit`.
pub(crate) fn read_record(file: &Source, record: &Record, limit: u64) -> Result<Vec<u8>, Fault> {
    let name = &record.name;
    if record.is_compressed {
        return fault(format!("record {name:?} is compressed: {UNCOMPRESSED}"));
    }
    if record.length > limit {
        let length = record.length;
        return fault(format!("record {name:?} has {length} bytes: expected at most {limit}"));
    }
    let bytes = read_part(file, record, 0..record.length)?;
    if !record.is_intact(&bytes) {
        return fault(format!("record {name:?} is damaged: it has not its checksum"));
    }
    Ok(bytes)
}

/// Some of the bytes of a record that is not compressed. The checksum is not looked at.
pub(crate) fn read_part(
    file: &Source,
    record: &Record,
    part: Range<u64>,
) -> Result<Vec<u8>, Fault> {
    let name = &record.name;
    let header = file.read("read a record's header of", record.offset, record.fixed())?;
    let Some(extra) = agrees(&header, record) else {
        let offset = record.offset;
        return fault(format!(
            "record {name:?} is described differently in the zip directory and at byte {offset}"
        ));
    };
    let start = record.offset + record.fixed() + u64::from(extra);
    if start + record.packed > record.end {
        return fault(format!(
            "record {name:?} overlaps another one, or reaches outside the file's data"
        ));
    }
    Ok(file.read("read a record of", start + part.start, part.end - part.start)?)
}

/// Where the directory is, its length, and the number of its entries.
fn directory(file: &Source) -> Result<(u64, u64, u64), Fault> {
    let read = |start, length| file.read("read the zip directory of", start, length);
    let size = file.len();
    let cut = || {
        fault(
            "is cut, or has bytes after its end: expected a zip archive's end record in its last 22 bytes",
        )
    };
    let Some(end_at) = size.checked_sub(END_LENGTH) else { return cut() };
    let end = read(end_at, END_LENGTH)?;
    let Some(end) = End::parse(&end) else { return cut() };
    if end.signature != END || end.comment != 0 {
        return cut();
    }
    let mut found = (u64::from(end.start), u64::from(end.length), u64::from(end.count));
    let mut directory_end = end_at;

    let locator_at = end_at.checked_sub(LOCATOR64_LENGTH + END64_LENGTH);
    let tail = match locator_at {
        Some(at) => read(at, END64_LENGTH + LOCATOR64_LENGTH)?,
        None => Vec::new(),
    };
    if let (Some(at), Some(end64)) = (locator_at, End64::parse(&tail)) {
        let agree = |short: u64, most: u64, long: u64| short == most || short == long;
        let consistent = end64.at == at
            && end64.is_plain
            && agree(found.0, u32::MAX.into(), end64.start)
            && agree(found.1, u32::MAX.into(), end64.length)
            && agree(found.2, u16::MAX.into(), end64.count);
        if !consistent {
            return fault("the two end records of the zip archive contradict each other");
        }
        found = (end64.start, end64.length, end64.count);
        directory_end = at;
    }
    let (start, length, count) = found;
    if start.checked_add(length) != Some(directory_end) || !end.is_plain {
        return fault(format!(
            "is cut or damaged: its zip directory of {length} bytes at byte {start} should end at byte {directory_end}"
        ));
    }
    if length > LONGEST_DIRECTORY {
        return fault(format!(
            "claims a zip directory of {length} bytes: expected at most {LONGEST_DIRECTORY}"
        ));
    }
    Ok((start, length, count))
}

struct End {
    signature: u32,
    /// One disk, as it should be.
    is_plain: bool,
    count: u16,
    length: u32,
    start: u32,
    comment: u16,
}

impl End {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes::new(bytes);
        let signature = bytes.u32()?;
        let disks = (bytes.u16()?, bytes.u16()?);
        let (here, count) = (bytes.u16()?, bytes.u16()?);
        let (length, start) = (bytes.u32()?, bytes.u32()?);
        let is_plain = matches!(disks, (0 | u16::MAX, 0 | u16::MAX)) && here == count;
        Some(Self { signature, is_plain, count, length, start, comment: bytes.u16()? })
    }
}

struct End64 {
    is_plain: bool,
    count: u64,
    length: u64,
    start: u64,
    /// Where the locator says that this record is.
    at: u64,
}

impl End64 {
    /// `None` if there is no locator, which is what announces the record.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes::new(bytes);
        let (signature, length_of_rest) = (bytes.u32()?, bytes.u64()?);
        bytes.u32()?; // Versions.
        let disks = (bytes.u32()?, bytes.u32()?);
        let (here, count) = (bytes.u64()?, bytes.u64()?);
        let (length, start) = (bytes.u64()?, bytes.u64()?);
        if bytes.u32()? != LOCATOR64 {
            return None;
        }
        let disk = bytes.u32()?;
        let at = bytes.u64()?;
        let is_plain = signature == END64
            && length_of_rest == END64_LENGTH - 12
            && disks == (0, 0)
            && disk == 0
            && here == count
            && bytes.u32()? <= 1;
        Some(Self { is_plain, count, length, start, at })
    }
}

/// The next entry of the directory; `None` if it is damaged, an error if it is one that we refuse.
fn entry(bytes: &mut Bytes<'_>) -> Option<Result<Record, String>> {
    if bytes.u32()? != ENTRY {
        return None;
    }
    bytes.u32()?; // Versions.
    let (flags, method) = (bytes.u16()?, bytes.u16()?);
    bytes.u32()?; // Time and date.
    let crc = bytes.u32()?;
    let (packed, length) = (bytes.u32()?, bytes.u32()?);
    let (name, extra, comment) = (bytes.u16()?, bytes.u16()?, bytes.u16()?);
    let disk = bytes.u16()?;
    bytes.take(6)?; // Attributes.
    let offset = bytes.u32()?;
    let name = std::str::from_utf8(bytes.take(name.into())?).ok()?;
    let extra = bytes.take(extra.into())?;
    bytes.take(comment.into())?;

    let mut wide = Bytes::new(extra64(extra).unwrap_or_default());
    let mut widen = |short: u32| {
        if short == u32::MAX { wide.u64() } else { Some(u64::from(short)) }
    };
    let (length, packed, offset) = (widen(length)?, widen(packed)?, widen(offset)?);
    if !wide.is_at_end() || disk != 0 {
        return None;
    }
    let odd = |name: &str| {
        name.starts_with('/')
            || name.split('/').any(|part| matches!(part, "." | ".."))
            || name.contains(['\\', '\0'])
    };
    Some(if flags & ENCRYPTED_FLAGS != 0 {
        Err(format!("record {name:?} is encrypted"))
    } else if flags & !HARMLESS_FLAGS != 0 {
        Err(format!("record {name:?} has the zip flags {flags:#06x}, which PyTorch does not write"))
    } else if method == 0 && packed != length {
        Err(format!("record {name:?} is stored, but has {packed} bytes for {length}"))
    } else if odd(name) {
        Err(format!("record {name:?} has a name that leads out of the archive"))
    } else {
        let (name, is_compressed) = (name.to_owned(), method != 0);
        Ok(Record { name, length, is_compressed, flags, method, crc, packed, offset, end: 0 })
    })
}

/// The field with 64-bit sizes among a record's extra fields.
fn extra64(extra: &[u8]) -> Option<&[u8]> {
    let mut extra = Bytes::new(extra);
    while !extra.is_at_end() {
        let (id, length) = (extra.u16()?, extra.u16()?);
        let field = extra.take(length.into())?;
        if id == 1 {
            return Some(field);
        }
    }
    None
}

/// The length of the extra fields after a record's name, if its header agrees with the directory.
fn agrees(header: &[u8], entry: &Record) -> Option<u16> {
    let mut bytes = Bytes::new(header);
    let signature = bytes.u32()?;
    bytes.u16()?; // Version.
    let (flags, method) = (bytes.u16()?, bytes.u16()?);
    bytes.u32()?; // Time and date.
    let (crc, packed, length) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
    let (name, extra) = (bytes.u16()?, bytes.u16()?);
    let same = |short: u32, long: u64| short == u32::MAX || u64::from(short) == long;
    let sizes = if flags & SIZES_AFTER_DATA != 0 {
        (crc == 0 || crc == entry.crc)
            && (packed == 0 || same(packed, entry.packed))
            && (length == 0 || same(length, entry.length))
    } else {
        crc == entry.crc && same(packed, entry.packed) && same(length, entry.length)
    };
    let agrees = signature == LOCAL
        && flags == entry.flags
        && method == entry.method
        && sizes
        && usize::from(name) == entry.name.len()
        && bytes.take(entry.name.len())? == entry.name.as_bytes();
    agrees.then_some(extra)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_are_worse_than_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(records(&Source::in_memory("x.bin", bytes.clone())).is_err());
        }

        /// End records that point into the bytes before them, so that what is random is the
        /// directory.
        #[test]
        fn no_directory_is_worse_than_an_error(
            body in prop::collection::vec(any::<u8>(), 0..200),
            start in 0..220_u32,
            count in 0..3_u16,
            entry in any::<bool>(),
        ) {
            let mut bytes = body;
            let start = start.min(bytes.len() as u32);
            if entry && bytes.len() as u32 >= start + 4 {
                bytes[start as usize..][..4].copy_from_slice(&ENTRY.to_le_bytes());
            }
            let length = bytes.len() as u32 - start;
            bytes.extend(END.to_le_bytes());
            bytes.extend([0; 4]);
            bytes.extend(count.to_le_bytes());
            bytes.extend(count.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend(start.to_le_bytes());
            bytes.extend([0; 2]);
            let file = Source::in_memory("x.bin", bytes.clone());
            for record in records(&file).iter().flat_map(|records| records.values()) {
                let _ = read_record(&file, record, 100);
            }
        }
    }
}
