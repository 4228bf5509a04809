use crate::{MatView, Spectrum};

/// Something that computes the singular values of a matrix: a library on the CPU, a kernel on the
/// GPU.
pub trait SingularValues {
    /// Why there is no spectrum.
    type Error;

    /// The `min(rows, cols)` singular values of `a`, of any shape.
    ///
    /// # Errors
    ///
    /// If an element of `a` is not finite, or the computation does not converge.
    fn singular_values(&self, a: MatView<'_>) -> Result<Spectrum, Self::Error>;
}

impl<S: SingularValues + ?Sized> SingularValues for &S {
    type Error = S::Error;

    fn singular_values(&self, a: MatView<'_>) -> Result<Spectrum, S::Error> {
        (**self).singular_values(a)
    }
}

impl<S: SingularValues + ?Sized> SingularValues for Box<S> {
    type Error = S::Error;

    fn singular_values(&self, a: MatView<'_>) -> Result<Spectrum, S::Error> {
        (**self).singular_values(a)
    }
}

/// Gathers what a similarity of two streams of paired rows needs, in memory that does not grow with
/// the number of rows.
///
/// # Contract
///
/// The state after any sequence of [`update`](Self::update) and [`merge`](Self::merge) calls
/// depends, up to floating-point rounding, on the set of pairs seen, not on how they were batched
/// or merged.
pub trait PairAccumulator: Sized {
    /// Why rows were refused. The state is then as it was before the call.
    type Error;

    /// Adds paired rows: `x` is `(n, x_features)`, `y` is `(n, y_features)`; row i of `x` and row i
    /// of `y` are the same observation.
    ///
    /// # Errors
    ///
    /// If the numbers of rows differ, a width is not that of the rows before, or an element is not
    /// finite.
    fn update(&mut self, x: MatView<'_>, y: MatView<'_>) -> Result<(), Self::Error>;

    /// Adds everything that `other` has seen.
    ///
    /// # Errors
    ///
    /// If the widths differ.
    fn merge(&mut self, other: Self) -> Result<(), Self::Error>;
}
