//! Linear CKA of rows in memory, and of streams of them.

use settling_core::{BoxError, MatView};

use crate::check::{check_pair, check_widths};
use crate::cka::Cka;
use crate::error::Error;
use crate::estimators::accumulator::CkaAccumulator;
use crate::null::{PermutationNull, Resampling};
use crate::sums::gram::Gram;
use crate::sums::grid::{Grid, Options};
use crate::sums::stream::{BLOCK_ROWS, Stream};

/// Linear CKA of two streams of paired rows.
///
/// Takes rows in batches of any size, and other accumulators of the same two sites;
/// [`finish`](Self::finish) is then the CKA of all rows together. Rows are gathered into blocks
/// before they are multiplied, so the split of a stream into batches does not change a bit, and
/// batches of one row cost no more than long ones. Which rows came through [`merge`](Self::merge)
/// changes the answer by rounding only.
///
/// # Memory and cost
///
/// For widths `p`, `q`: `8 (p² + q² + p q)` bytes however many rows are seen, twice that while
/// another accumulator is merged, and up to `16 (p + q)` bytes for each of the 1024 rows of a
/// block. A row costs `p² + q² + 2 p q` floating-point operations; a merge O((p + q)²). Where all
/// rows fit one block and are fewer than `p + q`, the products are those of rows with rows, which
/// are fewer: `n² (p + q)` operations for n rows.
///
/// # Example
///
/// ```
/// use settling_cka::{LinearCka, linear_cka};
/// use settling_core::MatView;
///
/// let x = [1.0, 2.0, 4.0, 8.0, 16.0, 0.0, -1.0, -2.0, -4.0, -8.0_f32];
/// let y = [3.0, 1.0, 4.0, 1.0, 5.0_f32];
/// let (x, y) = (MatView::new(&x, 5, 2), MatView::new(&y, 5, 1));
///
/// // Three rows here, two rows there.
/// let mut here = LinearCka::new();
/// here.update(x.slice_rows(0..3), y.slice_rows(0..3))?;
/// let mut there = LinearCka::new();
/// there.update(x.slice_rows(3..5), y.slice_rows(3..5))?;
/// here.merge(there)?;
///
/// let all = linear_cka(x, y)?;
/// assert!((here.finish().debiased()? - all.debiased()?).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinearCka {
    stream: Stream,
}

impl LinearCka {
    /// An accumulator that has seen no rows. The first update decides the widths.
    #[must_use]
    pub fn new() -> Self {
        Self::with_block_rows(BLOCK_ROWS)
    }

    /// The same as [`new`](Self::new), with blocks of `block_rows` rows instead of 1024. Smaller
    /// blocks take less memory and more time; the answer changes by rounding only.
    ///
    /// # Panics
    ///
    /// If `block_rows` is 0.
    #[must_use]
    #[track_caller]
    pub fn with_block_rows(block_rows: usize) -> Self {
        assert!(block_rows > 0, "a block needs at least one row");
        Self { stream: Stream::new(block_rows, Options::default()) }
    }

    /// Multiplies in f32 from now on: products of rows centered in f64, and sums of up to 512 of
    /// them; those are added up in f64. Faster, and less exact: [`Cka::biased_error`] and
    /// [`Cka::debiased_error`] say how far the value may be off, about 10⁻⁷ for wide features and
    /// many rows. All else is as with f64.
    ///
    /// # Panics
    ///
    /// If rows were seen already.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_cka::LinearCka;
    /// use settling_core::MatView;
    ///
    /// let x: Vec<f32> = (0..6000).map(|k| (k as f32 * 0.7).sin()).collect();
    /// let x = MatView::new(&x, 3000, 2);
    /// let mut cka = LinearCka::new().with_f32_products();
    /// cka.update(x, x)?;
    /// let cka = cka.finish();
    /// assert!((cka.biased()? - 1.0).abs() <= cka.biased_error()?);
    /// assert!(cka.biased_error()? > 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn with_f32_products(mut self) -> Self {
        self.stream = self.stream.with_f32_products();
        self
    }

    /// Also gathers draws of the value with the rows of `y` in another order within each block:
    /// [`finish_with_null`](Self::finish_with_null). Each takes the memory and the time of `Cxy`
    /// once more.
    ///
    /// The orders depend on the seed, the number of the draw and the number of the block alone.
    /// Accumulators that are to be merged should have different seeds, so that their blocks are not
    /// reordered alike.
    ///
    /// # Panics
    ///
    /// If rows were seen already.
    #[must_use]
    #[track_caller]
    pub fn with_null(mut self, resampling: Resampling) -> Self {
        self.stream = self.stream.with_null(resampling);
        self
    }

    /// The number of rows seen.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.stream.rows()
    }

    /// Adds paired rows: `x` is `(n, x_features)`, `y` is `(n, y_features)`; row i of both is the
    /// same observation. Elements of any type that converts to f64 without loss: f32, f64,
    /// half-precision types, small integers; those of `y` may be of another. `n` may be 0.
    ///
    /// # Errors
    ///
    /// If the numbers of rows differ, a width is 0 or not that of the update before, or an element
    /// is not finite or beyond ±2^900. The accumulator is then as it was before.
    pub fn update<T: Copy + Into<f64> + Sync, U: Copy + Into<f64> + Sync>(
        &mut self,
        x: MatView<'_, T>,
        y: MatView<'_, U>,
    ) -> Result<(), Error> {
        check_pair(x, y, self.widths())?;
        self.stream.update(&[x], &[y]);
        Ok(())
    }

    /// Adds the rows that `other` has seen.
    ///
    /// # Errors
    ///
    /// If the widths differ, or one has another arithmetic or number of draws than the other. The
    /// accumulator is then as it was before.
    pub fn merge(&mut self, other: Self) -> Result<(), Error> {
        let Some(widths) = other.widths() else { return Ok(()) };
        check_widths(widths, self.widths())?;
        self.stream.check_options(&other.stream)?;
        self.stream.merge(other.stream);
        Ok(())
    }

    /// The CKA of all rows seen. For an interim answer finish a clone.
    #[must_use]
    pub fn finish(self) -> Cka {
        self.finish_with_null().observed()
    }

    /// The CKA of all rows seen beside its draws from the null: see [`with_null`](Self::with_null).
    ///
    /// # Example
    ///
    /// ```
    /// use settling_cka::{LinearCka, MatView, Resampling};
    ///
    /// let x: Vec<f64> = (0..100).map(|k| f64::from(k * k % 37)).collect();
    /// let (x, y) = (MatView::new(&x, 50, 2), MatView::new(&x[..50], 50, 1));
    /// let mut cka = LinearCka::new().with_null(Resampling { draws: 99, seed: 7 });
    /// cka.update(x, y)?;
    /// let null = cka.finish_with_null();
    /// let summary = null.summary(|cka| cka.debiased())?;
    /// assert!(summary.p_value > 0.01 && summary.p_value <= 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn finish_with_null(self) -> PermutationNull {
        let finished = self.stream.finish();
        PermutationNull::new(finished.pairs[0], finished.shuffled)
    }

    fn widths(&self) -> Option<[usize; 2]> {
        self.stream.widths().map(|[x, y]| [x[0], y[0]])
    }
}

impl Default for LinearCka {
    fn default() -> Self {
        Self::new()
    }
}

impl CkaAccumulator for LinearCka {
    fn update(&mut self, x: MatView<'_>, y: MatView<'_>) -> Result<(), BoxError> {
        Ok(Self::update(self, x, y)?)
    }

    fn finish(self: Box<Self>) -> Result<Cka, BoxError> {
        Ok(Self::finish(*self))
    }
}

/// Linear CKA of two matrices in memory: `x` is `(n, x_features)`, `y` is `(n, y_features)`, rows
/// are observations. The cheaper of [`linear_cka_gram`], where rows are fewer than the features of
/// both together, and [`linear_cka_features`].
///
/// # Errors
///
/// The same as [`LinearCka::update`]: the numbers of rows differ, a width is 0, or an element is
/// not finite or beyond ±2^900.
///
/// # Example
///
/// ```
/// use settling_cka::linear_cka;
/// use settling_core::MatView;
///
/// // y is x turned by a right angle, doubled and moved: the same representation.
/// let x = [0.0, 1.0, 2.0, 5.0, 3.0, 3.0, 7.0, 4.0, 1.0, 6.0];
/// let y: Vec<f64> = x.chunks(2).flat_map(|row| [9.0 - 2.0 * row[1], 2.0 * row[0]]).collect();
/// let cka = linear_cka(MatView::new(&x, 5, 2), MatView::new(&y, 5, 2))?;
/// assert!((cka.biased()? - 1.0).abs() < 1e-14);
/// assert!((cka.debiased()? - 1.0).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn linear_cka<T: Copy + Into<f64> + Sync, U: Copy + Into<f64> + Sync>(
    x: MatView<'_, T>,
    y: MatView<'_, U>,
) -> Result<Cka, Error> {
    if x.rows() < x.cols() + y.cols() { linear_cka_gram(x, y) } else { linear_cka_features(x, y) }
}

/// [`linear_cka`] from products of features with features: `n (p + q)²` operations for n rows of
/// widths p and q, and `8 (p² + q² + p q)` bytes.
///
/// # Errors
///
/// The same as [`LinearCka::update`]: the numbers of rows differ, a width is 0, or an element is
/// not finite or beyond ±2^900.
pub fn linear_cka_features<T: Copy + Into<f64> + Sync, U: Copy + Into<f64> + Sync>(
    x: MatView<'_, T>,
    y: MatView<'_, U>,
) -> Result<Cka, Error> {
    check_pair(x, y, None)?;
    let mut grid: Option<Grid> = None;
    for start in (0..x.rows()).step_by(BLOCK_ROWS) {
        let end = x.rows().min(start + BLOCK_ROWS);
        let (x, y) = (x.slice_rows(start..end), y.slice_rows(start..end));
        match &mut grid {
            Some(grid) => grid.add(&[x], &[y]),
            None => grid = Some(Grid::new(&[x], &[y], Options::default())),
        }
    }
    Ok(grid.map_or_else(Cka::default, |grid| grid.cka(0, 0)))
}

/// [`linear_cka`] from products of rows with rows: `n² (p + q)` operations for n rows of widths p
/// and q, and `16 n²` bytes.
///
/// # Errors
///
/// The same as [`LinearCka::update`]: the numbers of rows differ, a width is 0, or an element is
/// not finite or beyond ±2^900.
pub fn linear_cka_gram<T: Copy + Into<f64>, U: Copy + Into<f64>>(
    x: MatView<'_, T>,
    y: MatView<'_, U>,
) -> Result<Cka, Error> {
    check_pair(x, y, None)?;
    if x.rows() == 0 {
        return Ok(Cka::default());
    }
    Ok(Gram::of_rows(x).cka(&Gram::of_rows(y)))
}
