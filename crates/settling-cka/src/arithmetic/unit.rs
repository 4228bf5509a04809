//! Powers of two that bring rows near 1, where no square underflows and no fourth power overflows.
//!
//! CKA does not depend on the scale of either side, and a power of two changes no digit. So every
//! side is multiplied by one before any product, and the sums are of those rows.

/// The exponent of a power of two.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Unit(i32);

/// Rows may become so many powers of two longer than the unit before it is changed: their fourth
/// powers, and the squares of sums of them, are finite.
const ROOM: i32 = 100;

/// No unit is below 2^-675. Rows that differ by less than 2^-900 then have a trace below 2^-450,
/// which is refused: their mean is not exact any more.
const LEAST: i32 = -675;

impl Unit {
    /// The power of two just below the magnitude `reach`; none of 0.
    pub(crate) fn of(reach: f64) -> Option<Self> {
        let exponent = ((reach.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        (reach > 0.0).then(|| Self(exponent.max(LEAST)))
    }

    /// The unit for rows up to `reach` among sums in `before`: another only where there was none,
    /// or where they would not fit.
    pub(crate) fn with_room(before: Option<Self>, reach: f64) -> Option<Self> {
        match (before, Self::of(reach)) {
            (Some(before), Some(needed)) if needed.0 <= before.0 + ROOM => Some(before),
            (before, needed) => before.max(needed),
        }
    }

    /// What brings rows to this unit.
    pub(crate) fn inverse(self) -> f64 {
        power(-self.0)
    }

    pub(crate) fn value(self) -> f64 {
        power(self.0)
    }

    /// What brings numbers in this unit to numbers in `to`, which is not smaller.
    pub(crate) fn in_unit(self, to: Self) -> f64 {
        power(self.0 - to.0)
    }
}

/// Two to this power; 0 where that is not a normal number.
fn power(exponent: i32) -> f64 {
    u64::try_from(exponent + 1023).map_or(0.0, |biased| f64::from_bits(biased << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_the_powers_of_two_below() {
        for (reach, value) in [(1.0, 1.0), (1.9, 1.0), (2.0, 2.0), (8e270, 2.0_f64.powi(899))] {
            let unit = Unit::of(reach).unwrap();
            assert_eq!((unit.value(), unit.value() * unit.inverse()), (value, 1.0));
        }
        assert_eq!(Unit::of(0.0), None);
        assert_eq!(Unit::of(5e-324), Some(Unit(LEAST)));
        let (small, large) = (Unit::of(1.0).unwrap(), Unit::of(2.0_f64.powi(101)).unwrap());
        assert_eq!(Unit::with_room(Some(small), 2.0_f64.powi(100)), Some(small));
        assert_eq!(Unit::with_room(Some(small), 2.0_f64.powi(101)), Some(large));
        assert_eq!(Unit::with_room(Some(large), 1.0), Some(large));
        assert_eq!(Unit::with_room(None, 1.0), Some(small));
        assert_eq!(Unit::with_room(Some(small), 0.0), Some(small));
        assert_eq!(small.in_unit(large), 2.0_f64.powi(-101));
        assert_eq!(Unit(LEAST).in_unit(Unit(901)), 0.0);
    }
}
