//! Singular values with how they were found and how far off they can be.

use settling_core::Spectrum;

use crate::arithmetic::scale::times_two_to;
use crate::error::Error;
use crate::measures::condition::{ConditionNumber, condition_number};
use crate::measures::measurable::Measurable;
use crate::measures::sensitivity::joint_error;
use crate::method::Method;
use crate::uncertainty::{Quantity, Uncertainty};

/// Singular values with how they were found and how far off they can be.
///
/// ```
/// use settling_rank::{MatView, Method, effective_rank, spectrum};
///
/// // Rows (1, 0, 0) and (0, 1, 0): two equal singular values.
/// let a = spectrum(MatView::new(&[1.0_f32, 0.0, 0.0, 0.0, 1.0, 0.0], 2, 3))?;
/// assert_eq!(effective_rank(&a)?, 2.0);
/// assert_eq!(a.method(), Method::Gram);
/// assert!(a.effective_rank_error()? < 1e-9);
/// # Ok::<(), settling_rank::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CertifiedSpectrum {
    spectrum: Spectrum,
    method: Method,
    uncertainty: Uncertainty,
}

impl CertifiedSpectrum {
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

    /// How they were found.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// How far each singular value can be from the true one, in the unit of the values.
    #[must_use]
    pub fn radii(&self) -> Vec<f64> {
        let largest = self.largest();
        let radius = |value: &f64| {
            let radius = self.radius(value / largest) * largest;
            // What is subnormal was rounded, perhaps down.
            let is_rounded = self.uncertainty.each > 0.0 && radius < f64::MIN_POSITIVE;
            if is_rounded { radius.next_up() } else { radius }
        };
        self.spectrum.values().iter().map(radius).collect()
    }

    /// What errors are relative to: beside zeros they are what they are.
    fn largest(&self) -> f64 {
        self.spectrum.values().first().copied().filter(|&largest| largest > 0.0).unwrap_or(1.0)
    }

    /// The radius of a value, both as fractions of the largest.
    fn radius(&self, value: f64) -> f64 {
        let each = self.uncertainty.each;
        match self.uncertainty.of {
            Quantity::Values => each,
            // |x - y| = |x^2 - y^2| / (x + y), and at most the root of |x^2 - y^2|.
            Quantity::Squares => {
                (each / (value + (value * value - each).max(0.0).sqrt())).min(each.sqrt())
            }
        }
    }

    /// How far the [effective rank](crate::effective_rank) of the values can be from that of the
    /// matrix, relative to it.
    ///
    /// Sharper than [`effective_rank_error`](crate::effective_rank_error) of the
    /// [`radii`](Self::radii), because the errors of all values together are bounded, and not only
    /// each.
    ///
    /// # Errors
    ///
    /// [`Undefined`](crate::ErrorKind::Undefined), for an empty matrix and for one of zeros.
    pub fn effective_rank_error(&self) -> Result<f64, Error> {
        joint_error(&self.spectrum, self.uncertainty)
    }

    /// The ratio of the largest to the smallest singular value, or that it is "at least" so much:
    /// [`condition_number`], with the error of the smallest value.
    ///
    /// The Gram matrix loses small values first. Ask [`spectrum_within`](crate::spectrum_within) a
    /// tolerance of 0 if this is what you are after.
    ///
    /// # Errors
    ///
    /// [`Undefined`](crate::ErrorKind::Undefined), for an empty matrix and for one of zeros.
    pub fn condition_number(&self) -> Result<ConditionNumber, Error> {
        condition_number(self, self.radii().last().copied().unwrap_or(0.0))
    }

    /// The spectrum of an empty matrix, or of one of zeros.
    pub(crate) fn zeros(count: usize) -> Self {
        let uncertainty = Uncertainty { of: Quantity::Values, each: 0.0, together: 0.0 };
        Self { spectrum: checked(vec![0.0; count]), method: Method::Zero, uncertainty }
    }

    /// The spectrum of a product whose terms cancel in f64: within `radius * 2^exponent` of zero.
    pub(crate) fn cancelled(count: usize, radius: f64, exponent: i32) -> Self {
        let radius = scaled_by(radius, exponent).max(f64::from_bits(1));
        let uncertainty = Uncertainty { of: Quantity::Values, each: radius, together: radius };
        Self { uncertainty, ..Self::zeros(count) }
    }

    /// The values times `2^exponent`.
    pub(crate) fn scaled(
        mut values: Vec<f64>,
        exponent: i32,
        (rows, cols): (usize, usize),
        method: Method,
        mut uncertainty: Uncertainty,
    ) -> Result<Self, Error> {
        for value in &mut values {
            *value = scaled_by(*value, exponent);
            if value.is_infinite() {
                return Err(Error::overflow(rows, cols));
            }
        }
        // Subnormal values were rounded to multiples of 2^-1074, by half of that. Squares, relative
        // to the largest, by at most 2.5 times as much.
        let factor = if uncertainty.of == Quantity::Squares { 2.5 } else { 1.0 };
        let largest = values.iter().copied().fold(0.0, f64::max);
        let rounding = factor * (f64::from_bits(1) / largest) / 2.0;
        uncertainty.each += rounding;
        uncertainty.together += rounding * (values.len() as f64).sqrt();
        Ok(Self { spectrum: checked(values), method, uncertainty })
    }
}

impl Measurable for CertifiedSpectrum {
    fn spectrum(&self) -> &Spectrum {
        &self.spectrum
    }

    /// Those that are within their [radii](CertifiedSpectrum::radii) of zero.
    fn noise(&self) -> f64 {
        match self.spectrum.values() {
            [] | [0.0, ..] => 0.0,
            // A value is within its radius where it is within that of zero.
            _ => self.radius(0.0),
        }
    }
}

impl AsRef<Spectrum> for CertifiedSpectrum {
    fn as_ref(&self) -> &Spectrum {
        &self.spectrum
    }
}

/// Twice, for the exponents of a product.
fn scaled_by(value: f64, exponent: i32) -> f64 {
    times_two_to(times_two_to(value, exponent / 2), exponent - exponent / 2)
}

fn checked(values: Vec<f64>) -> Spectrum {
    Spectrum::from_unordered(values).expect("the values are magnitudes of finite numbers")
}
