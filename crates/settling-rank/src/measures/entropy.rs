//! Other entropies of a spectrum that go by names of their own.

use crate::arithmetic::sum::sum;
use crate::error::{Error, Undefined};
use crate::measures::measurable::Measurable;
use crate::measures::ranks::numerical_rank;
use crate::measures::relative::relative;

/// RankMe: the [effective rank](crate::effective_rank) with `epsilon` added to every share,
/// `exp(-sum(p_k ln p_k))`, `p_k = sigma_k / sum(sigma) + epsilon`. No unit.
///
/// The paper takes 1e-7 for f32, to keep the logarithm finite. The shares then no longer add up to
/// 1, and the result for n equal values is not n; with an epsilon of 0 it is the effective rank.
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined), for an empty spectrum and for one of zeros.
///
/// # Panics
///
/// If `epsilon` is negative or not finite.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, effective_rank, rankme};
///
/// // Shares 1/4 + 1/4 and 3/4 + 1/4: -(1/2 ln 1/2 + 0), whose exponential is sqrt(2).
/// let spectrum = Spectrum::new(vec![3.0, 1.0])?;
/// assert!((rankme(&spectrum, 0.25)? - 2.0_f64.sqrt()).abs() < 1e-14);
/// assert!((rankme(&spectrum, 0.0)? - effective_rank(&spectrum)?).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Garrido, Balestriero, Najman & LeCun (2023), "RankMe: Assessing the downstream performance of
/// pretrained self-supervised representations by their rank", ICML.
#[track_caller]
pub fn rankme(spectrum: &(impl Measurable + ?Sized), epsilon: f64) -> Result<f64, Error> {
    assert!(epsilon >= 0.0 && epsilon.is_finite(), "an epsilon is finite and not negative");
    let (_, values) = relative(spectrum)?;
    let total = sum(values.clone());
    Ok(entropy(values.map(|value| value / total + epsilon)).exp())
}

/// The matrix entropy: the entropy of the *squared* singular values as shares of their sum, over
/// the logarithm of the [numerical rank](numerical_rank) r, `-sum(p_k ln p_k) / ln r`,
/// `p_k = sigma_k^2 / sum(sigma^2)`. From 0 to 1, no unit.
///
/// `tolerance` is that of the numerical rank. This is WeightWatcher's `entropy` (its tolerance is
/// `max(rows, cols) * 2^-52`) without the epsilon that it adds to the shares. Times `ln r` it is
/// the von Neumann entropy of the normalized Gram matrix, in nats.
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined): the spectrum is [empty](Undefined::Empty),
/// [zero](Undefined::Zero), or of numerical rank [one](Undefined::One), where it would be 0 / 0.
///
/// # Panics
///
/// If the tolerance is negative or NaN.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, matrix_entropy};
///
/// // Squares 2, 1, 1, shares 1/2, 1/4, 1/4: 3/2 ln 2 over ln 3.
/// let spectrum = Spectrum::new(vec![2.0_f64.sqrt(), 1.0, 1.0, 0.0])?;
/// let by_hand = 1.5 * 2.0_f64.ln() / 3.0_f64.ln();
/// assert!((matrix_entropy(&spectrum, 1e-12)? - by_hand).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Martin & Mahoney (2021), "Implicit self-regularization in deep neural networks", JMLR 22,
/// section 3.2.
#[track_caller]
pub fn matrix_entropy(spectrum: &(impl Measurable + ?Sized), tolerance: f64) -> Result<f64, Error> {
    let rank = numerical_rank(spectrum, tolerance);
    let (_, values) = relative(spectrum)?;
    if rank <= 1 {
        return Err(Undefined::One.into());
    }
    let squares = values.map(|value| value * value);
    let total = sum(squares.clone());
    Ok(entropy(squares.map(|square| square / total)) / (rank as f64).ln())
}

/// The entropy of shares, in nats.
fn entropy(shares: impl Iterator<Item = f64>) -> f64 {
    -sum(shares.filter(|&p| p > 0.0).map(|p| p * p.ln()))
}
