use std::num::NonZeroUsize;

use settling_core::Spectrum;

use crate::error::{Repr, Undefined};
use crate::{Error, sum::sum};

/// The effective rank: the exponential of the entropy, in nats, of the singular values as shares of
/// their sum.
///
/// It lies between 1 and the rank: 1 for a rank-1 matrix, n for the identity of size n, and in
/// between the more, the more evenly the values are spread.
///
/// # Definition
///
/// With `p_k = sigma_k / sum(sigma)` and `0 ln 0 = 0`,
///
/// ```text
/// effective rank = exp(-sum(p_k ln p_k))
/// ```
///
/// The result has no unit. [`rankme`](crate::rankme) adds an epsilon to the shares. Other tools use
/// the name for other things: the entropy of the *squared* values (whose logarithm, normalised, is
/// [`matrix_entropy`](crate::matrix_entropy)), of the largest k only, or the ratio of the nuclear
/// to the spectral norm. The differences are not small: for `sigma_k = k^(-1/2)`, k = 1 to 512, the
/// shares of the values give 0.80 of 512 and the shares of their squares 0.23.
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined), for an empty spectrum and for one of zeros.
///
/// # Numerics
///
/// The relative error, beyond what the singular values bring with them, is below 1e-14, at any
/// scale.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, effective_rank};
///
/// // The shares are 1/2, 1/4, 1/4. The entropy is 1/2 ln 2 + 2 * 1/4 ln 4 = 3/2 ln 2; its exponential is 2^(3/2).
/// let spectrum = Spectrum::new(vec![2.0, 1.0, 1.0])?;
/// assert!((effective_rank(&spectrum)? - 2.0_f64.powf(1.5)).abs() < 1e-14);
///
/// // A zero has no share and adds nothing.
/// let spectrum = Spectrum::new(vec![5.0, 5.0, 5.0, 0.0])?;
/// assert_eq!(effective_rank(&spectrum)?, 3.0);
///
/// assert!(effective_rank(&Spectrum::new(vec![0.0, 0.0])?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Roy & Vetterli (2007), "The effective rank: a measure of effective dimensionality", EUSIPCO,
/// definition 1.
pub fn effective_rank(spectrum: &Spectrum) -> Result<f64, Error> {
    relative(spectrum).map(|(_, values)| effective_rank_of(values))
}

/// Of values as fractions of the largest, in any order.
pub(crate) fn effective_rank_of(values: impl Iterator<Item = f64> + Clone) -> f64 {
    // With s = sigma / sigma_1 and S = sum(s), the definition is S * exp(-sum(s ln s) / S). Both
    // factors are at least 1, also after rounding, and equal values give their number exactly.
    let total = sum(values.clone());
    let weighted_logs = sum(values.filter(|&s| s > 0.0).map(|s| s * s.ln()));
    total * (-weighted_logs / total).exp()
}

/// What [`proportional_effective_rank`] divides by.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Denominator {
    /// The largest rank that the matrix can have: the length of its spectrum, `min(rows, cols)` for
    /// a matrix. The result is then at most 1.
    #[default]
    Attainable,
    /// A number of dimensions of your own. The number of columns of the matrix, or the hidden size
    /// of the model, is the paper's H taken literally: a matrix with fewer rows cannot reach 1. The
    /// width of an attention head is what the output-value circuit of one head can reach, whatever
    /// shape it is stored in: the spectrum of a formed product, with its rounding errors in place
    /// of zeros, can exceed 1.
    Dimensions(NonZeroUsize),
    /// Only the k largest singular values count, and k is the denominator: the "rank-k PER" of code
    /// that truncates the spectrum. With fewer than k values, the missing ones are zeros.
    TopK(NonZeroUsize),
}

/// The proportional effective rank (PER): [`effective_rank`] divided by a number of dimensions. No
/// unit.
///
/// # Definition
///
/// Diehl Martinez et al. write `PER = effective rank / H` and call H the number of hidden
/// dimensions. The weight that writes an MLP's output has the shape `(D, 4 D)` and so D singular
/// values: with `H = 4 D` its PER cannot exceed 1/4, while the figures of the paper show more.
/// [`Denominator::Attainable`] divides by the number of singular values instead, so that every
/// matrix can reach 1 and none can exceed it; [`Denominator::Dimensions`] takes a literal H. What a
/// random matrix reaches says [`marchenko_pastur_per`](crate::marchenko_pastur_per).
///
/// pico-analyze calls this `per`, with the attainable rank.
///
/// # Errors
///
/// As [`effective_rank`].
///
/// # Example
///
/// ```
/// use std::num::NonZeroUsize;
/// use settling_rank::{Denominator, Spectrum, proportional_effective_rank};
///
/// // Three equal values of four possible: an effective rank of 3.
/// let spectrum = Spectrum::new(vec![5.0, 5.0, 5.0, 0.0])?;
/// let per = |denominator| proportional_effective_rank(&spectrum, denominator);
/// assert_eq!(per(Denominator::Attainable)?, 0.75);
///
/// let count = |n| NonZeroUsize::new(n).unwrap();
/// assert_eq!(per(Denominator::Dimensions(count(16)))?, 0.1875);
/// assert_eq!(per(Denominator::Dimensions(count(3)))?, 1.0);
/// assert_eq!(per(Denominator::TopK(count(2)))?, 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Diehl Martinez, Lesci & Buttery (2024), "Tending Towards Stability: Convergence Challenges in
/// Small Language Models", Findings of EMNLP.
pub fn proportional_effective_rank(
    spectrum: &Spectrum,
    denominator: Denominator,
) -> Result<f64, Error> {
    let (_, values) = relative(spectrum)?;
    let (dimensions, counted) = match denominator {
        Denominator::Attainable => (spectrum.len(), spectrum.len()),
        Denominator::Dimensions(count) => (count.get(), spectrum.len()),
        Denominator::TopK(count) => (count.get(), count.get()),
    };
    Ok(effective_rank_of(values.take(counted)) / dimensions as f64)
}

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
pub fn stable_rank(spectrum: &Spectrum) -> Result<f64, Error> {
    let (_, values) = relative(spectrum)?;
    Ok(sum(values.map(|s| s * s)))
}

/// The participation ratio of the *squared* singular values, `sum(sigma^2)^2 / sum(sigma^4)`.
///
/// Neuroscience calls it the dimensionality of the covariance; it has no unit. For a centred data
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
pub fn participation_ratio(spectrum: &Spectrum) -> Result<f64, Error> {
    let (_, values) = relative(spectrum)?;
    let squares = values.map(|s| s * s);
    let total = sum(squares.clone());
    Ok(total * total / sum(squares.map(|s| s * s)))
}

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
pub fn spectral_norm(spectrum: &Spectrum) -> f64 {
    spectrum.values().first().copied().unwrap_or(0.0)
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
pub fn frobenius_norm(spectrum: &Spectrum) -> f64 {
    relative(spectrum).map_or(0.0, |(largest, values)| largest * sum(values.map(|s| s * s)).sqrt())
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
pub fn nuclear_norm(spectrum: &Spectrum) -> f64 {
    relative(spectrum).map_or(0.0, |(largest, values)| largest * sum(values))
}

/// The numerical rank: how many singular values are greater than `tolerance` times the largest. 0
/// for an empty matrix and for one of zeros.
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
pub fn numerical_rank(spectrum: &Spectrum, tolerance: f64) -> usize {
    assert!(tolerance >= 0.0, "a tolerance is not negative");
    relative(spectrum).map_or(0, |(_, values)| values.filter(|&value| value > tolerance).count())
}

/// The largest value and all values as fractions of it, so that no power of them overflows and none
/// that matters underflows.
pub(crate) fn relative(
    spectrum: &Spectrum,
) -> Result<(f64, impl Iterator<Item = f64> + Clone), Error> {
    match *spectrum.values() {
        [] => Err(Repr::Undefined(Undefined::Empty).into()),
        [0.0, ..] => Err(Repr::Undefined(Undefined::Zero).into()),
        [largest, ..] => Ok((largest, spectrum.values().iter().map(move |value| value / largest))),
    }
}
