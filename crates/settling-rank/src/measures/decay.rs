//! The power law that fits the singular values.

use std::ops::RangeInclusive;

use crate::arithmetic::sum::sum;
use crate::error::{Error, Undefined};
use crate::measures::measurable::Measurable;
use crate::measures::relative::relative;

/// The spectral decay exponent: the `a` of the power law `sigma_k ~ k^(-a)` that fits the singular
/// values of the given ranks best, by least squares of `ln sigma_k` over `ln k`. No unit.
///
/// Ranks count from 1, the largest value. The first few and the last values rarely follow the law
/// of the middle: choose the range, and report it. A flat spectrum has the exponent 0.
///
/// A logarithm makes as much of rounding noise as of a value: the range must end before the values
/// that may be zero, by their [noise](Measurable::noise). Of a bare [`Spectrum`], whose errors
/// nobody knows, those up to `4 n 2^-52` times the largest, n their number, may be: no
/// decomposition in f64 tells them from zero. [`numerical_rank`](crate::numerical_rank) counts the
/// others.
///
/// [`Spectrum`]: crate::Spectrum
///
/// Others fit eigenvalues `sigma_k^2`: the exponent of the alpha-ReQ metric and of Stringer et al.
/// is twice this. WeightWatcher's `alpha` is something else, the exponent of the *density* of the
/// large eigenvalues, by maximum likelihood: a pure power law of exponent a has
/// `alpha = 1 + 1 / (2 a)`.
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined): the spectrum is [empty](Undefined::Empty),
/// [zero](Undefined::Zero) or [noise](Undefined::Noise), the range has [one](Undefined::One) rank
/// or none, or a value in it is [missing or may be zero](Undefined::Range).
///
/// # Panics
///
/// If the range starts at 0.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, spectral_decay};
///
/// // 12 / k^1.
/// let spectrum = Spectrum::new(vec![12.0, 6.0, 4.0, 3.0])?;
/// assert!((spectral_decay(&spectrum, 1..=4)? - 1.0).abs() < 1e-14);
///
/// // Two points: ln(8 / 2) / ln(2 / 1) = 2.
/// let spectrum = Spectrum::new(vec![8.0, 2.0, 0.0])?;
/// assert!((spectral_decay(&spectrum, 1..=2)? - 2.0).abs() < 1e-14);
/// assert!(spectral_decay(&spectrum, 1..=3).is_err());
///
/// // Element (i, j) is i j: a single singular value, beside which there is rounding.
/// let product: Vec<f64> = (0..40).map(|k| f64::from((k / 5 + 1) * (k % 5 + 1))).collect();
/// let certified = settling_rank::spectrum(settling_rank::MatView::new(&product, 8, 5))?;
/// assert!(spectral_decay(&certified, 1..=5).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Stringer et al. (2019), "High-dimensional geometry of population responses in visual cortex",
/// Nature 571; Agrawal et al. (2022), "alpha-ReQ: Assessing representation quality in
/// self-supervised learning by measuring eigenspectrum decay", NeurIPS.
#[track_caller]
pub fn spectral_decay(
    spectrum: &(impl Measurable + ?Sized),
    ranks: RangeInclusive<usize>,
) -> Result<f64, Error> {
    let (first, last) = ranks.into_inner();
    assert!(first > 0, "ranks count from 1");
    let (_, values) = relative(spectrum)?;
    let values: Vec<f64> = values.collect();
    if last <= first {
        return Err(Undefined::One.into());
    }
    let rounding = 4.0 * values.len() as f64 * f64::EPSILON;
    let noise = spectrum.noise().max(rounding);
    if values.get(last - 1).is_none_or(|&value| value <= noise) {
        return Err(Undefined::Range.into());
    }
    let points: Vec<(f64, f64)> =
        (first..=last).map(|k| ((k as f64).ln(), values[k - 1].ln())).collect();
    let mean_x = sum(points.iter().map(|(x, _)| *x)) / points.len() as f64;
    let mean_y = sum(points.iter().map(|(_, y)| *y)) / points.len() as f64;
    let slope = sum(points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)));
    Ok(-slope / sum(points.iter().map(|(x, _)| (x - mean_x).powi(2))))
}
