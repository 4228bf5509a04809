//! The types of the elements of a `.npy` file.

/// The type of the numbers, in any byte order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Element {
    pub(super) kind: Kind,
    pub(super) size: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Signed,
    Unsigned,
    Float,
}

impl Element {
    /// What NumPy makes of a type string: `<u2`, `>i8`, `f4`, `uint16`, `=q`. `None` unless it is
    /// a real number of up to 8 bytes.
    pub(super) fn parse(descr: &str) -> Option<Self> {
        let (order, name) = match descr.strip_prefix(['<', '>', '=', '|']) {
            Some(name) => (&descr[..1], name),
            None => ("=", descr),
        };
        let (kind, size) = match name {
            "i1" | "int8" | "b" => (Kind::Signed, 1),
            "i2" | "int16" | "h" => (Kind::Signed, 2),
            "i4" | "int32" | "i" => (Kind::Signed, 4),
            "i8" | "int64" | "q" | "l" | "int" => (Kind::Signed, 8),
            "u1" | "uint8" | "B" => (Kind::Unsigned, 1),
            "u2" | "uint16" | "H" => (Kind::Unsigned, 2),
            "u4" | "uint32" | "I" => (Kind::Unsigned, 4),
            "u8" | "uint64" | "Q" | "L" | "uint" => (Kind::Unsigned, 8),
            "f2" | "float16" | "e" => (Kind::Float, 2),
            "f4" | "float32" | "f" => (Kind::Float, 4),
            "f8" | "float64" | "d" | "float" => (Kind::Float, 8),
            _ => return None,
        };
        let big_endian = order == ">" || (order != "<" && cfg!(target_endian = "big"));
        Some(Self { kind, size, big_endian })
    }

    /// What another type string stands for, as a hint.
    pub(super) fn hint(descr: &str) -> &'static str {
        match descr.trim_start_matches(['<', '>', '=', '|']).chars().next() {
            Some('O') => " (objects, which come from rows of different lengths)",
            Some('b' | '?') => " (truth values)",
            Some('c' | 'F' | 'D') => " (complex numbers)",
            Some('U' | 'S' | 'a') => " (text)",
            Some('V') => " (raw bytes, or bfloat16: save float32)",
            Some('M' | 'm') => " (dates)",
            _ => "",
        }
    }

    /// The number in `size` bytes as a token id, or the number as text if it is none.
    pub(super) fn id(self, bytes: &[u8]) -> Result<u32, String> {
        let word = self.word(bytes);
        match self.kind {
            Kind::Signed => {
                let number = self.signed(word);
                u32::try_from(number).map_err(|_| number.to_string())
            }
            Kind::Unsigned => u32::try_from(word).map_err(|_| word.to_string()),
            Kind::Float => Err(self.float(word).to_string()),
        }
    }

    /// The number in `size` bytes, exactly; as text if it is a whole number beyond 2^53 that f64
    /// does not have.
    pub(super) fn value(self, bytes: &[u8]) -> Result<f64, String> {
        let word = self.word(bytes);
        match self.kind {
            Kind::Signed => {
                let number = self.signed(word);
                let exact = fits(number.unsigned_abs());
                if exact { Ok(number as f64) } else { Err(number.to_string()) }
            }
            Kind::Unsigned => {
                if fits(word) {
                    Ok(word as f64)
                } else {
                    Err(word.to_string())
                }
            }
            Kind::Float => Ok(self.float(word)),
        }
    }

    fn word(self, bytes: &[u8]) -> u64 {
        let mut word = [0; 8];
        word[..self.size].copy_from_slice(bytes);
        if self.big_endian {
            word[..self.size].reverse();
        }
        u64::from_le_bytes(word)
    }

    fn signed(self, word: u64) -> i64 {
        // Up to the top and back: the sign comes along.
        let shift = 64 - 8 * self.size;
        (word << shift).cast_signed() >> shift
    }

    fn float(self, word: u64) -> f64 {
        match self.size {
            2 => half(word as u16),
            4 => f32::from_bits(word as u32).into(),
            _ => f64::from_bits(word),
        }
    }
}

/// Whether f64, whose fractions have 53 bits, has a whole number.
fn fits(number: u64) -> bool {
    let zeros = number.leading_zeros() + number.trailing_zeros();
    number == 0 || u64::BITS - zeros <= f64::MANTISSA_DIGITS
}

/// The value of an IEEE half: 1 bit of sign, 5 of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1f if fraction > 0.0 => f64::NAN,
        0x1f => f64::INFINITY,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_their_values() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x0001, 2_f64.powi(-24)),
            (0x03ff, 1023.0 * 2_f64.powi(-24)),
            (0x0400, 2_f64.powi(-14)),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_953_125),
            (0x7bff, 65504.0),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
    }

    #[test]
    fn whole_numbers_are_exact_or_none() {
        let value = |descr: &str, bytes: &[u8]| Element::parse(descr).unwrap().value(bytes);
        let large = (1_i64 << 53) + 1;
        assert_eq!(value("<i8", &(large - 1).to_le_bytes()), Ok(9_007_199_254_740_992.0));
        assert_eq!(value("<i8", &large.to_le_bytes()), Err(large.to_string()));
        assert_eq!(value(">i8", &i64::MIN.to_be_bytes()), Ok(-2_f64.powi(63)));
        assert_eq!(value("<i8", &i64::MAX.to_le_bytes()), Err(i64::MAX.to_string()));
        assert_eq!(value("u8", &u64::MAX.to_le_bytes()), Err(u64::MAX.to_string()));
        assert_eq!(value("|i1", &[0xff]), Ok(-1.0));
        assert_eq!(value("|u1", &[0xff]), Ok(255.0));
    }
}
