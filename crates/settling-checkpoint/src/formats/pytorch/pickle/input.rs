//! A cursor over pickles in a file that nobody vouches for, of which only a small window is in
//! memory.

use crate::files::Source;
use crate::formats::Fault;

const WINDOW: u64 = 64 << 10;
/// A longer string is no name.
pub(super) const LONGEST_STRING: u64 = 64 << 10;
const CUT: &str = "the pickle is cut";

#[derive(Debug)]
pub(super) struct Input<'a> {
    source: &'a Source,
    /// Some of the file's bytes, from `window_start` on.
    window: Vec<u8>,
    window_start: u64,
    position: u64,
    end: u64,
}

impl<'a> Input<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        let end = source.len();
        Self { source, window: Vec::new(), window_start: 0, position: 0, end }
    }

    /// The same file from `start` on, `length` bytes that lie before this cursor.
    pub(super) fn part(&self, start: u64, length: u64) -> Self {
        let (window, end) = (Vec::new(), start + length);
        Self { source: self.source, window, window_start: start, position: start, end }
    }

    /// The place in the file.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.position == self.end
    }

    fn left(&self) -> u64 {
        self.end - self.position
    }

    /// Passes `length` bytes without reading them, and says where they are.
    pub(super) fn skip(&mut self, length: u64) -> Result<u64, Fault> {
        self.expect(length)?;
        let start = self.position;
        self.position += length;
        Ok(start)
    }

    /// Fails if there are not `length` bytes more.
    pub(super) fn expect(&self, length: u64) -> Result<(), Fault> {
        if length > self.left() { Err(CUT.into()) } else { Ok(()) }
    }

    /// The next `length` bytes, of which there may not be many.
    pub(super) fn string(&mut self, length: u64) -> Result<&[u8], Fault> {
        if length > LONGEST_STRING {
            return Err(Fault::Format(format!(
                "a string of {length} bytes: expected at most {LONGEST_STRING} bytes"
            )));
        }
        self.expect(length)?;
        if self.ahead().len() < length as usize {
            self.fill(length)?;
        }
        self.position += length;
        let end = (self.position - self.window_start) as usize;
        Ok(&self.window[end - length as usize..end])
    }

    /// What is before the next line feed, which is passed too.
    pub(super) fn line(&mut self) -> Result<&[u8], Fault> {
        let find = |bytes: &[u8]| bytes.iter().position(|&byte| byte == b'\n');
        let mut found = find(self.ahead());
        if found.is_none() && (self.ahead().len() as u64) < self.left().min(LONGEST_STRING) {
            self.fill(LONGEST_STRING.min(self.left()))?;
            found = find(self.ahead());
        }
        let Some(length) = found else {
            self.expect(LONGEST_STRING + 1)?;
            return Err("a name that is too long".into());
        };
        let with_feed = self.string(length as u64 + 1)?;
        Ok(&with_feed[..length])
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.string(N as u64)?.try_into().map_err(|_| CUT.into())
    }

    /// The part of the window that is not passed yet.
    fn ahead(&self) -> &[u8] {
        let passed = usize::try_from(self.position - self.window_start).unwrap_or(usize::MAX);
        self.window.get(passed..).unwrap_or_default()
    }

    /// Moves the window here; it has at least `length` bytes then, which are there.
    fn fill(&mut self, length: u64) -> Result<(), Fault> {
        let length = length.max(WINDOW).min(self.left());
        self.window = self.source.read("read the pickle of", self.position, length)?;
        self.window_start = self.position;
        Ok(())
    }
}
