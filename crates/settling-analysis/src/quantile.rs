//! Quantiles of a sample.

/// The quantile `q` of `values`, in any order: linear interpolation between the two nearest ranks,
/// as NumPy does by default and R calls type 7. `None` without values.
///
/// Of n sorted values x\[0\] .. x\[n-1\] it is x\[k\] + f (x\[k+1\] - x\[k\]), where k + f = q (n -
/// 1), k whole and 0 <= f < 1.
///
/// # Panics
///
/// If `q` is not within 0 and 1, or a value is NaN.
///
/// # Reference
///
/// Hyndman & Fan (1996), "Sample quantiles in statistical packages", definition 7.
///
/// # Example
///
/// ```
/// use settling_analysis::quantile;
///
/// // Sorted 1, 2, 4, 8. q (n - 1) = 0.25 * 3 = 0.75: three quarters of the way from 1 to 2.
/// assert_eq!(quantile(&[8.0, 1.0, 4.0, 2.0], 0.25), Some(1.75));
/// // 0.5 * 3 = 1.5: half-way from 2 to 4.
/// assert_eq!(quantile(&[8.0, 1.0, 4.0, 2.0], 0.5), Some(3.0));
/// assert_eq!(quantile(&[], 0.5), None);
/// ```
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    assert!((0.0..=1.0).contains(&q), "a quantile lies within 0 and 1, not at {q}");
    assert!(values.iter().all(|value| !value.is_nan()), "NaN has no rank");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = q * sorted.len().checked_sub(1)? as f64;
    let (below, share) = (rank.floor(), rank.fract());
    let low = sorted[below as usize];
    let high = sorted[(below as usize + 1).min(sorted.len() - 1)];
    Some(low + share * (high - low))
}
