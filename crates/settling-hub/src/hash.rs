//! The hashes of files, as the hub lists them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::listing::{FileHash, RemoteFile};

/// Whether the file at `path` has the size and the hash of `file`.
pub(crate) fn is_sound(path: &Path, file: &RemoteFile) -> io::Result<bool> {
    if fs::metadata(path)?.len() != file.size {
        return Ok(false);
    }
    Ok(match &file.hash {
        FileHash::Sha256(expected) => sha256(path)? == *expected,
        FileHash::Git(expected) => {
            let mut hash = Sha1::new();
            hash.update(format!("blob {}\0", file.size));
            digest(path, hash)? == *expected
        }
    })
}

pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    digest(path, Sha256::new())
}

fn digest(path: &Path, mut hash: impl Digest) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hex(&hash.finalize()))
}

pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
