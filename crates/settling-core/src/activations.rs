//! Captured rows in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::capture::{Capture, CaptureSink};
use crate::mat::MatView;
use crate::site::Site;
use crate::tokens::TokenBatch;

/// The rows of every site of a pass, in memory: a [`CaptureSink`] that keeps what it is given.
///
/// To compare two models where the rows of neither fit memory, run both on a few sequences at a
/// time. Row r is the same observation in both:
///
/// ```
/// use settling_core::{Activations, Capture, TokenBatch};
///
/// /// Takes the rows of every site at two models, `sequences` sequences at a time.
/// fn compare<A: Capture, B: Capture<Error = A::Error>>(
///     a: &mut A,
///     b: &mut B,
///     batch: &TokenBatch,
///     sequences: usize,
/// ) -> Result<(), A::Error> {
///     for part in batch.parts(sequences) {
///         let (x, y) = (Activations::capture(a, &part)?, Activations::capture(b, &part)?);
///         for (site, x) in x.iter() {
///             let Some(y) = y.get(site) else { continue };
///             // For example `cka[site].update(x, y)` of settling-cka.
///             assert_eq!(x.rows(), y.rows());
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activations {
    sites: BTreeMap<Site, Rows>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Rows {
    values: Vec<f32>,
    rows: usize,
    cols: usize,
}

impl Activations {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `model` on `batch` and keeps the rows of all its sites.
    ///
    /// # Errors
    ///
    /// The same as [`Capture::activations`]: the tokens do not fit the model, or the pass fails.
    pub fn capture<C: Capture + ?Sized>(
        model: &mut C,
        batch: &TokenBatch,
    ) -> Result<Self, C::Error> {
        let mut kept = Self::new();
        model.activations(batch, &mut kept)?;
        Ok(kept)
    }

    /// The rows of `site`, `(observations, features)`, if there are any.
    #[must_use]
    pub fn get(&self, site: &Site) -> Option<MatView<'_>> {
        self.sites.get(site).map(Rows::view)
    }

    /// The rows of every site, in the order of [`Site`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Site, MatView<'_>)> {
        self.sites.iter().map(|(site, rows)| (site, rows.view()))
    }

    /// How much memory the rows take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.sites.values().map(|rows| size_of_val(rows.values.as_slice())).sum()
    }
}

impl CaptureSink for Activations {
    /// Appends `rows` to those of `site`.
    ///
    /// # Panics
    ///
    /// If earlier rows of the site had another width.
    fn accept(&mut self, site: &Site, rows: MatView<'_>) -> ControlFlow<()> {
        let kept = self.sites.entry(*site).or_default();
        let (before, now) = (kept.cols, rows.cols());
        assert!(kept.rows == 0 || before == now, "rows of {now} features after some of {before}");
        kept.values.reserve(rows.rows() * now);
        for row in rows.iter_rows() {
            kept.values.extend_from_slice(row);
        }
        (kept.rows, kept.cols) = (kept.rows + rows.rows(), now);
        ControlFlow::Continue(())
    }
}

impl Rows {
    fn view(&self) -> MatView<'_> {
        MatView::new(&self.values, self.rows, self.cols)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::Component;

    #[test]
    fn rows_are_appended_site_by_site() {
        let (a, b) = (Site::write(0, Component::Mlp), Site::write(1, Component::Mlp));
        let mut kept = Activations::new();
        let strided = [1.0, 2.0, 9.0, 3.0, 4.0];
        let _ = kept.accept(&b, MatView::with_row_stride(&strided, 2, 2, 3));
        let _ = kept.accept(&a, MatView::new(&[7.0], 1, 1));
        let _ = kept.accept(&b, MatView::new(&[5.0, 6.0], 1, 2));
        let shapes: Vec<_> = kept.iter().map(|(site, x)| (*site, x.rows(), x.cols())).collect();
        assert_eq!(shapes, [(a, 1, 1), (b, 3, 2)]);
        assert_eq!(kept.get(&b).unwrap().to_vec(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(kept.get(&Site::write(2, Component::Mlp)).is_none());
        assert_eq!(kept.bytes(), 7 * 4);
    }

    #[test]
    #[should_panic(expected = "rows of 2 features after some of 1")]
    fn a_width_that_changes_panics() {
        let site = Site::write(0, Component::Mlp);
        let mut kept = Activations::new();
        let _ = kept.accept(&site, MatView::new(&[7.0], 1, 1));
        let _ = kept.accept(&site, MatView::new(&[7.0, 8.0], 1, 2));
    }
}
