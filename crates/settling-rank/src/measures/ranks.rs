//! Other numbers of dimensions: the stable rank, the participation ratio, the numerical rank.

use crate::arithmetic::sum::sum;
use crate::error::Error;
use crate::measures::measurable::Measurable;
use crate::measures::relative::relative;

/// The stable rank: the squared Frobenius norm over the squared spectral norm,
/// `sum(sigma^2) / sigma_1^2`.
///
/// It lies between 1 and the rank, has no unit, and hardly moves when small singular values do.
/// WeightWatcher calls it `stable_rank` too; some papers call it the numerical rank, which here is
/// [`numerical_rank`](crate::numerical_rank).
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined), for an empty spectrum and for one of zeros.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, stable_rank};
///
/// // (4 + 1 + 1) / 4.
/// assert_eq!(stable_rank(&Spectrum::new(vec![2.0, 1.0, 1.0])?)?, 1.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Rudelson & Vershynin (2007), "Sampling from large matrices", J. ACM 54(4), who call it the
/// numerical rank.
pub fn stable_rank(spectrum: &(impl Measurable + ?Sized)) -> Result<f64, Error> {
    let (_, values) = relative(spectrum)?;
    Ok(sum(values.map(|s| s * s)))
}

/// The participation ratio of the *squared* singular values, `sum(sigma^2)^2 / sum(sigma^4)`.
///
/// Neuroscience calls it the dimensionality of the covariance; it has no unit. For a centered data
/// matrix the squared values are the variances along the principal axes, up to a factor. The result
/// lies between 1 and the rank.
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined), for an empty spectrum and for one of zeros.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, participation_ratio};
///
/// // (4 + 1 + 1)^2 / (16 + 1 + 1).
/// assert_eq!(participation_ratio(&Spectrum::new(vec![2.0, 1.0, 1.0])?)?, 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Gao et al. (2017), "A theory of multineuronal dimensionality, dynamics and measurement", bioRxiv
/// 214262.
pub fn participation_ratio(spectrum: &(impl Measurable + ?Sized)) -> Result<f64, Error> {
    let (_, values) = relative(spectrum)?;
    let squares = values.map(|s| s * s);
    let total = sum(squares.clone());
    Ok(total * total / sum(squares.map(|s| s * s)))
}

/// The numerical rank: how many singular values are greater than `tolerance` times the largest, and
/// greater than their [noise](Measurable::noise). 0 for an empty matrix and for one of zeros.
///
/// numpy's and torch's `matrix_rank` take `tolerance = max(rows, cols) * eps`, with the eps of the
/// type of the elements: `f32::EPSILON` for a weight in f32, whose rounding alone fills up the
/// spectrum to there.
///
/// # Panics
///
/// If the tolerance is negative or NaN.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, numerical_rank};
///
/// let spectrum = Spectrum::new(vec![2.0, 1.0, 1e-9, 0.0])?;
/// assert_eq!(numerical_rank(&spectrum, 1e-6), 2);
/// assert_eq!(numerical_rank(&spectrum, 0.0), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Golub & Van Loan, *Matrix Computations*, 4th edition, section 5.4.1.
#[must_use]
#[track_caller]
pub fn numerical_rank(spectrum: &(impl Measurable + ?Sized), tolerance: f64) -> usize {
    assert!(tolerance >= 0.0, "a tolerance is not negative");
    let tolerance = tolerance.max(spectrum.noise());
    relative(spectrum).map_or(0, |(_, values)| values.filter(|&value| value > tolerance).count())
}
