use std::collections::BTreeMap;

use rayon::prelude::*;
use settling_core::{MatView, SingularValues, Spectrum};
use settling_rank::effective_rank_error;
use tch::no_grad_guard;

use super::certificate::{Certificate, Evidence, Fallback};
use super::gram::Grams;
use super::{refused, with_f64};
use crate::Device;
use crate::batch::Walk;
use crate::error::{Context, Error, ErrorKind};
use crate::tensor::to_host_f64;

/// How many elements are on the device at once: each costs 50 to 70 bytes, some 1.2 GiB in all unless one matrix alone has more.
const ELEMENTS_AT_ONCE: usize = 1 << 24;

/// Singular values on a device, from eigenvalues of Gram matrices, each spectrum with a certificate of its error.
///
/// # When to use it
///
/// On a GPU, for many matrices or large ones. On a CPU prefer [`settling_rank::singular_values`], which knows small singular values
/// better, needs no libtorch, and gives the same bits on any number of threads; here [`Device::Cpu`] is for tests. What is
/// wanted of a spectrum here is its effective rank. A single small singular value, and so a condition number, is known to its
/// radius only.
///
/// # Method
///
/// A matrix is scaled by a power of two, its Gram matrix of the smaller side formed in f64 with one rounding an element (from a
/// leading part whose products are exact, and the small rest), and the device asked for its eigenvalues, whose roots are the
/// singular values. From bounds of what was rounded, and the backward error `n eps` that LAPACK and cuSOLVER claim for their
/// eigenvalues, follows a radius for every singular value, and from these
/// [a bound](settling_rank::effective_rank_error) of the effective rank's relative error. If it is at most 1e-9, and the
/// eigenvalues add up to the trace and the squared values to the squared norm of the data, the answer stands. If not, the CPU
/// computes an SVD, in parallel over such matrices, and [`Certified::method`] says why. The full derivation is in the sources:
/// `linalg/gram.rs` and `linalg/certificate.rs`.
///
/// It passes for square Gaussian matrices of width 1024, and for matrices of width 512 whose singular values fall evenly in their
/// logarithm up to a thousandfold. A matrix of low rank never does, and so costs the attempt besides the SVD.
///
/// # Cost and memory
///
/// For n x N with n <= N: `4 n² N + O(n³)` floating-point operations in f64, on the device. GPUs for games compute f64 at a
/// 64th of their speed in f32. Matrices of one shape go through in batches of 2^24 elements or one matrix, with some 50 bytes an element
/// (70 where a matrix is square; measured on a CPU); where a GPU's memory does not suffice, a batch is halved, again and again.
///
/// # Example
///
/// ```
/// use settling_capture::{Device, DeviceSpectra, Method};
/// use settling_core::MatView;
///
/// let spectra = DeviceSpectra::new(Device::Cpu)?;
/// // A Aᵀ = [[9, 12], [12, 41]] has the eigenvalues 45 and 5; the other matrix has rank 1.
/// let (full, low) = ([3.0_f32, 0.0, 4.0, 5.0], [1.0_f32, 1.0, 1.0, 1.0]);
/// let found = spectra.certified(&[MatView::new(&full, 2, 2), MatView::new(&low, 2, 2)]);
///
/// let full = found[0].as_ref().unwrap();
/// assert!((full.spectrum().values()[0] - 45.0_f64.sqrt()).abs() <= full.radii()[0]);
/// assert_eq!(full.method(), Method::Gram);
/// assert!(full.effective_rank_error() < 1e-14);
/// assert!(matches!(found[1].as_ref().unwrap().method(), Method::Svd(_)));
/// # Ok::<(), settling_capture::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DeviceSpectra {
    device: Device,
    torch: tch::Device,
}

/// A spectrum, how it was found, and how far it may be off. From [`DeviceSpectra::certified`].
#[derive(Clone, Debug, PartialEq)]
pub struct Certified {
    spectrum: Spectrum,
    radii: Vec<f64>,
    effective_rank_error: f64,
    method: Method,
}

/// How a spectrum was found.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// Eigenvalues of the Gram matrix, on the device. Also of a matrix that is empty or zero, of which nothing was computed.
    Gram,
    /// An SVD on the CPU, by [`settling_rank::singular_values`], because the Gram matrix was not enough.
    Svd(Fallback),
}

impl Certified {
    /// The singular values.
    #[must_use]
    pub fn spectrum(&self) -> &Spectrum {
        &self.spectrum
    }

    /// The singular values, by value.
    #[must_use]
    pub fn into_spectrum(self) -> Spectrum {
        self.spectrum
    }

    /// How far each singular value may be from the true one of the same index.
    #[must_use]
    pub fn radii(&self) -> &[f64] {
        &self.radii
    }

    /// How far the effective rank of the spectrum may be from that of the matrix, relative to it:
    /// [`effective_rank_error`](settling_rank::effective_rank_error) of the radii. At most 1e-9 for [`Method::Gram`]; 0 for a
    /// matrix that is empty or zero, whose effective rank is undefined.
    #[must_use]
    pub fn effective_rank_error(&self) -> f64 {
        self.effective_rank_error
    }

    /// How the values were found.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }
}

/// What came of the attempt on the device.
enum Attempt {
    Passed(Certificate),
    /// To be done on the CPU, and what it will then say.
    Left(Method),
    Failed(Error),
}

impl DeviceSpectra {
    /// Singular values computed on `device`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Device`](crate::ErrorKind::Device) if there is no such device, or it has no f64, as [`Device::Mps`];
    /// [`ErrorKind::DeviceFailed`](crate::ErrorKind::DeviceFailed) if a GPU has failed in this process.
    pub fn new(device: Device) -> Result<Self, Error> {
        Ok(Self { device, torch: with_f64(device)? })
    }

    /// The singular values of `matrices`, of any shapes `(rows, cols)`, in their order. Those of one shape go through the device
    /// together, so pass many at once. An empty matrix has an empty spectrum, a zero matrix one of zeros.
    ///
    /// # Errors
    ///
    /// Of each matrix, by itself: [`ErrorKind::Matrix`](crate::ErrorKind::Matrix), with a [`settling_rank::Error`] as its
    /// source, if an element is not finite (the message has its row and column) or no method found singular values;
    /// [`ErrorKind::OutOfMemory`](crate::ErrorKind::OutOfMemory) if it does not fit the device alone;
    /// [`ErrorKind::DeviceFailed`](crate::ErrorKind::DeviceFailed) and [`ErrorKind::Libtorch`](crate::ErrorKind::Libtorch) if the
    /// device failed, for all matrices that were still to come.
    #[must_use]
    pub fn certified(&self, matrices: &[MatView<'_>]) -> Vec<Result<Certified, Error>> {
        let scales: Vec<Option<Scale>> = matrices.par_iter().map(|&a| Scale::of(a)).collect();
        let mut shapes = BTreeMap::<_, Vec<(usize, MatView<'_>, Scale)>>::new();
        for (index, (&a, scale)) in matrices.iter().zip(&scales).enumerate() {
            if let Some(scale) = scale {
                shapes.entry((a.rows(), a.cols())).or_default().push((index, a, *scale));
            }
        }
        // Nothing is left for the device of what has no scale; settling-rank answers at once.
        let mut attempts: Vec<Attempt> =
            matrices.iter().map(|_| Attempt::Left(Method::Gram)).collect();
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
            Attempt::Passed(Certificate { spectrum, radii, effective_rank_error }) => {
                Ok(Certified { spectrum, radii, effective_rank_error, method: Method::Gram })
            }
            Attempt::Left(method) => on_cpu(a, method),
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
                let left = || Attempt::Left(Method::Svd(Fallback::Eigenvalues));
                return Ok(matrices.iter().map(|_| left()).collect());
            }
            Err(error) => return Err(error),
        };
        let (inner, (sizes, _)) = (rows.max(cols), sizes.as_chunks::<4>());
        let each = eigenvalues.chunks_exact(rows.min(cols)).zip(sizes);
        let mut attempts = Vec::with_capacity(members.len());
        for ((eigenvalues, &[trace, gram, s, l]), (.., scale)) in each.zip(members) {
            let squared_norm = scale.squared_norm;
            let evidence = Evidence { eigenvalues, inner, trace, gram, s, l, squared_norm };
            attempts.push(match evidence.certify() {
                Ok(certificate) => Attempt::Passed(certificate.times_two_to(scale.exponent)),
                Err(reason) => Attempt::Left(Method::Svd(reason)),
            });
        }
        Ok(attempts)
    }
}

impl SingularValues for DeviceSpectra {
    type Error = Error;

    /// As [`DeviceSpectra::certified`] of one matrix: one after the other, small ones leave a GPU idle.
    fn singular_values(&self, a: MatView<'_>) -> Result<Spectrum, Error> {
        let found = self.certified(&[a]).pop().expect("an answer for each matrix");
        Ok(found?.into_spectrum())
    }
}

/// What the host knows of a matrix before the device sees it.
#[derive(Clone, Copy)]
struct Scale {
    /// Divided by two to this, the largest element lies in [1, 2).
    exponent: i32,
    /// Of the matrix so divided. The error is below 2 max(rows, cols) eps, relative.
    squared_norm: f64,
}

impl Scale {
    /// `None` of a matrix that is empty or zero or has an element that is not finite.
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

impl Certificate {
    /// Of the matrix multiplied by a power of two, to which an effective rank is indifferent.
    fn times_two_to(self, exponent: i32) -> Self {
        let times = |values: Vec<f64>| -> Vec<f64> {
            values.into_iter().map(|value| value * 2.0_f64.powi(exponent)).collect()
        };
        let spectrum = Spectrum::new(times(self.spectrum.into_values()));
        let spectrum = spectrum.expect("scaling keeps order and stays far inside the range of f64");
        Self { spectrum, radii: times(self.radii), ..self }
    }
}

fn on_cpu(a: MatView<'_>, method: Method) -> Result<Certified, Error> {
    let spectrum = settling_rank::singular_values(a).map_err(refused)?;
    // What settling-rank promises of every value.
    let largest = spectrum.values().first().copied().unwrap_or_default();
    let radius = 4.0 * a.rows().max(a.cols()) as f64 * f64::EPSILON * largest;
    let radii = vec![radius; spectrum.len()];
    // An error if the rank is undefined, which it then is exactly.
    let effective_rank_error = effective_rank_error(&spectrum, &radii).unwrap_or(0.0);
    Ok(Certified { spectrum, radii, effective_rank_error, method })
}
