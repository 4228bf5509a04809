//! The condition number, as far as it is known.

use crate::error::Error;
use crate::measures::measurable::Measurable;
use crate::measures::relative::relative;

/// The ratio of the largest to the smallest singular value, as far as it is known:
/// [`condition_number`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConditionNumber {
    /// The ratio.
    Value(f64),
    /// The smallest value is lost in its error, and may be zero: the ratio is at least this.
    AtLeast(f64),
}

/// The condition number in the 2-norm: the largest singular value over the smallest, both as they
/// are if the smallest is known to better than itself, and a lower bound otherwise. No unit.
///
/// `radius` is how far the smallest value can be from the true one, in the unit of the values, and
/// at least its [noise](Measurable::noise) is taken:
/// [`CertifiedSpectrum::condition_number`](crate::CertifiedSpectrum::condition_number) knows it.
/// For exact values it is 0; the ratio is then infinite where the smallest is 0.
///
/// numpy's `cond`, MATLAB's `cond` and pico-analyze's `condition_number` always give the ratio,
/// which for a matrix of lower rank is a large number made of rounding errors.
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined), for an empty spectrum and for one of zeros.
///
/// # Panics
///
/// If the radius is negative or NaN.
///
/// # Example
///
/// ```
/// use settling_rank::{ConditionNumber, Spectrum, condition_number};
///
/// let spectrum = Spectrum::new(vec![8.0, 2.0])?;
/// assert_eq!(condition_number(&spectrum, 1e-3)?, ConditionNumber::Value(4.0));
///
/// // A value of 0 that may be anything up to 2: a ratio of 8 / 2 or more.
/// let spectrum = Spectrum::new(vec![8.0, 0.0])?;
/// assert_eq!(condition_number(&spectrum, 2.0)?, ConditionNumber::AtLeast(4.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Golub & Van Loan, *Matrix Computations*, 4th edition, section 2.6.2.
#[track_caller]
pub fn condition_number(
    spectrum: &(impl Measurable + ?Sized),
    radius: f64,
) -> Result<ConditionNumber, Error> {
    assert!(radius >= 0.0, "a radius is not negative");
    let (largest, values) = relative(spectrum)?;
    let smallest = values.last().unwrap_or(1.0);
    let radius = (radius / largest).max(spectrum.noise());
    Ok(if radius < smallest || radius == 0.0 {
        ConditionNumber::Value(1.0 / smallest)
    } else {
        ConditionNumber::AtLeast(1.0 / (smallest + radius))
    })
}
