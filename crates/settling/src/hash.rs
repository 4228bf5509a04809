//! SHA-256, as text.

use std::fmt::Write as _;

use settling_core::TokenBatch;
use sha2::{Digest, Sha256};

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 over the width and the ids of the rows.
pub(crate) fn hash_tokens(batch: &TokenBatch) -> String {
    let mut hash = Sha256::new();
    hash.update((batch.width() as u64).to_le_bytes());
    for id in batch.ids() {
        hash.update(id.to_le_bytes());
    }
    hex(&hash.finalize())
}
