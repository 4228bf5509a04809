//! What every estimator checks of its rows.

use settling_core::MatView;

use crate::error::{Error, ErrorKind};
use crate::undefined::Side;

/// The greatest magnitude of an element: sums of `n < 2^100` elements are finite. What is
/// multiplied is brought near 1 before.
const LIMIT: f64 = f64::from_bits((1023 + 900) << 52);

/// What features are made of.
pub(crate) trait Element: Copy + Into<f64> + Sync {}

impl<T: Copy + Into<f64> + Sync> Element for T {}

/// Checks that every element is finite and within [`LIMIT`].
pub(crate) fn check<T: Copy + Into<f64>>(m: MatView<'_, T>, side: Side) -> Result<(), Error> {
    if m.cols() == 0 {
        let message = format!("{side} has no features: expected at least one column");
        return Err(Error::new(ErrorKind::NoFeatures, message));
    }
    for (row, values) in m.iter_rows().enumerate() {
        // Without an exit in the middle the loop vectorizes. NaN is not `<=` anything.
        let good = values.iter().fold(true, |good, &value| good & (value.into().abs() <= LIMIT));
        if good {
            continue;
        }
        for (col, &value) in values.iter().enumerate() {
            let value = value.into();
            if !value.is_finite() {
                let message = format!(
                    "{side} is {value} at row {row}, column {col}: expected finite numbers; look for an overflow upstream"
                );
                return Err(Error::new(ErrorKind::NotFinite, message));
            }
            if value.abs() > LIMIT {
                let message = format!(
                    "{side} is {value:e} at row {row}, column {col}: expected magnitudes up to 2^900 (8.5e270); \
                     divide {side} by a power of two, no similarity depends on it"
                );
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
        }
    }
    Ok(())
}

/// The checks that [`LinearCka::update`](crate::LinearCka::update) makes of its rows, for
/// accumulators of your own that form [`CkaSums`](crate::CkaSums); `widths` are those of `x` and
/// `y` in the rows before, if there were any.
///
/// # Errors
///
/// If the numbers of rows differ, a width is 0 or not that of `widths`, or an element is not finite
/// or beyond ±2^900.
///
/// # Example
///
/// ```
/// use settling_cka::{ErrorKind, check_pair};
/// use settling_core::MatView;
///
/// let (x, y) = ([1.0_f32, 2.0, 3.0, 4.0], [5.0_f32, f32::NAN]);
/// let (x, y) = (MatView::new(&x, 2, 2), MatView::new(&y, 2, 1));
/// let error = check_pair(x, y, None).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFinite);
/// assert!(error.to_string().contains("y is NaN at row 1, column 0"));
/// assert_eq!(check_pair(x, x, Some([2, 1])).unwrap_err().kind(), ErrorKind::WidthDiffers);
/// ```
pub fn check_pair<T: Copy + Into<f64>, U: Copy + Into<f64>>(
    x: MatView<'_, T>,
    y: MatView<'_, U>,
    widths: Option<[usize; 2]>,
) -> Result<(), Error> {
    if x.rows() != y.rows() {
        return Err(Error::rows_differ(x.rows(), y.rows()));
    }
    check_widths([x.cols(), y.cols()], widths)?;
    check(x, Side::X)?;
    check(y, Side::Y)
}

pub(crate) fn check_widths(found: [usize; 2], before: Option<[usize; 2]>) -> Result<(), Error> {
    let before = before.unwrap_or(found);
    for (index, side) in [Side::X, Side::Y].into_iter().enumerate() {
        let (expected, found) = (before[index], found[index]);
        if expected != found {
            return Err(Error::width_differs(side, expected, found));
        }
    }
    Ok(())
}
