//! Another format under the name `.bin`, which would pass for tokens.

use settling_core::ReadRange;

use crate::error::Error;
use crate::ranges::read_exactly;

/// 256 numbers of 32 bits, of which three are used: a mark, a version and the number of tokens.
const HEADER: u64 = 1024;

/// The type of the tokens, by the mark at the start: GPT-2's and Llama 3's.
const MARKS: [(u32, u64, &str); 2] = [(20_240_520, 2, "uint16"), (20_240_801, 4, "uint32")];

/// Whether bytes are a data file of llm.c, and which type its tokens have.
pub(super) fn is_llm_c(bytes: &dyn ReadRange) -> Result<Option<&'static str>, Error> {
    if bytes.len() < HEADER {
        return Ok(None);
    }
    let start = read_exactly(bytes, 0..12)?;
    let numbers = start.as_chunks().0.iter().map(|&number| u32::from_le_bytes(number));
    let [mark, _, tokens] = numbers.collect::<Vec<u32>>()[..] else { return Ok(None) };
    let found = MARKS
        .iter()
        .find(|(one, size, _)| *one == mark && u64::from(tokens) * size + HEADER == bytes.len());
    Ok(found.map(|(_, _, element)| *element))
}
