//! CKA averaged over mini-batches, to compare with published values.

use settling_core::MatView;

use crate::check::{check_pair, check_widths};
use crate::error::Error;
use crate::estimators::linear::linear_cka;
use crate::undefined::{Side, Undefined};

/// Mini-batch CKA, as in papers that could not hold all rows: the unbiased estimate of HSIC of
/// every mini-batch, averaged over the batches for each of the three terms, then their ratio.
///
/// For comparison with published values only. Every call of [`update`](Self::update) is a
/// mini-batch, and all count alike, so that the value **depends on how the rows are split**; that
/// of all rows at once is [`LinearCka`](crate::LinearCka)'s, at no higher cost.
///
/// # References
///
/// Nguyen, Raghu & Kornblith 2021, "Do Wide and Deep Networks Learn the Same Things?", equations 3
/// and 4; the estimate is HSIC₁ of Song et al. 2012.
///
/// # Example
///
/// ```
/// use settling_cka::{MinibatchCka, linear_cka};
/// use settling_core::MatView;
///
/// let (x, y) = ([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]);
/// let (x, y) = (MatView::new(&x, 4, 1), MatView::new(&y, 4, 1));
/// let mut cka = MinibatchCka::new();
/// cka.update(x, y)?;
/// // One batch of all rows is no mini-batch: -1/26.
/// assert!((cka.value()? - linear_cka(x, y)?.debiased()?).abs() < 1e-15);
/// cka.update(x, x)?;
/// // HSIC of the second batch is 26/3 in every term, so (-1/3 + 26/3) / (26/3 + 26/3).
/// assert!((cka.value()? - 25.0 / 52.0).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MinibatchCka {
    batches: usize,
    widths: Option<[usize; 2]>,
    /// The sums for xy, xx and yy.
    sums: [f64; 3],
}

impl MinibatchCka {
    /// No mini-batches yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of mini-batches.
    #[must_use]
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Adds a mini-batch of paired rows.
    ///
    /// # Errors
    ///
    /// The same as [`LinearCka::update`](crate::LinearCka::update); and
    /// [`Undefined`](crate::ErrorKind::Undefined) with [`TooFewRows`](Undefined::TooFewRows) below
    /// 4 rows, for which the estimate does not exist. The state is then as it was before.
    pub fn update<T: Copy + Into<f64> + Sync>(
        &mut self,
        x: MatView<'_, T>,
        y: MatView<'_, T>,
    ) -> Result<(), Error> {
        check_pair(x, y, self.widths)?;
        let terms = linear_cka(x, y)?.unbiased_hsic()?;
        self.widths = Some([x.cols(), y.cols()]);
        self.batches += 1;
        self.sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
        Ok(())
    }

    /// Adds the mini-batches of `other`.
    ///
    /// # Errors
    ///
    /// If the widths differ.
    pub fn merge(&mut self, other: Self) -> Result<(), Error> {
        let Some(widths) = other.widths else { return Ok(()) };
        check_widths(widths, self.widths)?;
        self.widths = Some(widths);
        self.batches += other.batches;
        self.sums.iter_mut().zip(other.sums).for_each(|(sum, term)| *sum += term);
        Ok(())
    }

    /// The ratio of the averages. It may be negative, or above 1.
    ///
    /// # Errors
    ///
    /// [`TooFewRows`](Undefined::TooFewRows) without a mini-batch;
    /// [`SelfTermNotPositive`](Undefined::SelfTermNotPositive).
    pub fn value(&self) -> Result<f64, Undefined> {
        if self.batches == 0 {
            return Err(Undefined::TooFewRows { needed: 4, found: 0 });
        }
        let [xy, xx, yy] = self.sums;
        for (term, side) in [(xx, Side::X), (yy, Side::Y)] {
            // Also where all rows of a side are equal, or equally far from each other, in every
            // batch.
            if term <= 0.0 {
                return Err(Undefined::SelfTermNotPositive(side));
            }
        }
        Ok(xy / (xx.sqrt() * yy.sqrt()))
    }
}
