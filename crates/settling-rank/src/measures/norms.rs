//! Norms of a matrix, from its singular values.

use crate::arithmetic::sum::sum;
use crate::measures::measurable::Measurable;
use crate::measures::relative::relative;

/// The spectral norm: the largest singular value, in the unit of the elements. 0 for an empty
/// matrix.
///
/// Also the operator norm or 2-norm; numpy's `norm(a, 2)`; the square root of WeightWatcher's
/// `lambda_max`.
///
/// ```
/// use settling_rank::{Spectrum, spectral_norm};
///
/// assert_eq!(spectral_norm(&Spectrum::new(vec![4.0, 3.0])?), 4.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn spectral_norm(spectrum: &(impl Measurable + ?Sized)) -> f64 {
    spectrum.spectrum().values().first().copied().unwrap_or(0.0)
}

/// The Frobenius norm: the root of the sum of the squared singular values, in the unit of the
/// elements. 0 for an empty matrix.
///
/// numpy's `norm(a)` and torch's `norm(a)`; pico-analyze's `norm` of type `frobenius`.
///
/// Infinite only if the norm itself is greater than [`f64::MAX`]; the squares of the values do not
/// overflow.
///
/// ```
/// use settling_rank::{Spectrum, frobenius_norm};
///
/// // 3-4-5.
/// assert_eq!(frobenius_norm(&Spectrum::new(vec![4e300, 3e300])?), 5e300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn frobenius_norm(spectrum: &(impl Measurable + ?Sized)) -> f64 {
    relative(spectrum.spectrum())
        .map_or(0.0, |(largest, values)| largest * sum(values.map(|s| s * s)).sqrt())
}

/// The nuclear norm: the sum of the singular values, in the unit of the elements. 0 for an empty
/// matrix.
///
/// Also the trace norm or Schatten 1-norm; numpy's `norm(a, "nuc")`; pico-analyze's `norm` of type
/// `nuclear`.
///
/// Infinite only if the norm itself is greater than [`f64::MAX`].
///
/// ```
/// use settling_rank::{Spectrum, nuclear_norm};
///
/// assert_eq!(nuclear_norm(&Spectrum::new(vec![4.0, 3.0])?), 7.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn nuclear_norm(spectrum: &(impl Measurable + ?Sized)) -> f64 {
    relative(spectrum.spectrum()).map_or(0.0, |(largest, values)| largest * sum(values))
}
