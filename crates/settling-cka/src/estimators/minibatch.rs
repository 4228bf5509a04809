//! CKA averaged over mini-batches, to compare with published values.

use settling_core::MatView;

use crate::arithmetic::unit::Unit;
use crate::check::{check_pair, check_widths};
use crate::cka::Debiased;
use crate::error::Error;
use crate::estimators::linear::{linear_cka_features, linear_cka_gram};
use crate::sums::stream::BLOCK_ROWS;
use crate::undefined::{Side, Undefined};

/// Mini-batch CKA, as in papers that could not hold all rows: the unbiased estimate of HSIC of
/// every mini-batch, averaged over the batches for each of the three terms, then their ratio.
///
/// For comparison with published values only. Every call of [`update`](Self::update) is a
/// mini-batch, and all count alike, so that the value **depends on how the rows are split**; that
/// of all rows at once is [`LinearCka`](crate::LinearCka)'s, at no higher cost.
///
/// A mini-batch of n rows takes `16 n²` bytes and `n² (p + q)` operations for widths p and q, or
/// what [`linear_cka_features`] does if it has more than `p + q` and 1024 rows.
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
    sides: [Batches; 2],
    /// The sums of the terms, in units of the sides.
    sums: Debiased,
}

/// What was seen of one side.
#[derive(Clone, Debug, Default)]
struct Batches {
    /// None as long as the rows of every mini-batch are equal.
    unit: Option<Unit>,
    /// The first row, as long as all are like it.
    only: Option<Vec<f64>>,
}

impl Batches {
    fn one<T: Copy + Into<f64>>(m: MatView<'_, T>, unit: Option<Unit>) -> Self {
        let first = || m.row(0).iter().map(|&value| value.into()).collect();
        Self { unit, only: unit.is_none().then(first) }
    }
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
    /// 4 rows, for which the estimate does not exist, or
    /// [`VarianceTooSmall`](Undefined::VarianceTooSmall). The state is then as it was before.
    pub fn update<T: Copy + Into<f64> + Sync, U: Copy + Into<f64> + Sync>(
        &mut self,
        x: MatView<'_, T>,
        y: MatView<'_, U>,
    ) -> Result<(), Error> {
        check_pair(x, y, self.widths)?;
        let rows = x.rows();
        if rows < 4 {
            return Err(Undefined::TooFewRows { needed: 4, found: rows }.into());
        }
        // Off the diagonal there is nothing to cancel, and batches are small.
        let few = rows <= BLOCK_ROWS.max(x.cols() + y.cols());
        let cka = if few { linear_cka_gram(x, y)? } else { linear_cka_features(x, y)? };
        let [x_unit, y_unit] = cka.units()?;
        let n = rows as f64;
        self.add(Self {
            batches: 1,
            widths: Some([x.cols(), y.cols()]),
            sides: [Batches::one(x, x_unit), Batches::one(y, y_unit)],
            sums: cka.debiased_terms().times(1.0 / (n * (n - 3.0)), [1.0, 1.0]),
        });
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
        self.add(other);
        Ok(())
    }

    fn add(&mut self, other: Self) {
        let mut factors = [[1.0; 2]; 2];
        for (index, (own, other)) in self.sides.iter_mut().zip(other.sides).enumerate() {
            let unit = own.unit.max(other.unit);
            factors[index] = [own.unit, other.unit].map(|from| match (from, unit) {
                (Some(from), Some(to)) => from.in_unit(to),
                _ => 1.0,
            });
            let alike = self.batches == 0 || own.only == other.only;
            *own = Batches { unit, only: other.only.filter(|_| alike) };
        }
        let [x, y] = factors;
        self.sums = self.sums.times(1.0, [x[0], y[0]]).plus(other.sums.times(1.0, [x[1], y[1]]));
        self.widths = other.widths;
        self.batches += other.batches;
    }

    /// The ratio of the averages. It may be negative, or above 1.
    ///
    /// # Errors
    ///
    /// [`TooFewRows`](Undefined::TooFewRows) without a mini-batch;
    /// [`ZeroVariance`](Undefined::ZeroVariance) and
    /// [`ZeroVarianceInBatches`](Undefined::ZeroVarianceInBatches);
    /// [`SelfTermNotPositive`](Undefined::SelfTermNotPositive) and
    /// [`CrossTermUnknown`](Undefined::CrossTermUnknown).
    pub fn value(&self) -> Result<f64, Undefined> {
        if self.batches == 0 {
            return Err(Undefined::TooFewRows { needed: 4, found: 0 });
        }
        for (batches, side) in self.sides.iter().zip([Side::X, Side::Y]) {
            if batches.only.is_some() {
                return Err(Undefined::ZeroVariance(side));
            }
            if batches.unit.is_none() {
                return Err(Undefined::ZeroVarianceInBatches(side));
            }
        }
        self.sums.ratio()
    }
}
