//! What every measure begins with: the values as fractions of the largest.

use crate::error::{Error, Undefined};
use crate::measures::measurable::Measurable;

/// The largest value and all values as fractions of it, so that no power of them overflows and none
/// that matters underflows. An error if there is none, or none that is more than its error.
pub(crate) fn relative(
    of: &(impl Measurable + ?Sized),
) -> Result<(f64, impl Iterator<Item = f64> + Clone), Error> {
    match *of.spectrum().values() {
        [] => Err(Undefined::Empty.into()),
        [0.0, ..] => Err(Undefined::Zero.into()),
        [..] if of.noise() >= 1.0 => Err(Undefined::Noise.into()),
        [largest, ..] => {
            Ok((largest, of.spectrum().values().iter().map(move |value| value / largest)))
        }
    }
}
