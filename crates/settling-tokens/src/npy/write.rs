//! Token rows written for NumPy.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use settling_core::TokenBatch;

use crate::error::Error;

/// NumPy lets the numbers begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// Writes rows as a `.npy` file that NumPy and [`NpyTokens`](crate::NpyTokens) read: uint16 if
/// every id fits, else uint32. The file appears whole or not at all.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, batch: &TokenBatch) -> Result<(), Error> {
    let path = path.as_ref();
    write_whole(path, &encode(batch)).map_err(|error| Error::io("write", path, error))
}

fn encode(batch: &TokenBatch) -> Vec<u8> {
    let narrow: Result<Vec<u16>, _> = batch.ids().iter().map(|&id| u16::try_from(id)).collect();
    let (descr, data): (_, Vec<u8>) = match narrow {
        Ok(ids) => ("<u2", ids.iter().flat_map(|id| id.to_le_bytes()).collect()),
        Err(_) => ("<u4", batch.ids().iter().flat_map(|id| id.to_le_bytes()).collect()),
    };
    let mut header = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}, {}), }}",
        batch.rows(),
        batch.width()
    );
    // The mark, the version and the length take 10 bytes, the line feed at the end one.
    let end = (10 + header.len() + 1).next_multiple_of(ALIGNMENT);
    header.push_str(&" ".repeat(end - 10 - header.len() - 1));
    header.push('\n');
    // At most 128 bytes: two numbers of 20 digits at most.
    let length = header.len() as u16;
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], header.as_bytes(), &data].concat()
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
