//! The fastest way to a spectrum that is certain to be good enough.

use rayon::prelude::*;
use settling_core::MatView;

use crate::certified::CertifiedSpectrum;
use crate::decomposition::gram;
use crate::decomposition::ladder::LADDER;
use crate::decomposition::svd::svd;
use crate::error::Error;
use crate::method::Method;
use crate::scaled::Scaled;

/// What [`spectrum`] lets the Gram matrix cost: a relative error of the effective rank.
pub const TOLERANCE: f64 = 1e-9;

/// The singular values of `a`, of any shape `(rows, cols)`, by the fastest method that is certain
/// to give the effective rank to 1e-9 of itself: [`spectrum_within`] with [`TOLERANCE`].
///
/// Elements may be f32, f64, or anything that converts to f64, such as `f16` and `bf16` of the
/// crate `half`.
///
/// # Errors
///
/// The same as [`singular_values`](crate::singular_values): an element is not finite, the largest
/// value overflows, or no result passes the check.
///
/// # Example
///
/// ```
/// use settling_rank::{MatView, effective_rank, spectrum};
///
/// // A^T A = [[25, 20], [20, 25]] has the eigenvalues 45 and 5: the values are as 3 to 1.
/// let a = spectrum(MatView::new(&[3.0_f32, 0.0, 4.0, 5.0], 2, 2))?;
/// let by_hand = 4.0 / 3.0_f64.powf(0.75); // shares 3/4 and 1/4: exp(ln 4 - 3/4 ln 3)
/// assert!((effective_rank(&a)? - by_hand).abs() < 1e-14);
/// # Ok::<(), settling_rank::Error>(())
/// ```
pub fn spectrum<T: Copy + Into<f64>>(a: MatView<'_, T>) -> Result<CertifiedSpectrum, Error> {
    spectrum_within(a, TOLERANCE)
}

/// The singular values of `a`, from the eigenvalues of its Gram matrix if the error of the
/// effective rank is then at most `tolerance`, relative to it, and from an f64 singular value
/// decomposition, as [`singular_values`](crate::singular_values), otherwise.
///
/// The bound is computed for each matrix from the matrix
/// ([`CertifiedSpectrum::effective_rank_error`]). Weights pass 1e-9 up to conditions of about 1e3
/// to 1e4. A tolerance of 0 always decomposes, and infinity never does, unless the eigenvalues fail
/// their checks: the product against a vector, the trace and the norm.
///
/// # Errors
///
/// The same as [`singular_values`](crate::singular_values): an element is not finite, the largest
/// value overflows, or no result passes the check.
///
/// # Panics
///
/// If the tolerance is negative or NaN.
///
/// # Example
///
/// ```
/// use settling_rank::{MatView, Method, spectrum_within};
///
/// // Singular values 1 and 1e-6: the square of the second, 1e-12, is known to some 1e-15 only.
/// let a = [1.0, 0.0, 0.0, 1e-6];
/// let by_svd = spectrum_within(MatView::new(&a, 2, 2), 1e-12)?;
/// assert_eq!(by_svd.method(), Method::Svd);
/// let by_gram = spectrum_within(MatView::new(&a, 2, 2), 1e-6)?;
/// assert_eq!(by_gram.method(), Method::Gram);
/// # Ok::<(), settling_rank::Error>(())
/// ```
#[track_caller]
pub fn spectrum_within<T: Copy + Into<f64>>(
    a: MatView<'_, T>,
    tolerance: f64,
) -> Result<CertifiedSpectrum, Error> {
    assert!(tolerance >= 0.0, "a tolerance is not negative");
    let Some(scaled) = Scaled::new(a, "")? else {
        return Ok(CertifiedSpectrum::zeros(a.rows().min(a.cols())));
    };
    if tolerance > 0.0
        && let Some((values, uncertainty)) = gram::singular_values(&scaled)
    {
        let method = Method::Gram;
        let found = CertifiedSpectrum::scaled(
            values,
            scaled.exponent,
            scaled.shape(),
            method,
            uncertainty,
        )?;
        if found.effective_rank_error()? <= tolerance {
            return Ok(found);
        }
    }
    svd(&scaled, &LADDER)
}

/// [`spectrum`] of many matrices, in parallel on rayon's threads, each on one. Results in the order
/// of the matrices, bit for bit the same for any number of threads.
///
/// Memory: two f64 matrices of the size of the Gram matrix for each thread, and two of the size of
/// the matrix itself where it has to be decomposed.
///
/// ```
/// use settling_rank::{MatView, spectra};
///
/// let weights = [[1.0_f32, 0.0, 0.0, 2.0], [0.0, 3.0, 4.0, 0.0]];
/// let views: Vec<_> = weights.iter().map(|weight| MatView::new(weight, 2, 2)).collect();
/// let found = spectra(&views);
/// assert_eq!(found[1].as_ref().unwrap().spectrum().values(), [4.0, 3.0]);
/// ```
pub fn spectra<T: Copy + Into<f64> + Sync>(
    matrices: &[MatView<'_, T>],
) -> Vec<Result<CertifiedSpectrum, Error>> {
    matrices.par_iter().map(|&a| spectrum(a)).collect()
}
