//! Singular values from eigenvalues of a Gram matrix that somebody else computed.

use crate::arithmetic::sum::sum;
use crate::certified::CertifiedSpectrum;
use crate::method::Method;
use crate::uncertainty::{Quantity, Uncertainty};

/// The eigenvalues of a Gram matrix `G`, `A Aᵀ` or `Aᵀ A` of the shorter side of a matrix, computed
/// in f64 by a GPU or another library. [`certify`](Self::certify) makes singular values of them,
/// with bounds, as [`spectrum`](crate::spectrum) does of its own.
///
/// `A` should be scaled by a power of two, so that its largest element is near 1: squares of f64
/// overflow and underflow.
///
/// # Example
///
/// ```
/// use settling_rank::{GramEigenvalues, Method};
///
/// // A has the rows (3, 0) and (4, 5): A Aᵀ = [[9, 12], [12, 41]], whose elements are exact,
/// // has the eigenvalues 45 and 5.
/// let known = GramEigenvalues {
///     values: &[5.0, 45.0],
///     squared_norm: 50.0,
///     norm: 2050.0_f64.sqrt(),
///     product_error: 0.0,
///     exponent: 0,
/// };
/// let found = known.certify().unwrap();
/// assert_eq!(found.method(), Method::Gram);
/// assert!((found.spectrum().values()[0] - 45.0_f64.sqrt()).abs() <= found.radii()[0]);
/// assert!(found.effective_rank_error()? < 1e-13);
///
/// // Eigenvalues of another matrix.
/// assert!(GramEigenvalues { values: &[6.0, 44.0], ..known }.certify().is_none());
/// # Ok::<(), settling_rank::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GramEigenvalues<'a> {
    /// The eigenvalues, in any order: of `G` as it was computed, some below zero by rounding.
    pub values: &'a [f64],
    /// `‖A‖²`, the sum of the squared elements of the matrix, in no way taken from `G`.
    pub squared_norm: f64,
    /// `‖G‖`, the Frobenius norm, as `G` was computed.
    pub norm: f64,
    /// A bound of the Frobenius norm of what rounding changed in `G`.
    pub product_error: f64,
    /// The matrix whose singular values are wanted is `2^exponent A`. Between -1100 and 1100.
    pub exponent: i32,
}

impl GramEigenvalues<'_> {
    /// Singular values, and how far off they and their effective rank can be. `None` if the
    /// eigenvalues do not belong to the matrix: they are not those of a Gram matrix, or do not add
    /// up to its trace, or their squares to its squared norm.
    ///
    /// # The bound
    ///
    /// With n eigenvalues, those that a solver finds are those of a matrix within `n eps ‖G‖` of
    /// `G` (Higham, section 19.3, for Householder's transformations; LAPACK claims as much, and
    /// cuSOLVER, whose routines are of the same kind. The textbook's factor grows as n²; n is what
    /// everybody takes and far above what is seen.) That and `product_error` are Frobenius norms of
    /// perturbations of a symmetric matrix, so *the sum of the squares* of the changes of all
    /// eigenvalues is within the square of their sum (Hoffman and Wielandt 1953). That makes the
    /// bound good enough for trained weights: for each value alone, in the worst case of all at
    /// once, it would be some sqrt(n) weaker.
    ///
    /// Higham (2002), *Accuracy and Stability of Numerical Algorithms*, 2nd edition.
    #[must_use]
    pub fn certify(&self) -> Option<CertifiedSpectrum> {
        let (values, uncertainty) = self.singular_values()?;
        let n = values.len();
        CertifiedSpectrum::scaled(values, self.exponent, (n, n), Method::Gram, uncertainty).ok()
    }

    /// The singular values of A itself, in any order.
    pub(crate) fn singular_values(&self) -> Option<(Vec<f64>, Uncertainty)> {
        let Self { values, squared_norm, norm, product_error, .. } = *self;
        let n = values.len() as f64;
        let largest = values.iter().copied().fold(0.0, f64::max);
        let solving = (n + 1.0) * f64::EPSILON;
        let together = product_error + solving * norm;
        // Trace and norm of G, as the eigenvalues have them and as the elements do. False for NaN.
        let trace = sum(values.iter().copied());
        let squares = sum(values.iter().map(|value| value * value)).sqrt();
        let traced = (trace - squared_norm).abs() <= 2.0 * n.sqrt() * together;
        let normed = (squares - norm).abs() <= 2.0 * together;
        let semidefinite = values.iter().all(|&value| value >= -together);
        if !(traced && normed && semidefinite && largest > 0.0) {
            return None;
        }
        // The true ones are not negative: zero is nearer to them.
        let roots = values.iter().map(|value| value.max(0.0).sqrt()).collect();
        let uncertainty = Uncertainty {
            of: Quantity::Squares,
            each: product_error / largest + solving,
            together: together / largest,
        };
        Some((roots, uncertainty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eigenvalues of the matrix with rows (2, 0) and (0, 1).
    fn known(values: &[f64]) -> GramEigenvalues<'_> {
        let norm = 17.0_f64.sqrt();
        GramEigenvalues { values, squared_norm: 5.0, norm, product_error: 0.0, exponent: 0 }
    }

    #[test]
    fn radii_are_those_of_the_derivation() {
        let found = GramEigenvalues { exponent: 3, ..known(&[1.0, 4.0]) }.certify().unwrap();
        assert_eq!(found.spectrum().values(), [16.0, 8.0]);
        // 3 eps 4 in the squares 4 and 1, so 3 eps 4 / (2 * 2) and 3 eps 4 / (2 * 1) in the roots,
        // to first order; eight times that.
        for (found, expected) in found.radii().iter().zip([24.0, 48.0]) {
            assert!((found - expected * f64::EPSILON).abs() <= 1e-14 * expected * f64::EPSILON);
        }
        let rounded = GramEigenvalues { product_error: 1e-9, ..known(&[1.0, 4.0]) };
        let radius = rounded.certify().unwrap().radii()[0];
        assert!((radius - 0.25e-9).abs() < 1e-15, "{radius:e}");
    }

    #[test]
    fn what_does_not_add_up_is_not_believed() {
        let refused = |values: &[f64]| assert_eq!(known(values).certify(), None, "{values:?}");
        refused(&[1.0, 4.0 + 1e-13]);
        refused(&[1.0, f64::NAN]);
        refused(&[f64::NAN, f64::NAN]);
        refused(&[f64::INFINITY, 1.0]);
        refused(&[]);
        // The sums are right, but no Gram matrix has this eigenvalue.
        let low = known(&[5.0 + 1e-12, -1e-12]);
        assert_eq!(GramEigenvalues { norm: 5.0, ..low }.certify(), None);
        // The norm agrees with the eigenvalues and both contradict the data.
        let lost = GramEigenvalues { squared_norm: 5.0 + 1e-13, ..known(&[1.0, 4.0]) };
        assert_eq!(lost.certify(), None);
        let broken = GramEigenvalues { norm: f64::NAN, ..known(&[1.0, 4.0]) };
        assert_eq!(broken.certify(), None);
    }

    #[test]
    fn a_value_that_is_not_known_is_not_passed_off() {
        let low = GramEigenvalues { squared_norm: 4.0, norm: 4.0, ..known(&[4.0, -1e-16]) };
        let found = low.certify().unwrap();
        assert_eq!(found.spectrum().values(), [2.0, 0.0]);
        assert!(found.radii()[1] > 1e-8);
        assert!(found.effective_rank_error().unwrap() > 1e-9);
    }
}
