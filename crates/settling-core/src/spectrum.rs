//! The singular values of a matrix.

use crate::error::{Error, ErrorKind};

/// The singular values of a matrix: finite, non-negative, in non-increasing order; validated once,
/// here.
///
/// It has exactly as many values as the largest rank the matrix can have: `min(rows, cols)` for a
/// matrix that is stored as such, the inner dimension for a product of two thin factors. Values
/// that are zero because the matrix has a lower rank are listed as zeros.
///
/// ```
/// use settling_core::Spectrum;
///
/// let spectrum = Spectrum::new(vec![3.0, 1.0, 0.0])?;
/// assert_eq!(spectrum.values(), [3.0, 1.0, 0.0]);
/// assert!(Spectrum::new(vec![1.0, 2.0]).is_err(), "not in non-increasing order");
/// assert!(Spectrum::new(vec![f64::NAN]).is_err());
///
/// // Values in any order, of any sign: singular values from eigenvalues, say.
/// assert_eq!(Spectrum::from_unordered(vec![0.0, 3.0, 1.0])?, spectrum);
/// # Ok::<(), settling_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    values: Vec<f64>,
}

impl Spectrum {
    /// Checks `values` and takes them as they are.
    ///
    /// # Errors
    ///
    /// If a value is not finite, is negative, or is greater than the one before it.
    pub fn new(values: Vec<f64>) -> Result<Self, Error> {
        for (index, &value) in values.iter().enumerate() {
            let fault = if !value.is_finite() {
                "is not finite"
            } else if value < 0.0 {
                "is negative"
            } else if index > 0 && value > values[index - 1] {
                "is greater than the one before it"
            } else {
                continue;
            };
            let message = format!("singular value {index} is {value}, which {fault}");
            return Err(Error::new(ErrorKind::Value, message));
        }
        Ok(Self { values })
    }

    /// Sorts `values` into non-increasing order, then checks them.
    ///
    /// # Errors
    ///
    /// If a value is not finite or is negative.
    pub fn from_unordered(mut values: Vec<f64>) -> Result<Self, Error> {
        values.sort_by(|a, b| b.total_cmp(a));
        Self::new(values)
    }

    /// The values, largest first.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How many values there are: the largest rank the matrix can have.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the matrix had no rows or no columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values, largest first, by value.
    #[must_use]
    pub fn into_values(self) -> Vec<f64> {
        self.values
    }
}

/// So that what holds a spectrum, such as one with its certificate, can be measured as one.
impl AsRef<Self> for Spectrum {
    fn as_ref(&self) -> &Self {
        self
    }
}
