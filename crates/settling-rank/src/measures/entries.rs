//! How unevenly the elements of a matrix are spread, whatever their places: no singular values
//! needed.

use settling_core::MatView;

use crate::arithmetic::sum::sum;
use crate::error::{Error, Undefined};
use crate::scaled::Scaled;

/// The Gini coefficient of the magnitudes of the elements: 0 if all are equal, `1 - 1 / n` if one
/// of n differs from zero. No unit.
///
/// With the magnitudes in ascending order, `sum((2 i - n - 1) x_i) / (n sum(x))`, i from 1 to n.
/// pico-analyze's `gini`, except that a zero matrix is undefined here and 0 there, and that its
/// index loses digits above 2^24 elements in f32.
///
/// # Errors
///
/// [`NonFinite`](crate::ErrorKind::NonFinite); [`Undefined`](crate::ErrorKind::Undefined), for an
/// empty matrix and for one of zeros.
///
/// # Example
///
/// ```
/// use settling_rank::{MatView, gini};
///
/// // Ascending 1, 2, 2, 3: (-3 - 2 + 2 + 9) / (4 * 8).
/// assert_eq!(gini(MatView::new(&[2.0, -3.0, 1.0, 2.0], 2, 2))?, 0.1875);
/// # Ok::<(), settling_rank::Error>(())
/// ```
///
/// # References
///
/// Hurley & Rickard (2009), "Comparing measures of sparsity", IEEE Transactions on Information
/// Theory 55(10).
pub fn gini<T: Copy + Into<f64>>(a: MatView<'_, T>) -> Result<f64, Error> {
    let mut values = magnitudes(a)?;
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let weighted = sum((1_u64..).zip(&values).map(|(i, x)| (2.0 * i as f64 - n - 1.0) * x));
    Ok(weighted / (n * sum(values)))
}

/// Hoyer's sparsity of the elements: 0 if all magnitudes are equal, 1 if a single one differs from
/// zero. No unit.
///
/// `(sqrt(n) - |x|_1 / |x|_2) / (sqrt(n) - 1)` for the n elements, as pico-analyze's `hoyer`.
///
/// # Errors
///
/// [`NonFinite`](crate::ErrorKind::NonFinite); [`Undefined`](crate::ErrorKind::Undefined), for an
/// empty matrix, one of zeros, and a single element, where it would be 0 / 0.
///
/// # Example
///
/// ```
/// use settling_rank::{MatView, hoyer};
///
/// // |x|_1 = 7, |x|_2 = 5: (2 - 7 / 5) / (2 - 1).
/// assert!((hoyer(MatView::new(&[3.0_f32, 0.0, 0.0, -4.0], 2, 2))? - 0.6).abs() < 1e-15);
/// # Ok::<(), settling_rank::Error>(())
/// ```
///
/// # References
///
/// Hoyer (2004), "Non-negative matrix factorization with sparseness constraints", JMLR 5, section
/// 3.1.
pub fn hoyer<T: Copy + Into<f64>>(a: MatView<'_, T>) -> Result<f64, Error> {
    let values = magnitudes(a)?;
    if values.len() == 1 {
        return Err(Undefined::One.into());
    }
    let root = (values.len() as f64).sqrt();
    let euclidean = sum(values.iter().map(|x| x * x)).sqrt();
    Ok((root - sum(values) / euclidean) / (root - 1.0))
}

/// Scaled, as both measures do not depend on it.
fn magnitudes<T: Copy + Into<f64>>(a: MatView<'_, T>) -> Result<Vec<f64>, Error> {
    let why = if a.rows() * a.cols() == 0 { Undefined::Empty } else { Undefined::Zero };
    let scaled = Scaled::new(a, "")?.ok_or(Error::from(why))?;
    let matrix = scaled.upright();
    Ok(matrix.col_iter().flat_map(|col| col.iter().map(|x| x.abs())).collect())
}
