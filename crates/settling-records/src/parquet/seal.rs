//! A hash of the whole file within it, so that damage is found before a decoder sees it.
//!
//! Between the last page and the footer lie a mark and the SHA-256 of everything else. Readers of
//! Parquet go from the end of the file to the footer and from there to the pages, and do not look
//! at what lies between.

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind};

const MARK: &[u8] = b"settling";
const HASH: usize = 32;

/// The length of the footer and the mark of the format, at the end.
const END: usize = 8;

/// Puts the seal into a whole Parquet file.
pub(super) fn put(mut file: Vec<u8>) -> Vec<u8> {
    let footer = footer_start(&file).expect("a whole file");
    let hash = hash(&file[..footer], &file[footer..]);
    file.splice(footer..footer, MARK.iter().copied().chain(hash));
    file
}

/// Refuses a file that is not as [`put`] made it.
pub(super) fn check(file: &[u8]) -> Result<(), Error> {
    let parts = footer_start(file).and_then(|footer| {
        let (before, footer) = file.split_at(footer);
        let (before, sealed) = before.split_at_checked(before.len().checked_sub(HASH)?)?;
        Some((before.strip_suffix(MARK)?, sealed, footer))
    });
    let message = match parts {
        Some((pages, sealed, footer)) if hash(pages, footer) == sealed => return Ok(()),
        Some(_) => "is damaged: its bytes are not those that its seal was made of",
        None => {
            "is no records.parquet of a study, or cut, damaged or written anew by another program: only files as they were \
             written are read; tables from elsewhere are read as CSV"
        }
    };
    Err(Error::new(ErrorKind::Damaged, message.to_owned()))
}

fn hash(pages: &[u8], footer: &[u8]) -> [u8; HASH] {
    Sha256::new().chain_update(pages).chain_update(footer).finalize().into()
}

fn footer_start(file: &[u8]) -> Option<usize> {
    let (rest, end) = file.split_last_chunk::<END>()?;
    let [a, b, c, d, b'P', b'A', b'R', b'1'] = *end else { return None };
    rest.len().checked_sub(u32::from_le_bytes([a, b, c, d]) as usize)
}
