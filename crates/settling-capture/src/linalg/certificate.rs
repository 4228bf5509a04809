//! What the eigenvalues of a computed Gram matrix say of singular values, and how far that is to be trusted.
//!
//! # Eigenvalues
//!
//! Let `λ_1 >= ... >= λ_n` be the eigenvalues of `G = B Bᵀ`, and `l_k` what the device answers for the computed `fl(G)`. Two
//! errors come together.
//!
//! 1. `fl(G)` is not `G`. By Weyl's inequality no eigenvalue moves by more than `‖fl(G) - G‖`, whose bound
//!    `u ‖fl(G)‖ + 2 (N + 3) u ‖S‖ ‖L‖` is derived in `gram.rs`.
//! 2. The solver is not exact. LAPACK's claim, and cuSOLVER's, whose routines are of the same kind, is that computed eigenvalues
//!    are those of a matrix within `p(n) eps ‖fl(G)‖_2`, with `p` "a modestly growing function of n" (LAPACK Users' Guide, 3rd
//!    edition, section 4.7). Here `p(n) = n`, and `eps = 2^-52`: this constant is a claim about libraries and not a theorem.
//!    Against matrices of known spectrum, libtorch on a CPU errs by up to 10 % of it for n = 64 and 5 % for n = 512 and 1024; a
//!    GPU has not been measured. By Weyl again, no eigenvalue moves by more.
//!
//! So every eigenvalue is within
//!
//! ```text
//! r = (1 + 2^-6) (n eps l_1 + u ‖fl(G)‖ + 2 (N + 3) u ‖S‖ ‖L‖)
//! ```
//!
//! of the true one, where the factor covers what is of second order in u, `l_1` in the place of `‖fl(G)‖_2`, and the rounding of
//! the norms themselves, for `n N < 2^46`. As `G` is positive semidefinite, `l_k < -r` contradicts the claim, and a negative
//! `l_k` within `r` may be set to 0, which brings it closer.
//!
//! # Singular values
//!
//! `σ_k = sqrt(λ_k)`, and `λ_k >= 0` lies in `[l - r, l + r]`. The square root is concave, so for `l >= r` the lower end is the
//! farther one: `|σ - sqrt(l)| <= sqrt(l) - sqrt(l - r) = r / (sqrt(l) + sqrt(l - r))`. For `l < r` both `sqrt(l)` and
//! `sqrt(l + r) - sqrt(l)` are below `sqrt(r)`, which is also where the formula arrives for `l = r`. The root itself is rounded:
//! `eps sqrt(l)` more.
//!
//! A value that is c times smaller than the largest is thus known to a relative `n eps c² / 2`, and none below
//! `sqrt(n eps) σ_1` at all. What that does to the effective rank bounds
//! [`effective_rank_error`](settling_rank::effective_rank_error).
//!
//! # Sums
//!
//! A solver that failed without saying so would be believed by all this. Therefore `Σ l_k` has to be the trace of `fl(G)`, and
//! `Σ σ_k²` the squared Frobenius norm of the matrix, which the host summed from the data before the device saw them, both to
//! the relative `8 N eps` to which settling-rank checks its own.

use settling_core::Spectrum;

/// Why the Gram matrix was not enough.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Fallback {
    /// Its eigenvalues do not determine the effective rank to 1e-9: the matrix is of low rank, or nearly so.
    Certificate,
    /// Its eigenvalues do not add up to its trace, or their roots' squares not to the squared norm of the matrix, or one is
    /// more negative than rounding explains: the device, or its library, erred.
    Sums,
    /// The device's eigenvalue routine reported a failure, for this matrix or another one of the same batch.
    Eigenvalues,
}

/// The relative error of the effective rank up to which a Gram matrix is enough.
const TOLERANCE: f64 = 1e-9;

/// Half of eps: what one rounding does, relative.
const U: f64 = f64::EPSILON / 2.0;

/// What is known of one matrix, scaled so that its largest element lies in [1, 2).
pub(super) struct Evidence<'a> {
    /// Of `fl(G)`, in any order.
    pub(super) eigenvalues: &'a [f64],
    /// `N`.
    pub(super) inner: usize,
    /// Of `fl(G)`.
    pub(super) trace: f64,
    /// ‖fl(G)‖².
    pub(super) gram: f64,
    /// ‖S‖².
    pub(super) s: f64,
    /// ‖L‖².
    pub(super) l: f64,
    /// ‖B‖², by the host.
    pub(super) squared_norm: f64,
}

/// Singular values, how far each may be off, and what of this reaches the effective rank.
#[derive(Debug)]
pub(super) struct Certificate {
    pub(super) spectrum: Spectrum,
    pub(super) radii: Vec<f64>,
    pub(super) effective_rank_error: f64,
}

impl Evidence<'_> {
    pub(super) fn certify(&self) -> Result<Certificate, Fallback> {
        let (n, inner) = (self.eigenvalues.len() as f64, self.inner as f64);
        let largest = self.eigenvalues.iter().copied().fold(0.0, f64::max);
        let solver = n * f64::EPSILON * largest;
        let product =
            U * self.gram.sqrt() + 2.0 * (inner + 3.0) * U * (self.s.sqrt() * self.l.sqrt());
        let radius = (1.0 + 1.0 / 64.0) * (solver + product);

        // None of these holds of NaN.
        let tolerance = 8.0 * inner * f64::EPSILON;
        let agree = |found: f64, expected: f64| (found - expected).abs() <= tolerance * expected;
        let within = self.eigenvalues.iter().all(|&eigenvalue| eigenvalue >= -radius);
        if !(within && agree(self.eigenvalues.iter().sum(), self.trace)) {
            return Err(Fallback::Sums);
        }
        let roots = self.eigenvalues.iter().map(|eigenvalue| eigenvalue.max(0.0).sqrt()).collect();
        let spectrum = Spectrum::from_unordered(roots).map_err(|_| Fallback::Sums)?;
        if !agree(spectrum.values().iter().map(|value| value * value).sum(), self.squared_norm) {
            return Err(Fallback::Sums);
        }

        let radii: Vec<f64> =
            spectrum.values().iter().map(|&value| root_radius(value, radius)).collect();
        match settling_rank::effective_rank_error(&spectrum, &radii) {
            Ok(error) if error <= TOLERANCE => {
                Ok(Certificate { spectrum, radii, effective_rank_error: error })
            }
            _ => Err(Fallback::Certificate),
        }
    }
}

/// How far `root`, the root of a number, may be from that of another one within `radius`.
fn root_radius(root: f64, radius: f64) -> f64 {
    let lowest = (root * root - radius).max(0.0).sqrt();
    (radius / (root + lowest)).min(radius.sqrt()) + f64::EPSILON * root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the matrix with rows (2, 0) and (0, 1).
    fn evidence(eigenvalues: &[f64]) -> Evidence<'_> {
        Evidence {
            eigenvalues,
            inner: 2,
            trace: 5.0,
            gram: 17.0,
            s: 5.0,
            l: 0.0,
            squared_norm: 5.0,
        }
    }

    #[test]
    fn radii_are_those_of_the_derivation() {
        let found = evidence(&[1.0, 4.0]).certify().unwrap();
        assert_eq!(found.spectrum.values(), [2.0, 1.0]);
        // r = 65/64 (2 eps 4 + eps/2 sqrt(17)), and r / 4 + 2 eps, r / 2 + eps to first order.
        let r = 65.0 / 64.0 * (8.0 + 17.0_f64.sqrt() / 2.0) * f64::EPSILON;
        let expected = [r / 4.0 + 2.0 * f64::EPSILON, r / 2.0 + f64::EPSILON];
        for (found, expected) in found.radii.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-14 * expected);
        }
        let bound = settling_rank::effective_rank_error(&found.spectrum, &found.radii).unwrap();
        assert_eq!(found.effective_rank_error, bound);
    }

    /// Every number within the radius has its root within the root's radius, at, below and above the radius.
    #[test]
    fn roots_are_within_their_radii() {
        let radius = 1e-6;
        for value in [0.0, 1e-9, 1e-7, 9e-7, 1e-6, 1.1e-6, 1e-5, 1e-3, 1.0] {
            let root = f64::sqrt(value);
            let bound = root_radius(root, radius);
            for step in -10..=10 {
                let other = (value + f64::from(step) * radius / 10.0).max(0.0);
                assert!((root - other.sqrt()).abs() <= bound, "{value} {step}");
            }
            assert!(bound <= 1.0001 * radius.sqrt());
        }
    }

    #[test]
    fn what_does_not_add_up_is_not_believed() {
        let refused = |eigenvalues: &[f64]| evidence(eigenvalues).certify().unwrap_err();
        // The trace is 5 and allowed to be off by 80 eps.
        assert_eq!(refused(&[1.0, 4.0 + 100.0 * f64::EPSILON]), Fallback::Sums);
        assert_eq!(refused(&[1.0, f64::NAN]), Fallback::Sums);
        assert_eq!(refused(&[f64::NAN, f64::NAN]), Fallback::Sums);
        assert_eq!(refused(&[f64::INFINITY, 1.0]), Fallback::Sums);
        // The sum is right, but no Gram matrix has this eigenvalue.
        assert_eq!(refused(&[5.0 + 1e-12, -1e-12]), Fallback::Sums);
        // The trace agrees with the eigenvalues and both contradict the data.
        let lost = Evidence { squared_norm: 5.0 + 1e-13, ..evidence(&[1.0, 4.0]) };
        assert_eq!(lost.certify().unwrap_err(), Fallback::Sums);
        let broken = Evidence { gram: f64::NAN, ..evidence(&[1.0, 4.0]) };
        assert_eq!(broken.certify().unwrap_err(), Fallback::Sums);
    }

    #[test]
    fn a_value_that_is_not_known_is_not_passed_off() {
        let low = Evidence { trace: 4.0, gram: 16.0, squared_norm: 4.0, ..evidence(&[4.0, 0.0]) };
        assert_eq!(low.certify().unwrap_err(), Fallback::Certificate);
        // An eigenvalue within the radius below zero is zero, which is not known either.
        let low = Evidence { eigenvalues: &[4.0, -1e-15], ..low };
        assert_eq!(low.certify().unwrap_err(), Fallback::Certificate);
    }
}
