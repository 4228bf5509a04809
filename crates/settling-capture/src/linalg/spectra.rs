//! Singular values on a device.

use std::collections::BTreeMap;

use rayon::prelude::*;
use settling_core::{BoxError, MatView};
use settling_rank::{
    CertifiedSpectrum, CpuSolver, GramEigenvalues, SpectrumSolver, TOLERANCE, spectrum_within,
};
use tch::no_grad_guard;

use crate::device::Device;
use crate::error::{Error, ErrorKind};
use crate::failure::Context;
use crate::linalg::gram::{Grams, product_error};
use crate::tensor::to_host_f64;
use crate::walk::Walk;

/// How many elements are on the device at once: each costs 50 to 70 bytes, some 1.2 GiB in all
/// unless one matrix alone has more.
const ELEMENTS_AT_ONCE: usize = 1 << 24;

/// Singular values on a device, from eigenvalues of Gram matrices, each spectrum with a certificate
/// of its error.
///
/// # When to use it
///
/// On a GPU, for many matrices or large ones. On a CPU prefer [`settling_rank::singular_values`],
/// which knows small singular values better, needs no libtorch, and gives the same bits on any
/// number of threads; here [`Device::Cpu`] is for tests. What is wanted of a spectrum here is its
/// effective rank. A single small singular value, and so a condition number, is known to its radius
/// only.
///
/// # Method
///
/// A matrix is scaled by a power of two, its Gram matrix of the smaller side formed in f64 with one
/// rounding per element (from a leading part whose products are exact, and the small rest), and the
/// device asked for its eigenvalues, whose roots are the singular values. From a bound of what was
/// rounded (`linalg/gram.rs` derives it) [`GramEigenvalues`] has bounds of every value's error and
/// of the effective rank's; it also checks the eigenvalues against trace and norm, the trace as the
/// host summed it from the data before the device saw them. If the effective rank is certain to
/// [`TOLERANCE`], the answer stands. If not, or if the device's routine fails, the CPU decomposes
/// the matrix, in parallel over such matrices, as [`spectrum_within`] a tolerance of 0;
/// [`CertifiedSpectrum::method`] says which it was.
///
/// That computed eigenvalues are those of a matrix within `n eps ‖G‖` is a claim of LAPACK and
/// cuSOLVER, not a theorem. Against matrices of known spectrum, libtorch on a CPU errs by up to 10
/// % of it for n = 64 and 5 % for n = 512 and 1024; a GPU has not been measured.
///
/// It passes for square Gaussian matrices of width 1024, and for matrices of width 512 whose
/// singular values fall evenly in their logarithm up to a thousandfold. A matrix of low rank never
/// does, and so costs the attempt besides the SVD.
///
/// # Cost and memory
///
/// For n x N with n <= N: `4 n² N + O(n³)` floating-point operations in f64, on the device. GPUs
/// for games compute f64 at a 64th of their speed in f32. Matrices of one shape go through in
/// batches of 2^24 elements or one matrix, with some 50 bytes per element (70 where a matrix is
/// square; measured on a CPU); where a GPU's memory does not suffice, a batch is halved, again and
/// again.
///
/// # Example
///
/// ```
/// use settling_capture::{Device, DeviceSpectra};
/// use settling_core::MatView;
/// use settling_rank::Method;
///
/// let spectra = DeviceSpectra::new(Device::Cpu)?;
/// // A Aᵀ = [[9, 12], [12, 41]] has the eigenvalues 45 and 5; the other matrix has rank 1.
/// let (full, low) = ([3.0_f32, 0.0, 4.0, 5.0], [1.0_f32, 1.0, 1.0, 1.0]);
/// let found = spectra.certified(&[MatView::new(&full, 2, 2), MatView::new(&low, 2, 2)]);
///
/// let full = found[0].as_ref().unwrap();
/// assert!((full.spectrum().values()[0] - 45.0_f64.sqrt()).abs() <= full.radii()[0]);
/// assert_eq!(full.method(), Method::Gram);
/// assert!(full.effective_rank_error()? < 1e-13);
/// assert_eq!(found[1].as_ref().unwrap().method(), Method::Svd);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DeviceSpectra {
    device: Device,
    torch: tch::Device,
}

/// What came of the attempt on the device.
enum Attempt {
    Passed(CertifiedSpectrum),
    /// The CPU is to do it.
    Left,
    Failed(Error),
}

impl DeviceSpectra {
    /// Singular values computed on `device`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Device`](crate::ErrorKind::Device) if there is no such device, or it has no
    /// f64, as [`Device::Mps`]; [`ErrorKind::DeviceFailed`](crate::ErrorKind::DeviceFailed) if a
    /// GPU has failed in this process.
    pub fn new(device: Device) -> Result<Self, Error> {
        Ok(Self { device, torch: device.check_f64()? })
    }

    /// The singular values of `matrices`, of any shapes `(rows, cols)`, in their order. Those of
    /// one shape go through the device together, so pass many at once. An empty matrix has an empty
    /// spectrum, a zero matrix one of zeros.
    ///
    /// # Errors
    ///
    /// Each matrix has an error of its own: [`ErrorKind::Matrix`](crate::ErrorKind::Matrix), with a
    /// [`settling_rank::Error`] [inside](Error::get_ref), if an element is not finite (the message
    /// has its row and column) or no method found singular values;
    /// [`ErrorKind::OutOfMemory`](crate::ErrorKind::OutOfMemory) if it does not fit the device
    /// alone; [`ErrorKind::DeviceFailed`](crate::ErrorKind::DeviceFailed) and
    /// [`ErrorKind::Libtorch`](crate::ErrorKind::Libtorch) if the device failed, for all matrices
    /// that were still to come.
    #[must_use]
    pub fn certified(&self, matrices: &[MatView<'_>]) -> Vec<Result<CertifiedSpectrum, Error>> {
        let scales: Vec<Option<Scale>> = matrices.par_iter().map(|&a| Scale::of(a)).collect();
        let mut shapes = BTreeMap::<_, Vec<(usize, MatView<'_>, Scale)>>::new();
        for (index, (&a, scale)) in matrices.iter().zip(&scales).enumerate() {
            if let Some(scale) = scale {
                shapes.entry((a.rows(), a.cols())).or_default().push((index, a, *scale));
            }
        }
        // Nothing is left for the device of what has no scale; settling-rank answers at once.
        let mut attempts: Vec<Attempt> = matrices.iter().map(|_| Attempt::Left).collect();
        for ((rows, cols), members) in shapes {
            let size = (ELEMENTS_AT_ONCE / (rows * cols)).max(1);
            let mut walk = Walk::new(0..members.len(), size);
            while let Some(next) = walk.next() {
                match self.attempt(&members[next.clone()]) {
                    Ok(done) => {
                        for ((index, ..), attempt) in members[next].iter().zip(done) {
                            attempts[*index] = attempt;
                        }
                        walk.advance();
                    }
                    Err(error) => {
                        let Err(error) = walk.retreat(error) else { continue };
                        for (index, ..) in &members[next.start..] {
                            let copy = Error::new(error.kind(), error.to_string());
                            attempts[*index] = Attempt::Failed(copy);
                        }
                        break;
                    }
                }
            }
        }
        let finish = |(&a, attempt): (&MatView<'_>, Attempt)| match attempt {
            Attempt::Passed(certified) => Ok(certified),
            Attempt::Left => {
                spectrum_within(a, 0.0).map_err(|error| Error::relayed(ErrorKind::Matrix, error))
            }
            Attempt::Failed(error) => Err(error),
        };
        // One thread in each, so that no bit depends on how many there are.
        matrices.par_iter().zip(attempts).map(finish).collect()
    }

    /// Tries matrices of one shape on the device, all at once.
    fn attempt(&self, members: &[(usize, MatView<'_>, Scale)]) -> Result<Vec<Attempt>, Error> {
        self.device.still_usable()?;
        let _guard = no_grad_guard();
        let matrices: Vec<MatView<'_>> = members.iter().map(|&(_, a, _)| a).collect();
        let exponents: Vec<i32> = members.iter().map(|(.., scale)| scale.exponent).collect();
        let (rows, cols) = (matrices[0].rows(), matrices[0].cols());
        let doing = |what: &str| {
            let count = matrices.len();
            format!(
                "computing {what} of {rows} x {cols} matrices, {count} at once, on {}",
                self.device
            )
        };
        let grams =
            Grams::new(&matrices, &exponents, self.torch).context(|| doing("the Gram matrices"))?;
        let sizes = to_host_f64(&grams.sizes)?;
        let eigenvalues = grams.values.f_linalg_eigvalsh("L");
        let eigenvalues = match eigenvalues.context(|| doing("the Gram matrices' eigenvalues")) {
            Ok(eigenvalues) => to_host_f64(&eigenvalues)?,
            // It did not converge, say. What a GPU does not survive has other kinds.
            Err(error) if error.kind() == ErrorKind::Libtorch => {
                return Ok(matrices.iter().map(|_| Attempt::Left).collect());
            }
            Err(error) => return Err(error),
        };
        let (inner, (sizes, _)) = (rows.max(cols), sizes.as_chunks::<3>());
        let each = eigenvalues.chunks_exact(rows.min(cols)).zip(sizes);
        let mut attempts = Vec::with_capacity(members.len());
        for ((values, &[gram, s, l]), (.., scale)) in each.zip(members) {
            let norm = gram.sqrt();
            let known = GramEigenvalues {
                values,
                squared_norm: scale.squared_norm,
                norm,
                product_error: product_error(norm, s.sqrt(), l.sqrt(), inner),
                exponent: scale.exponent,
            };
            let certain = |found: &CertifiedSpectrum| {
                found.effective_rank_error().is_ok_and(|error| error <= TOLERANCE)
            };
            attempts.push(known.certify().filter(certain).map_or(Attempt::Left, Attempt::Passed));
        }
        Ok(attempts)
    }
}

impl SpectrumSolver for DeviceSpectra {
    /// [`DeviceSpectra::certified`].
    fn spectra(&self, matrices: &[MatView<'_>]) -> Vec<Result<CertifiedSpectrum, BoxError>> {
        self.certified(matrices).into_iter().map(|found| found.map_err(Into::into)).collect()
    }

    /// On the CPU: the factors of a head's circuit are thin, and their QR is little work.
    fn product_spectra(
        &self,
        pairs: &[(MatView<'_>, MatView<'_>)],
    ) -> Vec<Result<CertifiedSpectrum, BoxError>> {
        CpuSolver.product_spectra(pairs)
    }
}

/// What the host knows of a matrix before the device sees it.
#[derive(Clone, Copy)]
struct Scale {
    /// Divided by two to this, the largest element lies in [1, 2).
    exponent: i32,
    /// The squared norm of the matrix so divided. The error is below 2 max(rows, cols) eps,
    /// relative.
    squared_norm: f64,
}

impl Scale {
    /// `None` for a matrix that is empty or zero or has an element that is not finite.
    fn of(a: MatView<'_>) -> Option<Self> {
        let (mut largest, mut squared_norm) = (0.0_f32, 0.0);
        for row in a.iter_rows() {
            if !row.iter().all(|value| value.is_finite()) {
                return None;
            }
            largest = row.iter().fold(largest, |largest, value| largest.max(value.abs()));
            // Between 2^-298 and 2^256 times the number of elements.
            squared_norm += row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        }
        if largest == 0.0 {
            return None;
        }
        // Every f32 but zero is a normal f64.
        let exponent = (f64::from(largest).to_bits() >> 52) as i32 - 1023;
        Some(Self { exponent, squared_norm: squared_norm * 2.0_f64.powi(-2 * exponent) })
    }
}
