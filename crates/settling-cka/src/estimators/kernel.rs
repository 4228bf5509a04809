//! CKA of kernels: given by their Gram matrices, or radial basis functions.

use settling_core::MatView;

use crate::arithmetic::block::{Centered, Mean};
use crate::arithmetic::product::gram_of_rows;
use crate::check::{check, check_pair};
use crate::cka::Cka;
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
/// If the numbers of rows differ, a matrix is empty, not square, not symmetric or has a squared
/// distance below zero ([`NotAKernel`](crate::ErrorKind::NotAKernel)), or an element is not finite
/// or beyond ±2^200. Not every matrix that passes is that of a kernel.
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
pub fn kernel_cka<T: Copy + Into<f64>>(k: MatView<'_, T>, l: MatView<'_, T>) -> Result<Cka, Error> {
    if k.rows() != l.rows() {
        return Err(Error::rows_differ(k.rows(), l.rows()));
    }
    Ok(given(k, Side::X)?.cka(&given(l, Side::Y)?))
}

/// CKA with the kernel `exp(-|a - b|² / (2 σ²))` for both sides, each with a `σ` of its own.
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
pub fn rbf_cka<T: Copy + Into<f64>>(
    x: MatView<'_, T>,
    y: MatView<'_, T>,
    bandwidth: Bandwidth,
) -> Result<Cka, Error> {
    let (Bandwidth::Distance(factor) | Bandwidth::Median(factor)) = bandwidth;
    assert!(factor > 0.0 && factor.is_finite(), "a bandwidth is a positive number, found {factor}");
    check_pair(x, y, None)?;
    if x.rows() == 0 {
        return Ok(Cka::default());
    }
    let gram = |m, side| Ok::<_, Error>(centered(rbf(m, side, bandwidth)?, x.rows()));
    Ok(gram(x, Side::X)?.cka(&gram(y, Side::Y)?))
}

/// `(n, n)` kernel values of the rows of `m`.
fn rbf<T: Copy + Into<f64>>(
    m: MatView<'_, T>,
    side: Side,
    bandwidth: Bandwidth,
) -> Result<Vec<f64>, Undefined> {
    let rows = m.rows();
    let block = Centered::new(m, &Mean::of(m));
    let mut k = gram_of_rows(&block.columns);
    let norms: Vec<f64> = (0..rows).map(|row| k[row * (rows + 1)]).collect();
    for i in 0..rows {
        for j in 0..=i {
            let mut squared = norms[i] + norms[j] - 2.0 * k[i * rows + j];
            // Near each other and far from the mean: three digits or more have cancelled.
            if squared < 1e-3 * (norms[i] + norms[j]) {
                let columns = (0..block.columns.cols).map(|col| block.columns.col(col));
                squared = columns.map(|col| (col[i] - col[j]) * (col[i] - col[j])).sum();
            }
            (k[i * rows + j], k[j * rows + i]) = (squared, squared);
        }
    }
    let squared = match bandwidth {
        Bandwidth::Distance(distance) => distance * distance,
        Bandwidth::Median(factor) => factor * factor * median(k.clone()),
    };
    if squared == 0.0 {
        return Err(Undefined::ZeroBandwidth(side));
    }
    k.iter_mut().for_each(|value| *value = (-*value / (2.0 * squared)).exp());
    Ok(k)
}

fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if even { f64::midpoint(below.iter().copied().fold(0.0, f64::max), upper) } else { upper }
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
    let gram = centered(values, rows);
    let negative = gram.diagonal().iter().position(|&value| value < -1e-9 * largest);
    match negative {
        Some(row) => {
            let value = gram.diagonal()[row];
            let message = format!(
                "the centred Gram matrix of {side} has {value} on its diagonal at row {row}: expected the squared distance of that row \
                 from the mean, so the matrix is that of no kernel"
            );
            Err(Error::new(ErrorKind::NotAKernel, message))
        }
        None => Ok(gram),
    }
}

/// Takes the means of rows and columns out of a symmetric matrix.
fn centered(mut k: Vec<f64>, rows: usize) -> Gram {
    let n = rows as f64;
    let means: Vec<f64> = k.chunks_exact(rows).map(|row| row.iter().sum::<f64>() / n).collect();
    let mean = means.iter().sum::<f64>() / n;
    let rounding =
        n * f64::EPSILON * k.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    for (row, own) in k.chunks_exact_mut(rows).zip(&means) {
        for (value, other) in row.iter_mut().zip(&means) {
            *value = (*value - own) - (other - mean);
        }
    }
    // Squared distances from the mean that are all nothing but rounding: a constant kernel.
    if (0..rows).all(|row| k[row * (rows + 1)].abs() <= rounding) {
        k.fill(0.0);
    }
    Gram::of_centered(k, rows, rows)
}
