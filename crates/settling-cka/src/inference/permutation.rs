//! Is it chance? CKA of rows that are paired at random.

use settling_core::MatView;

use crate::error::Error;
use crate::estimators::linear::LinearCka;
use crate::null::PermutationNull;

/// The [`PermutationNull`] of two matrices in memory, of `draws` orders of all rows that follow
/// from `seed`.
///
/// The random numbers are those of SplitMix64. For n rows of widths p and q a draw costs n²
/// operations where `n < p + q`, and `2 n p q` else. For rows that do not fit memory, see
/// [`LinearCka::with_null`].
///
/// # Errors
///
/// The same as [`LinearCka::update`]: the numbers of rows differ, a width is 0, or an element is
/// not finite or beyond ±2^200.
///
/// # Example
///
/// ```
/// use settling_cka::permutation_null;
/// use settling_core::MatView;
///
/// let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
/// let y = [2.0, 1.0, 3.0, 5.0, 4.0, 6.0, 8.0, 7.0];
/// let null = permutation_null(MatView::new(&x, 8, 1), MatView::new(&y, 8, 1), 999, 1)?;
/// let summary = null.summary(|cka| cka.biased())?;
/// assert!((summary.mean - null.observed().floor()?).abs() < 0.03); // 1/7
/// assert!(summary.p_value < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn permutation_null<T: Copy + Into<f64> + Sync>(
    x: MatView<'_, T>,
    y: MatView<'_, T>,
    draws: usize,
    seed: u64,
) -> Result<PermutationNull, Error> {
    let mut all = LinearCka::with_block_rows(x.rows().max(1)).with_null(draws, seed);
    all.update(x, y)?;
    Ok(all.finish_with_null())
}
