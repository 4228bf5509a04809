use std::mem;

use settling_core::{MatView, PairAccumulator};

use crate::block::{Centred, check};
use crate::cka::Cka;
use crate::error::{Error, Fault, Side};
use crate::moments::Moments;

/// Linear CKA of two streams of paired rows.
///
/// Takes rows in batches of any size, and other accumulators of the same two sites; [`finish`](Self::finish) is then the CKA of
/// all rows together. Rows are gathered into blocks before they are multiplied, so the split of a stream into batches does not
/// change a bit, and batches of one row cost no more than long ones. Which rows came through [`merge`](Self::merge) changes the
/// answer by rounding only.
///
/// # Memory and cost
///
/// For widths `p`, `q`: `8 (p² + q² + p q)` bytes however many rows are seen, twice that while a block is added or another
/// accumulator merged, and up to `8 (p + q)` bytes for each of the 1024 rows of a block. A row costs `p² + q² + 2 p q`
/// floating-point operations; a merge O((p + q)²).
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
/// here.update(x.slice_rows(0, 3), y.slice_rows(0, 3))?;
/// let mut there = LinearCka::new();
/// there.update(x.slice_rows(3, 5), y.slice_rows(3, 5))?;
/// here.merge(there)?;
///
/// let all = linear_cka(x, y)?;
/// assert!((here.finish().debiased()? - all.debiased()?).abs() < 1e-14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinearCka {
    block_rows: usize,
    /// Of `x` and `y`.
    widths: Option<[usize; 2]>,
    /// The narrower side comes first here and in `pending`, so that a pair and the pair swapped run through the same arithmetic.
    moments: Option<Moments>,
    /// The rows of the block that is being gathered, row-major.
    pending: [Vec<f64>; 2],
}

impl LinearCka {
    /// An accumulator that has seen no rows. The first update decides the widths.
    #[must_use]
    pub fn new() -> Self {
        Self::with_block_rows(1024)
    }

    /// As [`new`](Self::new), with blocks of `block_rows` rows instead of 1024. Smaller blocks take less memory and more time;
    /// the answer changes by rounding only.
    ///
    /// # Panics
    ///
    /// If `block_rows` is 0.
    #[must_use]
    #[track_caller]
    pub fn with_block_rows(block_rows: usize) -> Self {
        assert!(block_rows > 0, "a block needs at least one row");
        Self { block_rows, widths: None, moments: None, pending: Default::default() }
    }

    /// The number of rows seen.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.moments.as_ref().map_or(0, |moments| moments.rows) + self.pending_rows()
    }

    /// Adds paired rows: `x` is `(n, x_features)`, `y` is `(n, y_features)`; row i of both is the same observation. Elements of
    /// any type that converts to f64 without loss: f32, f64, half-precision types, small integers. `n` may be 0.
    ///
    /// # Errors
    ///
    /// If the numbers of rows differ, a width is 0 or not that of the update before, or an element is not finite or beyond
    /// ±2^200. The accumulator is then as it was before.
    pub fn update<T: Copy + Into<f64>>(
        &mut self,
        x: MatView<'_, T>,
        y: MatView<'_, T>,
    ) -> Result<(), Error> {
        check_pair(x, y, self.widths)?;
        self.widths = Some([x.cols(), y.cols()]);
        let (a, b) = if self.swapped() { (y, x) } else { (x, y) };
        for (a, b) in a.iter_rows().zip(b.iter_rows()) {
            self.push(a, b);
        }
        Ok(())
    }

    /// Adds the rows that `other` has seen.
    ///
    /// # Errors
    ///
    /// If the widths differ. The accumulator is then as it was before.
    pub fn merge(&mut self, other: Self) -> Result<(), Error> {
        let Some(widths) = other.widths else { return Ok(()) };
        check_widths(widths, self.widths)?;
        self.widths = Some(widths);
        if let Some(moments) = other.moments {
            self.add(moments);
        }
        let [a, b] = &other.pending;
        let [a_cols, b_cols] = self.sorted_widths();
        for (a, b) in a.chunks_exact(a_cols).zip(b.chunks_exact(b_cols)) {
            self.push(a, b);
        }
        Ok(())
    }

    /// The CKA of all rows seen. For an interim answer finish a clone.
    #[must_use]
    pub fn finish(mut self) -> Cka {
        if self.pending_rows() > 0 {
            self.multiply_pending();
        }
        Cka::new(self.moments.as_ref(), self.swapped())
    }

    fn push<T: Copy + Into<f64>>(&mut self, a: &[T], b: &[T]) {
        for (pending, row) in self.pending.iter_mut().zip([a, b]) {
            pending.extend(row.iter().map(|&value| -> f64 { value.into() }));
        }
        if self.pending_rows() == self.block_rows {
            self.multiply_pending();
        }
    }

    fn multiply_pending(&mut self) {
        let [a_cols, b_cols] = self.sorted_widths();
        let [a, b] = mem::take(&mut self.pending);
        self.add(Moments::new(Centred::new(a, a_cols), Centred::new(b, b_cols)));
    }

    fn add(&mut self, moments: Moments) {
        match &mut self.moments {
            Some(all) => all.merge(moments),
            None => self.moments = Some(moments),
        }
    }

    fn pending_rows(&self) -> usize {
        self.pending[0].len().checked_div(self.sorted_widths()[0]).unwrap_or(0)
    }

    fn swapped(&self) -> bool {
        self.widths.is_some_and(|[x, y]| x > y)
    }

    fn sorted_widths(&self) -> [usize; 2] {
        let [x, y] = self.widths.unwrap_or_default();
        [x.min(y), x.max(y)]
    }
}

impl Default for LinearCka {
    fn default() -> Self {
        Self::new()
    }
}

impl PairAccumulator for LinearCka {
    type Error = Error;

    fn update(&mut self, x: MatView<'_>, y: MatView<'_>) -> Result<(), Error> {
        Self::update(self, x, y)
    }

    fn merge(&mut self, other: Self) -> Result<(), Error> {
        Self::merge(self, other)
    }
}

/// Linear CKA of two matrices in memory: `x` is `(n, x_features)`, `y` is `(n, y_features)`, rows are observations.
///
/// # Errors
///
/// As [`LinearCka::update`].
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
pub fn linear_cka<T: Copy + Into<f64>>(x: MatView<'_, T>, y: MatView<'_, T>) -> Result<Cka, Error> {
    let mut all = LinearCka::new();
    all.update(x, y)?;
    Ok(all.finish())
}

/// The checks that [`LinearCka::update`] makes of its rows, for accumulators of your own that form [`CkaSums`](crate::CkaSums);
/// `widths` are those of `x` and `y` in the rows before, if there were any.
///
/// # Errors
///
/// As [`LinearCka::update`].
///
/// # Example
///
/// ```
/// use settling_cka::{ErrorKind, check_pair};
/// use settling_core::MatView;
///
/// let (x, y) = ([1.0_f32, 2.0, 3.0, 4.0], [5.0_f32, f32::NAN]);
/// let (x, y) = (MatView::new(&x, 2, 2), MatView::new(&y, 2, 1));
/// let error = check_pair(x, y, None).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFinite);
/// assert!(error.to_string().contains("y is NaN at row 1, column 0"));
/// assert_eq!(check_pair(x, x, Some([2, 1])).unwrap_err().kind(), ErrorKind::WidthDiffers);
/// ```
pub fn check_pair<T: Copy + Into<f64>>(
    x: MatView<'_, T>,
    y: MatView<'_, T>,
    widths: Option<[usize; 2]>,
) -> Result<(), Error> {
    if x.rows() != y.rows() {
        return Err(Fault::RowsDiffer { x: x.rows(), y: y.rows() }.into());
    }
    check_widths([x.cols(), y.cols()], widths)?;
    check(x, Side::X)?;
    check(y, Side::Y)?;
    Ok(())
}

fn check_widths(found: [usize; 2], before: Option<[usize; 2]>) -> Result<(), Fault> {
    let before = before.unwrap_or(found);
    for (index, side) in [Side::X, Side::Y].into_iter().enumerate() {
        let (expected, found) = (before[index], found[index]);
        if expected != found {
            return Err(Fault::WidthDiffers { side, expected, found });
        }
    }
    Ok(())
}
