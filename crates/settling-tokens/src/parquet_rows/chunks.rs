//! The bytes of a file as the decoder asks for them, looked at before it sees them.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use settling_core::ReadRange;

use super::thrift::{begins_with_structure, has_room_for_its_dictionary};

/// A page header of a column of integers has some dozens of bytes.
const LONGEST_PAGE_HEADER: u64 = 8 << 10;

/// The length of the footer and the mark after it.
const END: u64 = 8;

/// Any bytes, as the decoder asks for them.
pub(super) struct Chunks(pub(super) Arc<dyn ReadRange>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<FromPlace>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        // The header of a page, unless it is the end of the file.
        let left = self.0.len().saturating_sub(start);
        if left != END {
            let begin = self.get_bytes(start, left.min(LONGEST_PAGE_HEADER) as usize)?;
            let message = match has_room_for_its_dictionary(&begin) {
                Some(true) => None,
                Some(false) => {
                    Some("a page's header claims a dictionary that the page cannot hold")
                }
                None => Some("a page's header is none"),
            };
            if let Some(message) = message {
                return Err(ParquetError::General(message.to_owned()));
            }
        }
        Ok(BufReader::new(FromPlace { bytes: Arc::clone(&self.0), place: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64).filter(|&end| end <= self.0.len());
        let end = end.ok_or_else(|| {
            ParquetError::EOF(format!("no {length} bytes from byte {start} in {}", self.0.len()))
        })?;
        if length == 0 {
            return Ok(Bytes::new());
        }
        let read = self.0.read_range(start..end).map_err(external)?;
        if read.len() != length {
            let message = format!("{length} bytes were asked for, got {}", read.len());
            return Err(external(io::Error::new(io::ErrorKind::UnexpectedEof, message)));
        }
        if length > 0 && end + END == self.0.len() && !begins_with_structure(&read) {
            return Err(ParquetError::General("its footer is none".to_owned()));
        }
        Ok(read.into())
    }
}

fn external(error: io::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

/// The bytes from a place on, read as a stream. Reading on at the end is an error: the decoder asks
/// for no more than a sound file has, and passes over billions of things that a damaged one does
/// not have, one by one, as long as it hears of no error.
pub(super) struct FromPlace {
    bytes: Arc<dyn ReadRange>,
    place: u64,
}

impl Read for FromPlace {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.bytes.len().saturating_sub(self.place);
        let count = left.min(buffer.len() as u64);
        if count == 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it ends within a page"));
        }
        let read = self.bytes.read_range(self.place..self.place + count)?;
        let count = read.len().min(buffer.len());
        buffer[..count].copy_from_slice(&read[..count]);
        self.place += count as u64;
        Ok(count)
    }
}
