//! Multiplication by powers of two: exact, unless the result is subnormal or overflows.

/// `x * 2^k` for |k| <= 1100.
pub(crate) fn times_two_to(x: f64, k: i32) -> f64 {
    // 2^1074, which lifts the smallest subnormal to 1, is itself no f64: take two steps.
    let half = k / 2;
    x * two_to(half) * two_to(k - half)
}

/// The k with `2^k <= x < 2^(k + 1)`, for finite x > 0.
pub(crate) fn exponent(x: f64) -> i32 {
    let biased = |x: f64| (x.to_bits() >> 52) as i32;
    match biased(x) {
        0 => biased(x * two_to(64)) - 64 - 1023,
        normal => normal - 1023,
    }
}

/// `2^k` for -1022 <= k <= 1023.
fn two_to(k: i32) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_power_of_two_comes_to_one_and_back() {
        let smallest = f64::from_bits(1); // 2^-1074
        let mut x = smallest;
        for k in -1074..=1023 {
            assert_eq!(exponent(x), k);
            assert_eq!(times_two_to(x, -k), 1.0);
            assert_eq!(times_two_to(1.0, k), x);
            x *= 2.0;
        }
    }

    #[test]
    fn the_exponent_rounds_down() {
        assert_eq!(exponent(1.999), 0);
        assert_eq!(exponent(0.999), -1);
        assert_eq!(exponent(f64::from_bits(3)), -1073);
        assert_eq!(exponent(f64::MAX), 1023);
    }
}
