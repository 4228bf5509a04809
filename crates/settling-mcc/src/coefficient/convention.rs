//! What other libraries answer where the MCC is undefined.

use crate::coefficient::contingency::Contingency;

/// What another library answers where the MCC is undefined: [`Contingency::mcc_as`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Convention {
    /// `sklearn.metrics.matthews_corrcoef` (1.9): 0 where a variable is constant. (Without any
    /// observation it raises.)
    ScikitLearn,
    /// `torchmetrics` (1.9): 1 if every observation is on the diagonal, -1 if none is, although a
    /// variable is constant; else, with one margin empty, the limit of an epsilon beside 0, which
    /// is some number between; 0 without any observation.
    Torchmetrics,
    /// `numpy.corrcoef` of zeros and ones, and what follows the formula to the letter: NaN.
    NumPy,
}

impl Contingency {
    /// The MCC as another library has it, to reproduce its numbers. Where it is defined this is
    /// [`mcc`](Self::mcc), and the libraries agree up to their rounding (torchmetrics computes with
    /// 24 bits).
    ///
    /// ```
    /// use settling_mcc::{Contingency, Convention};
    ///
    /// // Every layer converges early, and five of six have a large effective rank.
    /// let table = Contingency { true_positives: 5, false_negatives: 1, ..Contingency::default() };
    /// assert_eq!(table.mcc_as(Convention::ScikitLearn), 0.0);
    /// assert!(table.mcc_as(Convention::NumPy).is_nan());
    /// // (5 - 1) / sqrt(6 * 5 * 1).
    /// assert!((table.mcc_as(Convention::Torchmetrics) - 0.7303).abs() < 1e-4);
    /// ```
    #[must_use]
    pub fn mcc_as(&self, convention: Convention) -> f64 {
        match (self.mcc().value(), convention) {
            (Some(value), _) => value,
            (None, Convention::ScikitLearn) => 0.0,
            (None, Convention::NumPy) => f64::NAN,
            (None, Convention::Torchmetrics) => self.torchmetrics(),
        }
    }

    /// The branch of torchmetrics' `_matthews_corrcoef_reduce` for a denominator of 0.
    fn torchmetrics(&self) -> f64 {
        let epsilon = f64::from(f32::EPSILON);
        let [tp, fp, missed, tn] = self.cells().map(|count| count as f64);
        let difference = match self.cells() {
            [0, 0, 0, 0] => return 0.0,
            [_, 0, 0, _] => return 1.0,
            [0, _, _, 0] => return -1.0,
            [_, _, 0, 0] => tp - fp,
            [_, 0, _, 0] => tp - missed,
            [0, _, 0, _] => tn - fp,
            _ => tn - missed,
        };
        let margins = [tp + fp, tp + missed, tn + fp, tn + missed];
        let product: f64 = margins.iter().map(|margin| margin + epsilon).product();
        epsilon.sqrt() * difference / product.sqrt()
    }
}
