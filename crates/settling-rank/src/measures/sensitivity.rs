//! How the effective rank answers to changes of the singular values: to small ones, and to bounded
//! ones.

use settling_core::Spectrum;

use crate::arithmetic::sum::sum;
use crate::error::Error;
use crate::measures::effective_rank::effective_rank_of;
use crate::measures::measurable::Measurable;
use crate::measures::relative::relative;
use crate::uncertainty::{Quantity, Uncertainty};

/// The derivative of the [effective rank](crate::effective_rank) by each singular value.
///
/// # Definition
///
/// With `S = sum(sigma)`, `p_k = sigma_k / S` and the entropy
/// `H = -sum(p_j ln p_j) = ln S - sum(sigma_j ln sigma_j) / S`,
///
/// ```text
/// dH / d sigma_k  = 1 / S - (ln sigma_k + 1) / S + sum(sigma_j ln sigma_j) / S^2
///                 = (-ln p_k - H) / S
/// dER / d sigma_k = ER * dH / d sigma_k = ER * (-ln p_k - H) / S
/// ```
///
/// A value grows the rank if its share is below `exp(-H) = 1 / ER`, and lowers it if the share is
/// above. The rank does not depend on scale, so the derivatives, each times its value, add up to 0.
/// Their unit is one over that of the values.
///
/// At a value of zero the derivative, which is one-sided there, is infinite: `x ln x` rises
/// vertically from 0. So it is at a value that may be zero, by its [noise](Measurable::noise). It
/// is returned as [`f64::INFINITY`], which is what it is; [`effective_rank_error`] has finite
/// answers there. Any other value is finite unless it is greater than [`f64::MAX`] itself; singular
/// values below 1e-308 of the largest count as zeros.
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined), for an empty spectrum and for one of zeros.
///
/// # Numerics
///
/// The error is below 1e-14 `(1 + |ln p_k| + H) ER / S`.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, effective_rank_sensitivity};
///
/// // The shares are 1/2, 1/4, 1/4: H = 3/2 ln 2, ER = 2^(3/2), S = 4.
/// // The first derivative is ER (ln 2 - 3/2 ln 2) / 4 = -ln 2 / sqrt(8), the others are
/// // ER (2 ln 2 - 3/2 ln 2) / 4 = ln 2 / sqrt(8).
/// let derivatives = effective_rank_sensitivity(&Spectrum::new(vec![2.0, 1.0, 1.0])?)?;
/// let expected = std::f64::consts::LN_2 / 8.0_f64.sqrt();
/// for (found, expected) in derivatives.iter().zip([-expected, expected, expected]) {
///     assert!((found - expected).abs() < 1e-14);
/// }
///
/// // Equal values are the maximum; a zero beside them would add a direction.
/// let derivatives = effective_rank_sensitivity(&Spectrum::new(vec![3.0, 3.0, 0.0])?)?;
/// assert_eq!(derivatives, [0.0, 0.0, f64::INFINITY]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn effective_rank_sensitivity(
    spectrum: &(impl Measurable + ?Sized),
) -> Result<Vec<f64>, Error> {
    let (largest, values) = relative(spectrum)?;
    // ER / S, of the values as fractions of the largest, is exp(-mean_log): see `effective_rank`.
    let mean_log = mean_log(values.clone());
    let factor = (-mean_log).exp();
    let noise = spectrum.noise();
    let derivative = |value: f64| match value <= noise {
        true => f64::INFINITY,
        false => factor * excess(value, mean_log) / largest,
    };
    Ok(values.map(derivative).collect())
}

/// How far the [effective rank](crate::effective_rank) of a spectrum may be from the true one,
/// relative to it, if singular value k is within `radii[k]` of the true one. A bound, not an
/// estimate: no values within the radii have a rank farther away.
///
/// The true values are taken to be non-negative, in any order. The bound is infinite where every
/// radius reaches its value, so that nothing is known.
///
/// # Definition
///
/// Let `x` be the shares of the values, `H` their entropy, and let the true values be, in units of
/// the sum, `x_k + d_k` with `|d_k| <= r_k`; `q` their shares, `s = 1 + sum(d)` their sum,
/// `R = sum(r)`. Expanding `ln q_k = ln x_k + ln(q_k / x_k)`,
///
/// ```text
/// H(q) - H = sum(d_k (-ln x_k - H)) / s - sum(q_k ln(q_k / x_k))
/// ```
///
/// exactly. The first sum is the [derivative](effective_rank_sensitivity) times the change; the
/// second is the Kullback-Leibler divergence of `q` from `x`, which lies between 0 and
/// `sum((q_k - x_k)^2 / x_k)`. With `s >= 1 - R`
///
/// ```text
/// |H(q) - H| <= sum(r_k |-ln x_k - H|) / (1 - R) + sum(r_k^2 / x_k) / (1 - R)^2
/// ```
///
/// Where a radius exceeds its value, both the value and the true one are within the radius of the
/// *radius*, which takes the place of `x_k`; the bound is then the sum of those of the two steps.
/// The rank is `exp(H)`, so the answer is `exp(bound) - 1`.
///
/// # Errors
///
/// [`Undefined`](crate::ErrorKind::Undefined), for an empty spectrum and for one of zeros.
///
/// # Panics
///
/// If there are not as many radii as values, or one is negative or NaN.
///
/// # Example
///
/// ```
/// use settling_rank::{Spectrum, effective_rank_error};
///
/// // Equal shares are a maximum, so only the second sum is left:
/// // r = 0.1 / 2, R = 0.1, 2 * 0.05^2 / 0.5 = 0.01.
/// let bound = effective_rank_error(&Spectrum::new(vec![1.0, 1.0])?, &[0.1, 0.1])?;
/// assert!((bound - (0.01 / 0.81_f64).exp_m1()).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Gibbs & Su (2002), "On choosing and bounding probability metrics", International Statistical
/// Review 70(3), theorem 5, for the bound of the divergence.
#[track_caller]
pub fn effective_rank_error(
    spectrum: &(impl Measurable + ?Sized),
    radii: &[f64],
) -> Result<f64, Error> {
    assert!(radii.iter().all(|&radius| radius >= 0.0), "a radius is not negative");
    let spectrum = spectrum.spectrum();
    assert_eq!(spectrum.len(), radii.len(), "a radius for each singular value");
    // Refuses what has no rank.
    let _ = relative(spectrum)?;
    let pairs = || spectrum.values().iter().zip(radii);
    let centers: Vec<f64> = pairs().map(|(value, radius)| value.max(*radius)).collect();
    let moved: Vec<f64> = pairs().map(|(value, radius)| (radius - value).max(0.0)).collect();
    Ok((entropy_change(&centers, radii) + entropy_change(&centers, &moved)).exp_m1())
}

/// The bound of `|H(q) - H|` above, around `values`, each at least its radius and one of them
/// positive.
fn entropy_change(values: &[f64], radii: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(0.0, f64::max);
    let values = values.iter().map(|value| value / largest);
    let total = sum(values.clone());
    let radii = radii.iter().map(|radius| radius / largest);
    let rest = 1.0 - sum(radii.clone()) / total;
    // Also where a radius is infinite and this is NaN.
    if rest.is_nan() || rest <= 0.0 {
        return f64::INFINITY;
    }
    let mean_log = mean_log(values.clone());
    // A value of radius 0 adds nothing, even if its derivative is infinite.
    let pairs = values.zip(radii).filter(|&(_, radius)| radius > 0.0);
    let first = pairs.clone().map(|(value, radius)| radius * excess(value, mean_log).abs());
    let second = pairs.map(|(value, radius)| radius * (radius / value));
    sum(first) / total / rest + sum(second) / total / (rest * rest)
}

/// [`effective_rank_error`], where the errors of all values (or squares) together are known to be
/// small: to first order they add up as the root of the sum of their squares, by Cauchy-Schwarz,
/// and no longer as their sum. Rounding of the rank included.
///
/// Values in the order of their error are handled as one: with M1 a bound of their sum and M2 of
/// the sum of their squares, each is replaced by the mean M1 / t, which is a known change, and then
/// by the true one.
pub(crate) fn joint_error(spectrum: &Spectrum, uncertainty: Uncertainty) -> Result<f64, Error> {
    let (_, values) = relative(spectrum)?;
    let values: Vec<f64> = values.collect();
    let error = uncertainty.together;
    let measured = |value: f64| match uncertainty.of {
        Quantity::Values => value,
        Quantity::Squares => value * value,
    };
    let (known, small) =
        values.split_at(values.partition_point(|&value| measured(value) >= 2.0 * error));

    let t = small.len() as f64;
    // Of the true values, by the inequality of Hölder.
    let norm = sum(small.iter().map(|&value| measured(value).powi(2))).sqrt() + error;
    let (m1, m2) = match uncertainty.of {
        Quantity::Values => (t.sqrt() * norm, norm * norm),
        Quantity::Squares => (t.powf(0.75) * norm.sqrt(), t.sqrt() * norm),
    };
    let center = m1 / t;
    let centers = || known.iter().copied().chain(small.iter().map(|_| center));
    let replacing = (effective_rank_of(centers()) / effective_rank_of(values.iter().copied())).ln();

    // The change of a known value is at most that of its measured quantity times this.
    let gain = |value: f64| match uncertainty.of {
        Quantity::Values => 1.0,
        Quantity::Squares => 1.0 / (value + (value * value - error).sqrt()),
    };
    let mean_log = mean_log(centers());
    let root = |terms: &dyn Fn(f64) -> f64| sum(known.iter().map(|&v| terms(v).powi(2))).sqrt();
    let mut moved = error * root(&gain);
    let mut first = error * root(&|value| gain(value) * excess(value, mean_log));
    let steepest = known.iter().map(|&v| gain(v).powi(2) / v).fold(0.0, f64::max);
    let mut second = error * error * steepest;
    if !small.is_empty() {
        moved += 2.0 * m1;
        first += 2.0 * m1 * excess(center, mean_log).abs();
        second += m2 / center + m1;
    }
    let total = sum(centers());
    let rest = total - moved;
    // Also for NaN.
    if known.is_empty() || rest.is_nan() || rest <= 0.0 {
        return Ok(f64::INFINITY);
    }
    let bound = replacing.abs() + first / rest + second * total / (rest * rest);
    Ok(bound.exp_m1() + ROUNDING)
}

/// The rounding of two effective ranks, as documented there.
const ROUNDING: f64 = 2e-14;

/// `sum(p ln s)` for values `s` with shares `p`.
fn mean_log(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let weighted_logs = values.clone().filter(|&value| value > 0.0).map(|value| value * value.ln());
    sum(weighted_logs) / sum(values)
}

/// `-ln p - H` of one value: the logarithm of the sum cancels.
fn excess(value: f64, mean_log: f64) -> f64 {
    mean_log - value.ln()
}
