//! Bytes by function of their place, so that a file of 30 GB can be served without existing.

use std::fmt;
use std::sync::Arc;

type Fill = dyn Fn(u64, &mut [u8]) + Send + Sync;

/// A run of bytes of known size that is made as it is read.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) size: u64,
    fill: Arc<Fill>,
}

impl Content {
    /// `fill(offset, buffer)` writes the bytes that start at `offset`; it is never asked for bytes
    /// past `size`.
    pub(crate) fn made(size: u64, fill: impl Fn(u64, &mut [u8]) + Send + Sync + 'static) -> Self {
        Self { size, fill: Arc::new(fill) }
    }

    pub(crate) fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self::made(bytes.len() as u64, move |offset, buffer| {
            let start = offset as usize;
            buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
        })
    }

    pub(crate) fn fill(&self, offset: u64, buffer: &mut [u8]) {
        (self.fill)(offset, buffer);
    }

    /// The bytes from `start`, `size` of them, all of which this content has.
    pub(crate) fn slice(self, start: u64, size: u64) -> Self {
        Self::made(size, move |offset, buffer| self.fill(start + offset, buffer))
    }

    /// Cut, or continued with zeros.
    pub(crate) fn resized(self, size: u64) -> Self {
        Self::made(size, move |offset, buffer| {
            let own = self.size.saturating_sub(offset).min(buffer.len() as u64) as usize;
            let (own, beyond) = buffer.split_at_mut(own);
            self.fill(offset, own);
            beyond.fill(0);
        })
    }

    /// The content with the lowest bit of the byte at `place` inverted.
    pub(crate) fn flipped(self, place: u64) -> Self {
        Self::made(self.size, move |offset, buffer| {
            self.fill(offset, buffer);
            let inside = place.checked_sub(offset).and_then(|at| buffer.get_mut(at as usize));
            if let Some(byte) = inside {
                *byte ^= 1;
            }
        })
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Content").field("size", &self.size).finish_non_exhaustive()
    }
}
