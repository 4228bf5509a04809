//! What computes CKA while rows arrive: this crate on a CPU, or another one on a device.

use settling_core::{BoxError, MatView};

use crate::cka::Cka;

/// Gathers paired rows of two sites, in memory that does not grow with their number, and says their
/// linear CKA: [`LinearCka`](crate::LinearCka) on a CPU, or one on a GPU. A study takes the one
/// that its model adapter names.
///
/// # Contract
///
/// The answer depends, up to floating-point rounding, on the pairs seen, not on how they were
/// batched. Rows that are refused leave the accumulator as it was.
///
/// ```
/// use settling_cka::{CkaAccumulator, LinearCka};
/// use settling_core::MatView;
///
/// let mut cka: Box<dyn CkaAccumulator> = Box::new(LinearCka::new());
/// let (x, y) = ([1.0_f32, 2.0, 3.0, 4.0], [1.0_f32, 3.0, 2.0, 4.0]);
/// cka.update(MatView::new(&x, 4, 1), MatView::new(&y, 4, 1))?;
/// // The worked example of `Cka`: biased 4² / (5 · 5).
/// assert!((cka.finish()?.biased()? - 0.64).abs() < 1e-15);
/// # Ok::<(), settling_core::BoxError>(())
/// ```
pub trait CkaAccumulator: Send {
    /// Adds paired rows: `x` is `(n, x_features)`, `y` is `(n, y_features)`; row i of both is the
    /// same observation.
    ///
    /// # Errors
    ///
    /// If the numbers of rows differ, a width is not that of the rows before, or an element is not
    /// finite.
    fn update(&mut self, x: MatView<'_>, y: MatView<'_>) -> Result<(), BoxError>;

    /// The CKA of all rows seen.
    ///
    /// # Errors
    ///
    /// If the device fails.
    fn finish(self: Box<Self>) -> Result<Cka, BoxError>;
}
