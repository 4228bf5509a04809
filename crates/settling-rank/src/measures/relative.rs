//! What every measure begins with: the values as fractions of the largest.

use settling_core::Spectrum;

use crate::error::{Error, Undefined};

/// The largest value and all values as fractions of it, so that no power of them overflows and none
/// that matters underflows.
pub(crate) fn relative(
    spectrum: &Spectrum,
) -> Result<(f64, impl Iterator<Item = f64> + Clone), Error> {
    match *spectrum.values() {
        [] => Err(Undefined::Empty.into()),
        [0.0, ..] => Err(Undefined::Zero.into()),
        [largest, ..] => Ok((largest, spectrum.values().iter().map(move |value| value / largest))),
    }
}
