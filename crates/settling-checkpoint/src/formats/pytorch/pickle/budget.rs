//! What the pickles of one file may cost.

use crate::formats::Fault;

/// About 100,000 tensors, of some 40 instructions each.
pub(crate) const MOST_INSTRUCTIONS: usize = 1 << 23;
/// The bytes of all names together.
const MOST_TEXT: usize = 64 << 20;

/// What the pickles of one file may still cost, all together.
pub(super) struct Budget {
    instructions: usize,
    text: usize,
}

impl Budget {
    pub(super) fn full() -> Self {
        Self { instructions: MOST_INSTRUCTIONS, text: MOST_TEXT }
    }

    pub(super) fn instruction(&mut self) -> Result<(), Fault> {
        self.instructions(1)
    }

    /// What costs as much as so many instructions.
    pub(super) fn instructions(&mut self, count: usize) -> Result<(), Fault> {
        let left = self.instructions.checked_sub(count);
        self.instructions =
            left.ok_or_else(|| format!("more than {MOST_INSTRUCTIONS} instructions"))?;
        Ok(())
    }

    pub(super) fn text(&mut self, length: usize) -> Result<(), Fault> {
        let left = self.text.checked_sub(length);
        self.text = left.ok_or_else(|| format!("more than {MOST_TEXT} bytes of strings"))?;
        Ok(())
    }
}
