//! The types that tokens have in a `.bin`.

/// The type of the tokens in a Megatron `.bin`, little-endian.
///
/// The codes 1 and 2 of an `.idx` are bytes, 6 and 7 floating point (which is which differs between
/// versions of Megatron): no tokens. A vocabulary above 32,767 written as 16 bits is `U16`; an
/// `.idx` that says [`I16`](Self::I16) of one gives negative tokens, which are an error and never
/// ids.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TokenType {
    /// Unsigned, 16 bits; code 8. Pythia's.
    U16,
    /// Signed, 16 bits; code 3.
    I16,
    /// Signed, 32 bits; code 4.
    I32,
    /// Signed, 64 bits; code 5.
    I64,
}

impl TokenType {
    /// The number of bytes per token.
    pub(super) fn size(self) -> usize {
        match self {
            Self::U16 | Self::I16 => 2,
            Self::I32 => 4,
            Self::I64 => 8,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        match code {
            3 => Some(Self::I16),
            4 => Some(Self::I32),
            5 => Some(Self::I64),
            8 => Some(Self::U16),
            _ => None,
        }
    }

    /// What a code that is none of tokens stands for, for messages.
    pub(super) fn name_of_another(code: u8) -> &'static str {
        match code {
            1 => " (uint8: bytes, as of a byte-level model or of images)",
            2 => " (int8: bytes)",
            6 | 7 => " (floating point)",
            _ => "",
        }
    }

    /// The number in `size()` bytes.
    pub(super) fn number(self, bytes: &[u8]) -> i64 {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        let word = u64::from_le_bytes(word);
        match self {
            Self::U16 => word.cast_signed(),
            // Up to the top and back: the sign comes along.
            _ => (word << (64 - 8 * bytes.len())).cast_signed() >> (64 - 8 * bytes.len()),
        }
    }
}
