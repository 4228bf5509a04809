//! Is it chance? CKA of rows that are paired at random.

use settling_core::MatView;

use crate::error::Error;
use crate::estimators::linear::LinearCka;
use crate::null::{PermutationNull, Resampling};

/// The [`PermutationNull`] of two matrices in memory, of orders of all rows.
///
/// For n rows of widths p and q a draw costs n²
/// operations where `n < p + q`, and `2 n p q` else. For rows that do not fit memory, see
/// [`LinearCka::with_null`].
///
/// # Errors
///
/// The same as [`LinearCka::update`]: the numbers of rows differ, a width is 0, or an element is
/// not finite or beyond ±2^900.
///
/// # Example
///
/// ```
/// use settling_cka::{MatView, Resampling, permutation_null};
///
/// let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
/// let y = [2.0, 1.0, 3.0, 5.0, 4.0, 6.0, 8.0, 7.0];
/// let null = permutation_null(
///     MatView::new(&x, 8, 1),
///     MatView::new(&y, 8, 1),
///     Resampling::default(),
/// )?;
/// let summary = null.summary(|cka| cka.biased())?;
/// assert!((summary.mean - null.observed().floor()?).abs() < 0.03); // 1/7
/// assert!(summary.p_value < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn permutation_null<T: Copy + Into<f64> + Sync, U: Copy + Into<f64> + Sync>(
    x: MatView<'_, T>,
    y: MatView<'_, U>,
    resampling: Resampling,
) -> Result<PermutationNull, Error> {
    let mut all = LinearCka::with_block_rows(x.rows().max(1)).with_null(resampling);
    all.update(x, y)?;
    Ok(all.finish_with_null())
}
