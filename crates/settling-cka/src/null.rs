//! CKA beside its values when rows are paired at random.

use crate::cka::Cka;
use crate::undefined::Undefined;

/// How often something is drawn anew, and what the draws follow from.
///
/// ```
/// use settling_cka::{MatView, Resampling, permutation_null};
///
/// let (x, y) = ([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 3.0, 5.0, 4.0]);
/// let (x, y) = (MatView::new(&x, 5, 1), MatView::new(&y, 5, 1));
/// // The same draws again, from the same seed.
/// let resampling = Resampling { draws: 99, ..Resampling::default() };
/// assert_eq!(permutation_null(x, y, resampling)?, permutation_null(x, y, resampling)?);
/// # Ok::<(), settling_cka::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Resampling {
    /// How many draws. The least p-value is `1 / (1 + draws)`; the ends of an interval are good to
    /// about `1 / √draws` of its width.
    pub draws: usize,
    /// What the random numbers (those of SplitMix64) are drawn from.
    pub seed: u64,
}

/// 999 draws, seed 0.
impl Default for Resampling {
    fn default() -> Self {
        Self { draws: 999, seed: 0 }
    }
}

/// CKA beside its values when rows are paired at random: what the value would be if `x` and `y` had
/// nothing to do with each other, for these very rows.
///
/// Re-pairing leaves each side alone, so that [`Cka::floor`] is the mean of the biased values over
/// all orders; the draws show how far they spread, and how often they reach the value that was
/// found.
///
/// Rows have to be exchangeable under the null: positions of one text are not independent of each
/// other, and the test then finds differences of texts as well. Use one row of each text, or means
/// over them.
#[derive(Clone, Debug, PartialEq)]
pub struct PermutationNull {
    observed: Cka,
    draws: Vec<Cka>,
}

/// A number under a [`PermutationNull`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct NullSummary {
    /// The value of the rows as they are paired.
    pub observed: f64,
    /// The mean of the draws; 0 without any.
    pub mean: f64,
    /// The standard deviation of the draws; 0 for fewer than two.
    pub standard_deviation: f64,
    /// `(1 + the number of draws that reach the observed value) / (1 + the number of draws)`: at
    /// most α with a probability of at most α if the null holds, for any number of draws (Phipson &
    /// Smyth 2010).
    pub p_value: f64,
}

impl PermutationNull {
    pub(crate) fn new(observed: Cka, draws: Vec<Cka>) -> Self {
        Self { observed, draws }
    }

    /// The CKA of the rows as they are paired.
    #[must_use]
    pub fn observed(&self) -> Cka {
        self.observed
    }

    /// The CKA of the rows paired at random, once per draw.
    #[must_use]
    pub fn draws(&self) -> &[Cka] {
        &self.draws
    }

    /// How `value`, [`Cka::debiased`] say, lies among its draws.
    ///
    /// # Errors
    ///
    /// That of `value`; or [`TooFewRows`](Undefined::TooFewRows) if there are no draws of rows at
    /// all.
    pub fn summary(
        &self,
        value: impl Fn(&Cka) -> Result<f64, Undefined>,
    ) -> Result<NullSummary, Undefined> {
        let observed = value(&self.observed)?;
        let draws = self.draws.iter().map(value).collect::<Result<Vec<f64>, _>>()?;
        let count = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / count.max(1.0);
        let squares: f64 = draws.iter().map(|draw| (draw - mean) * (draw - mean)).sum();
        // Where a re-pairing gives the value again, rounding must not decide whether it reaches it;
        // and rounding is that of numbers near 1.
        let reached =
            draws.iter().filter(|&&draw| draw >= observed - 1e-12 * observed.abs().max(1.0));
        Ok(NullSummary {
            observed,
            mean,
            standard_deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
            p_value: (1 + reached.count()) as f64 / (1.0 + count),
        })
    }
}
