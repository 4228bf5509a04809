//! The effective rank, and its share of the rank there could be.

use std::num::NonZeroUsize;

use crate::arithmetic::sum::sum;
use crate::error::Error;
use crate::measures::measurable::Measurable;
use crate::measures::relative::relative;

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
/// the name for other things: the entropy of the *squared* values (whose logarithm, normalized, is
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
/// // The shares are 1/2, 1/4, 1/4. The entropy is 1/2 ln 2 + 2 * 1/4 ln 4 = 3/2 ln 2;
/// // its exponential is 2^(3/2).
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
pub fn effective_rank(spectrum: &(impl Measurable + ?Sized)) -> Result<f64, Error> {
    relative(spectrum).map(|(_, values)| effective_rank_of(values))
}

/// The effective rank of values as fractions of the largest, in any order.
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
/// [`Undefined`](crate::ErrorKind::Undefined), for an empty spectrum and for one of zeros.
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
    spectrum: &(impl Measurable + ?Sized),
    denominator: Denominator,
) -> Result<f64, Error> {
    let (_, values) = relative(spectrum)?;
    let count = spectrum.spectrum().len();
    let (dimensions, counted) = match denominator {
        Denominator::Attainable => (count, count),
        Denominator::Dimensions(dimensions) => (dimensions.get(), count),
        Denominator::TopK(k) => (k.get(), k.get()),
    };
    Ok(effective_rank_of(values.take(counted)) / dimensions as f64)
}
