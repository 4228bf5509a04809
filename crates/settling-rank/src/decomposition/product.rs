//! Singular values of products that are never formed.

use faer::linalg::matmul::matmul;
use faer::{Accum, ColMut, Mat, Par};
use rayon::prelude::*;
use settling_core::MatView;

use crate::arithmetic::scale::{exponent, times_two_to};
use crate::certified::CertifiedSpectrum;
use crate::decomposition::ladder::{LADDER, climb};
use crate::decomposition::qr::triangular_factor;
use crate::decomposition::svd::value_error;
use crate::error::Error;
use crate::scaled::Scaled;
use crate::uncertainty::{Quantity, Uncertainty};

/// The singular values of `left right`, of shapes `(rows, inner)` and `(inner, cols)`, without
/// forming it: `min(rows, inner, cols)` of them, the largest rank the product can have.
///
/// This is the spectrum of a head's output-value circuit `W_O W_V`, where `inner` is the width of a
/// head: with `left = Q1 R1` and `right^T = Q2 R2`, the product is `Q1 (R1 R2^T) Q2^T`, and the
/// core in the middle, of the size of a head, has its singular values.
///
/// # Errors
///
/// The same as [`singular_values`](crate::singular_values), for either factor;
/// [`Underflow`](crate::ErrorKind::Underflow) if the largest value is not zero and below
/// [`f64::MIN_POSITIVE`].
///
/// # Panics
///
/// If `left` has not as many columns as `right` has rows.
///
/// # Numerics
///
/// Everything is f64. The QR decomposition is stable column by column: with n the largest of the
/// three sizes, the root of the sum of the squared errors of all values is within
/// `4 n eps sum_j |left_j| |right_j|` (column j of `left`, row j of `right`) and `4 n eps` times
/// the Frobenius norm of the product. Where the factors cancel in the product, the first term is
/// the larger one, and [`CertifiedSpectrum::radii`] say so, also where they cancel to zeros. Each
/// pair of a column and a row is scaled on its own by a power of two, so that pairs of opposite
/// scales do not drown each other.
///
/// # Example
///
/// ```
/// use settling_rank::{MatView, product_spectrum};
///
/// // (2, 0, 0)^T (0, 3) has one element, 6.
/// let (left, right) = ([2.0_f32, 0.0, 0.0], [0.0_f32, 3.0]);
/// let found = product_spectrum(MatView::new(&left, 3, 1), MatView::new(&right, 1, 2))?;
/// assert_eq!(found.spectrum().len(), 1);
/// assert!((found.spectrum().values()[0] - 6.0).abs() < 1e-14);
/// # Ok::<(), settling_rank::Error>(())
/// ```
///
/// # References
///
/// Elhage et al. (2021), "A mathematical framework for transformer circuits", for the circuit;
/// Golub & Van Loan, *Matrix Computations*, 4th edition, section 5.2; Higham (2002), *Accuracy and
/// Stability of Numerical Algorithms*, theorem 19.4.
#[track_caller]
pub fn product_spectrum<T: Copy + Into<f64>>(
    left: MatView<'_, T>,
    right: MatView<'_, T>,
) -> Result<CertifiedSpectrum, Error> {
    assert_eq!(left.cols(), right.rows(), "the inner sizes of a product are equal");
    let (rows, inner, cols) = (left.rows(), left.cols(), right.cols());
    let count = rows.min(inner).min(cols);
    Scaled::new(left, " of the left factor")?;
    Scaled::new(right, " of the right factor")?;
    // Column k of the left factor and row k of the right one may be of opposite scales, and others
    // the other way round.
    let (left, left_exponents) = columns(rows, inner, |row, k| left.row(row)[k].into());
    let (mut right, right_exponents) = columns(cols, inner, |col, k| right.row(k)[col].into());
    let exponents = left_exponents.into_iter().zip(right_exponents);
    let exponents: Vec<_> = exponents.map(|(left, right)| Some(left? + right?)).collect();
    let Some(exponent) = exponents.iter().copied().flatten().max() else {
        return Ok(CertifiedSpectrum::zeros(count));
    };
    for (column, own) in right.col_iter_mut().zip(exponents) {
        // Below 2^-1100 of the largest term nothing is left of a term, which is far within the
        // bound.
        let power = own.map_or(0, |own| (own - exponent).max(-1100));
        column.iter_mut().for_each(|x| *x = times_two_to(*x, power));
    }
    let lengths = left.col_iter().zip(right.col_iter()).map(|(x, y)| x.norm_l2() * y.norm_l2());
    let longest = rows.max(inner).max(cols);
    let factoring = 4.0 * longest as f64 * f64::EPSILON * lengths.sum::<f64>();

    let (left, right) = (shortened(left), shortened(right));
    let mut core = Mat::zeros(left.nrows(), right.nrows());
    matmul(&mut core, Accum::Replace, &left, right.transpose(), 1.0, Par::Seq);
    let core: Vec<f64> = core.row_iter().flat_map(|row| row.iter().copied()).collect();
    let core = MatView::new(&core, left.nrows(), right.nrows());
    let Some(core) = Scaled::new(core, " of the product")? else {
        return Ok(CertifiedSpectrum::cancelled(count, factoring, exponent));
    };

    let tall = core.tall();
    let (method, values) =
        climb(tall.as_ref(), &LADDER).ok_or_else(|| Error::no_convergence(rows, cols))?;
    let largest = values.iter().copied().fold(0.0, f64::max);
    let factoring = times_two_to(factoring, -core.exponent) / largest;
    let solving = value_error(longest, tall.norm_l2() / largest);
    let uncertainty = Uncertainty {
        of: Quantity::Values,
        each: factoring + solving.each,
        together: factoring + solving.together,
    };
    let found = CertifiedSpectrum::scaled(
        values,
        exponent + core.exponent,
        (rows, cols),
        method,
        uncertainty,
    )?;
    if found.spectrum().values()[0] < f64::MIN_POSITIVE {
        return Err(Error::underflow(rows, cols));
    }
    Ok(found)
}

/// The singular values of `left_1 right_1 + left_2 right_2`, without forming it:
/// `min(rows, inner_1 + inner_2, cols)` of them.
///
/// This is the spectrum of the gradient of an output-value circuit by the product rule,
/// `dW_O W_V + W_O dW_V`, where W_O is `(D, head_dim)` and W_V `(head_dim, D)`: at most
/// `2 head_dim` values. The sum is the product of the factors side by side and one above the other,
/// so everything said of [`product_spectrum`] holds.
///
/// # Errors
///
/// The same as [`product_spectrum`]; rows and columns are those of the stacked factors.
///
/// # Panics
///
/// If the shapes do not fit.
///
/// # Example
///
/// ```
/// use settling_rank::{MatView, sum_of_products_spectrum};
///
/// // (1, 0)^T (1, 0) + (0, 1)^T (0, 2) = diag(1, 2).
/// let (x, y) = ([1.0_f32, 0.0], [0.0_f32, 1.0]);
/// let (u, v) = ([1.0_f32, 0.0], [0.0_f32, 2.0]);
/// let found = sum_of_products_spectrum([
///     (MatView::new(&x, 2, 1), MatView::new(&u, 1, 2)),
///     (MatView::new(&y, 2, 1), MatView::new(&v, 1, 2)),
/// ])?;
/// for (found, expected) in found.spectrum().values().iter().zip([2.0, 1.0]) {
///     assert!((found - expected).abs() < 1e-14);
/// }
/// # Ok::<(), settling_rank::Error>(())
/// ```
#[track_caller]
pub fn sum_of_products_spectrum<T: Copy + Into<f64>>(
    [(left_1, right_1), (left_2, right_2)]: [(MatView<'_, T>, MatView<'_, T>); 2],
) -> Result<CertifiedSpectrum, Error> {
    assert_eq!(left_1.cols(), right_1.rows(), "the inner sizes of the first product are equal");
    assert_eq!(left_2.cols(), right_2.rows(), "the inner sizes of the second product are equal");
    assert_eq!(left_1.rows(), left_2.rows(), "the products have as many rows");
    assert_eq!(right_1.cols(), right_2.cols(), "the products have as many columns");
    let rows = left_1.iter_rows().zip(left_2.iter_rows());
    let left: Vec<T> = rows.flat_map(|(a, b)| a.iter().chain(b).copied()).collect();
    let right = [right_1.to_vec(), right_2.to_vec()].concat();
    let inner = left_1.cols() + left_2.cols();
    product_spectrum(
        MatView::new(&left, left_1.rows(), inner),
        MatView::new(&right, inner, right_1.cols()),
    )
}

/// [`product_spectrum`] of many pairs, such as all heads of a layer, in parallel as
/// [`spectra`](crate::spectra).
///
/// # Panics
///
/// If the inner sizes of a pair differ.
#[track_caller]
pub fn product_spectra<T: Copy + Into<f64> + Sync>(
    pairs: &[(MatView<'_, T>, MatView<'_, T>)],
) -> Vec<Result<CertifiedSpectrum, Error>> {
    pairs.par_iter().map(|&(left, right)| product_spectrum(left, right)).collect()
}

/// The columns, each times the power of two that brings its largest element into [1, 2), and the
/// exponents taken out: none for a column of zeros.
fn columns(
    rows: usize,
    cols: usize,
    element: impl Fn(usize, usize) -> f64,
) -> (Mat<f64>, Vec<Option<i32>>) {
    let mut columns = Mat::from_fn(rows, cols, element);
    let normalize = |column: ColMut<'_, f64>| {
        let largest = column.norm_max();
        (largest > 0.0).then(|| {
            let exponent = exponent(largest);
            column.iter_mut().for_each(|x| *x = times_two_to(*x, -exponent));
            exponent
        })
    };
    let exponents = columns.col_iter_mut().map(normalize).collect();
    (columns, exponents)
}

/// A matrix with no more rows than columns and the same Gram matrix: R of the QR decomposition, if
/// that is shorter.
fn shortened(a: Mat<f64>) -> Mat<f64> {
    if a.nrows() > a.ncols() { triangular_factor(a.as_ref()) } else { a }
}
