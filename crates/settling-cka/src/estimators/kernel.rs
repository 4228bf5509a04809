//! CKA of kernels: given by their Gram matrices, or radial basis functions.

use settling_core::MatView;

use crate::arithmetic::distances::distances;
use crate::check::{check, check_pair};
use crate::cka::{Cka, SideSums};
use crate::error::{Error, ErrorKind};
use crate::sums::gram::Gram;
use crate::undefined::{Side, Undefined};

/// The width of a radial basis function: `σ` of `exp(-|a - b|² / (2 σ²))`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Bandwidth {
    /// The distance itself, in the units of the features.
    Distance(f64),
    /// `σ²` is the square of this factor times the median of the squared distances. As in the code
    /// of Kornblith et al. the median is over all `n²` ordered pairs of rows, the `n` pairs of a
    /// row with itself included; of an even number of them, the mean of the middle two.
    Median(f64),
}

/// CKA of two kernels, given by their Gram matrices over the same n rows: both `(n, n)` and
/// symmetric (to 2⁻¹⁶ of their largest element; the mean of an element and its mirror image is
/// taken). They need not be centered.
///
/// All of [`Cka`] means the same for kernels: `Cxx` and `Cyy` are to be read as the centered Gram
/// matrices, whose diagonals take the place of the squared norms, and widths are n.
///
/// # Errors
///
/// If the numbers of rows differ, a matrix is empty, not square, not symmetric, has a squared
/// distance below zero or more off its diagonal than on it
/// ([`NotAKernel`](crate::ErrorKind::NotAKernel)), or an element is not finite or beyond ±2^900.
/// Not every matrix that passes is that of a kernel. [`Undefined`](crate::ErrorKind::Undefined)
/// with [`KernelLost`](Undefined::KernelLost) where nothing varies in a matrix, or no more than the
/// rounding of its elements.
///
/// # Example
///
/// ```
/// use settling_cka::{kernel_cka, linear_cka};
/// use settling_core::MatView;
///
/// let (x, y) = ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]);
/// let gram = |x: [f64; 4]| x.map(|a| x.map(|b| a * b)).concat();
/// let (k, l) = (gram(x), gram(y));
/// let cka = kernel_cka(MatView::new(&k, 4, 4), MatView::new(&l, 4, 4))?;
/// let linear = linear_cka(MatView::new(&x, 4, 1), MatView::new(&y, 4, 1))?;
/// assert!((cka.biased()? - 0.64).abs() < 1e-14);
/// assert!((cka.debiased()? - linear.debiased()?).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn kernel_cka<T: Copy + Into<f64>, U: Copy + Into<f64>>(
    k: MatView<'_, T>,
    l: MatView<'_, U>,
) -> Result<Cka, Error> {
    if k.rows() != l.rows() {
        return Err(Error::rows_differ(k.rows(), l.rows()));
    }
    Ok(given(k, Side::X)?.cka(&given(l, Side::Y)?))
}

/// CKA with the kernel `exp(-|a - b|² / (2 σ²))` for both sides, each with a `σ` of its own.
///
/// # Numerics
///
/// For a wide kernel, of which all elements are near 1, the difference from 1 is formed: as `σ`
/// grows the value goes to that of the linear kernel, and keeps its digits on the way. For a narrow
/// one all rows are equally far from each other in the end: the biased value is then 1, and the
/// debiased one has none.
///
/// # Errors
///
/// The same as [`linear_cka`](crate::linear_cka); and [`Undefined`](crate::ErrorKind::Undefined)
/// with [`ZeroBandwidth`](Undefined::ZeroBandwidth) if the median distance is 0.
///
/// # Panics
///
/// If a bandwidth is not a positive number.
///
/// # References
///
/// Kornblith, Norouzi, Lee & Hinton 2019, section 3 and appendix.
///
/// # Example
///
/// Four rows at the distances 1, 2 and 3 of each other: of the 16 squared distances 4 are 0, 6 are
/// 1, 4 are 4 and 2 are 9, so that their median is 1, and the kernel is `exp(-d² / 2)`.
///
/// ```
/// use settling_cka::{Bandwidth, kernel_cka, rbf_cka};
/// use settling_core::MatView;
///
/// let (x, y) = ([1.0, 2.0, 3.0, 4.0_f64], [1.0, 3.0, 2.0, 4.0_f64]);
/// let gram = |x: [f64; 4]| x.map(|a| x.map(|b| (-(a - b) * (a - b) / 2.0).exp())).concat();
/// let (k, l) = (gram(x), gram(y));
/// let expected = kernel_cka(MatView::new(&k, 4, 4), MatView::new(&l, 4, 4))?;
/// let cka = rbf_cka(MatView::new(&x, 4, 1), MatView::new(&y, 4, 1), Bandwidth::Median(1.0))?;
/// assert!((cka.biased()? - expected.biased()?).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[track_caller]
pub fn rbf_cka<T: Copy + Into<f64>, U: Copy + Into<f64>>(
    x: MatView<'_, T>,
    y: MatView<'_, U>,
    bandwidth: Bandwidth,
) -> Result<Cka, Error> {
    let (Bandwidth::Distance(factor) | Bandwidth::Median(factor)) = bandwidth;
    assert!(factor > 0.0 && factor.is_finite(), "a bandwidth is a positive number, found {factor}");
    check_pair(x, y, None)?;
    if x.rows() == 0 {
        return Ok(Cka::default());
    }
    Ok(rbf(x, Side::X, bandwidth)?.cka(&rbf(y, Side::Y, bandwidth)?))
}

/// The kernel of the rows of `m`.
fn rbf<T: Copy + Into<f64>>(
    m: MatView<'_, T>,
    side: Side,
    bandwidth: Bandwidth,
) -> Result<Gram, Undefined> {
    let rows = m.rows();
    let mut k = distances(m);
    let largest = k.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        // Equal rows have no variance, however wide the kernel.
        return Ok(Gram::of_kernel(k, rows, 0.0).0);
    }
    let (distance, factor) = match bandwidth {
        Bandwidth::Distance(distance) => (distance, 1.0),
        Bandwidth::Median(factor) => (median(k.clone()), factor),
    };
    if distance == 0.0 {
        return Err(Undefined::ZeroBandwidth(side));
    }
    // In two steps: the product may vanish, or be infinite, where the quotient is neither.
    let widths = |value: f64| value / distance / factor;
    let exponent = |value: f64| -0.5 * widths(value) * widths(value);
    let nearest = k.iter().copied().filter(|&value| value > 0.0).fold(largest, f64::min);
    // Adding a constant to a kernel changes nothing, nor does a factor. Not to lose what varies,
    // elements near 1 are given as their distance from it, and those that are all far below it as
    // they are. The diagonal is 0 or 1.
    if widths(largest) < 2.0_f64.powi(-100) {
        k.iter_mut().for_each(|value| *value = -(*value / largest) * (*value / largest));
    } else if exponent(nearest) < -1.0 && rows > 1 {
        k.iter_mut().for_each(|value| *value = exponent(*value).exp());
    } else {
        k.iter_mut().for_each(|value| *value = exponent(*value).exp_m1());
    }
    Ok(Gram::of_kernel(k, rows, 0.0).0)
}

/// The root of the median of the squares; of an even number of them, of the mean of the middle two.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let lower = below.iter().copied().fold(0.0, f64::max);
    if even { lower.hypot(upper) * std::f64::consts::FRAC_1_SQRT_2 } else { upper }
}

/// Checks and centers a Gram matrix.
fn given<T: Copy + Into<f64>>(k: MatView<'_, T>, side: Side) -> Result<Gram, Error> {
    let rows = k.rows();
    if k.cols() != rows {
        let cols = k.cols();
        let message = format!(
            "the Gram matrix of {side} is {rows} x {cols}: expected as many columns as rows"
        );
        return Err(Error::new(ErrorKind::NotAKernel, message));
    }
    check(k, side)?;
    let mut values: Vec<f64> = k.to_vec().into_iter().map(Into::into).collect();
    let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    for row in 0..rows {
        for col in row + 1..rows {
            let (above, below) = (values[row * rows + col], values[col * rows + row]);
            if (above - below).abs() > largest / 65_536.0 {
                let message = format!(
                    "the Gram matrix of {side} is not symmetric: {above} at row {row}, column {col}, and {below} at row {col}, column {row}"
                );
                return Err(Error::new(ErrorKind::NotAKernel, message));
            }
            let mean = f64::midpoint(above, below);
            (values[row * rows + col], values[col * rows + row]) = (mean, mean);
        }
    }
    // Elements are rounded: by half a unit of the largest, at most.
    let rounding = 0.5 * f64::EPSILON * largest;
    let (gram, scale) = Gram::of_kernel(values, rows, rounding);
    let negative = gram.diagonal().iter().position(|&value| value * scale < -1e-9 * largest);
    if let Some(row) = negative {
        let value = gram.diagonal()[row] * scale;
        let message = format!(
            "the centred Gram matrix of {side} has {value} on its diagonal at row {row}: expected the squared distance of that row \
             from the mean, so the matrix is that of no kernel"
        );
        return Err(Error::new(ErrorKind::NotAKernel, message));
    }
    let SideSums { trace, frobenius_squared, .. } = gram.sums();
    let norm = frobenius_squared.sqrt();
    if rows > 1 && norm * scale <= 1024.0 * rows as f64 * rounding {
        return Err(Undefined::KernelLost(side).into());
    }
    // The trace is the sum of the eigenvalues, the norm the root of the sum of their squares.
    if trace < 0.9 * norm {
        let (trace, norm) = (trace * scale, norm * scale);
        let message = format!(
            "the centred Gram matrix of {side} has the trace {trace} and the Frobenius norm {norm}: expected a norm that is no larger, \
             so the matrix is that of no kernel"
        );
        return Err(Error::new(ErrorKind::NotAKernel, message));
    }
    Ok(gram)
}
