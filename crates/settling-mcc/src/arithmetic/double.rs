//! Numbers in twice the precision of f64.

use std::ops::{Add, Mul, Neg};

/// An unevaluated sum of two f64, the second below the rounding error of the first: about 106 bits.
///
/// Reference: Dekker (1971), "A floating-point technique for extending the available precision".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Double {
    high: f64,
    low: f64,
}

impl Double {
    fn new(high: f64, low: f64) -> Self {
        let sum = high + low;
        Self { high: sum, low: low - (sum - high) }
    }

    /// The nearest f64.
    pub(crate) fn round(self) -> f64 {
        self.high
    }

    /// For values > 0.
    pub(crate) fn sqrt(self) -> Self {
        // One Newton step from the root of the leading part.
        let root = self.high.sqrt();
        let rest = root.mul_add(-root, self.high) + self.low;
        Self::new(root, rest / (2.0 * root))
    }

    pub(crate) fn divided_by(self, divisor: Self) -> Self {
        let quotient = self.high / divisor.high;
        let rest = quotient.mul_add(-divisor.high, self.high) + self.low - quotient * divisor.low;
        Self::new(quotient, rest / divisor.high)
    }
}

impl From<f64> for Double {
    fn from(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }
}

impl From<u64> for Double {
    fn from(integer: u64) -> Self {
        let high = integer as f64;
        // `high` can be 2^64, which is no u64.
        Self { high, low: (i128::from(integer) - high as i128) as f64 }
    }
}

impl From<u128> for Double {
    fn from(integer: u128) -> Self {
        const TWO_TO_64: f64 = (1_u128 << 64) as f64;
        let upper = Self::from((integer >> 64) as u64);
        Self { high: upper.high * TWO_TO_64, low: upper.low * TWO_TO_64 }
            + Self::from(integer as u64)
    }
}

impl Add for Double {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (a, b) = (self.high, other.high);
        let sum = a + b;
        let from_b = sum - a;
        let lost = (a - (sum - from_b)) + (b - from_b);
        Self::new(sum, lost + self.low + other.low)
    }
}

impl Mul for Double {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let product = self.high * other.high;
        let lost = self.high.mul_add(other.high, -product);
        Self::new(product, lost + self.high * other.low + self.low * other.high)
    }
}

impl Neg for Double {
    type Output = Self;

    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}
