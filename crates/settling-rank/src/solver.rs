//! What computes singular values: this crate on a CPU, or another one on a device.

use settling_core::{BoxError, MatView};

use crate::certified::CertifiedSpectrum;
use crate::decomposition::product::product_spectra;
use crate::decomposition::spectrum::spectra;

/// A solver of singular values: [`CpuSolver`], or one on a GPU. A study takes the one that its
/// model adapter names.
///
/// # Contract
///
/// Results come in the order of the arguments. One matrix that has no spectrum (an element is not
/// finite) is an error of its own and does not affect the others.
///
/// ```
/// use settling_rank::{CpuSolver, MatView, SpectrumSolver};
///
/// fn largest(solver: &dyn SpectrumSolver, matrix: MatView<'_>) -> Option<f64> {
///     solver.spectra(&[matrix])[0].as_ref().ok()?.spectrum().values().first().copied()
/// }
/// assert_eq!(largest(&CpuSolver, MatView::new(&[0.0, 3.0, 4.0, 0.0], 2, 2)), Some(4.0));
/// ```
pub trait SpectrumSolver {
    /// The `min(rows, cols)` singular values of each matrix, of any shape `(rows, cols)`.
    fn spectra(&self, matrices: &[MatView<'_>]) -> Vec<Result<CertifiedSpectrum, BoxError>>;

    /// The singular values of each product of a left factor `(rows, inner)` and a right factor
    /// `(inner, cols)`, which need not be formed: `min(rows, inner, cols)` of them.
    ///
    /// # Panics
    ///
    /// If the inner sizes of a pair differ.
    fn product_spectra(
        &self,
        pairs: &[(MatView<'_>, MatView<'_>)],
    ) -> Vec<Result<CertifiedSpectrum, BoxError>>;
}

/// [`spectra`] and [`product_spectra`], in f64 on the CPU, one thread for each matrix.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuSolver;

impl SpectrumSolver for CpuSolver {
    fn spectra(&self, matrices: &[MatView<'_>]) -> Vec<Result<CertifiedSpectrum, BoxError>> {
        spectra(matrices).into_iter().map(|found| found.map_err(Into::into)).collect()
    }

    fn product_spectra(
        &self,
        pairs: &[(MatView<'_>, MatView<'_>)],
    ) -> Vec<Result<CertifiedSpectrum, BoxError>> {
        product_spectra(pairs).into_iter().map(|found| found.map_err(Into::into)).collect()
    }
}
