//! What measures take.

use settling_core::Spectrum;

/// What measures take: singular values, and which of them cannot be told from zero. A [`Spectrum`],
/// which is taken to be exact, or a [`CertifiedSpectrum`](crate::CertifiedSpectrum), which knows
/// how far off it can be.
///
/// # Contract
///
/// [`noise`](Self::noise) is not negative and not NaN.
///
/// ```
/// use settling_rank::{MatView, Measurable, numerical_rank, spectrum};
///
/// // Rows (1, 2) and (2, 4): one singular value, the root of 25, and zero.
/// let certified = spectrum(MatView::new(&[1.0, 2.0, 2.0, 4.0], 2, 2))?;
/// assert!(certified.noise() > 0.0 && certified.noise() < 1e-14);
/// assert_eq!(certified.spectrum().noise(), 0.0);
/// assert_eq!(numerical_rank(&certified, 0.0), 1);
/// # Ok::<(), settling_rank::Error>(())
/// ```
pub trait Measurable {
    /// The singular values.
    fn spectrum(&self) -> &Spectrum;

    /// Values up to this fraction of the largest may be zero: their errors are as large as they
    /// are. 0 if the values are exact, or none differs from zero; 1 or more if all may be zero.
    fn noise(&self) -> f64;
}

impl Measurable for Spectrum {
    fn spectrum(&self) -> &Spectrum {
        self
    }

    fn noise(&self) -> f64 {
        0.0
    }
}

impl<T: Measurable + ?Sized> Measurable for &T {
    fn spectrum(&self) -> &Spectrum {
        (**self).spectrum()
    }

    fn noise(&self) -> f64 {
        (**self).noise()
    }
}
