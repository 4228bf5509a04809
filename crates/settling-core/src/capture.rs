//! A model whose activations can be observed, and what takes them.

use std::ops::ControlFlow;

use crate::error::BoxError;
use crate::mat::MatView;
use crate::site::Site;
use crate::tokens::TokenBatch;

/// Takes captured rows as a model produces them. Every closure of the right shape is one.
///
/// ```
/// use std::ops::ControlFlow;
/// use settling_core::{CaptureSink, Component, MatView, Site};
///
/// let mut rows_seen = 0;
/// let mut sink = |_site: &Site, rows: MatView<'_>| {
///     rows_seen += rows.rows();
///     ControlFlow::Continue(())
/// };
/// let _ = sink.accept(&Site::write(0, Component::Mlp), MatView::new(&[0.0; 6], 2, 3));
/// assert_eq!(rows_seen, 2);
/// ```
pub trait CaptureSink {
    /// Takes the next rows of `site`. [`ControlFlow::Break`] ends the pass early, without an error.
    fn accept(&mut self, site: &Site, rows: MatView<'_>) -> ControlFlow<()>;
}

impl<F: FnMut(&Site, MatView<'_>) -> ControlFlow<()>> CaptureSink for F {
    fn accept(&mut self, site: &Site, rows: MatView<'_>) -> ControlFlow<()> {
        self(site, rows)
    }
}

/// A model whose activations can be observed.
///
/// # Contract
///
/// For every micro-batch, each site of [`sites`](Self::sites) is delivered once, in that order, as
/// `(observations, d_model)` in f32. The rows of a site, concatenated over its deliveries, are in
/// the order (sequence of the batch, position), so row r is the same observation at every site and
/// for every checkpoint. How the batch is split into micro-batches is the implementor's choice and
/// must not change the rows beyond floating-point rounding.
///
/// ```
/// # use std::{convert::Infallible, ops::ControlFlow};
/// # use settling_core::{Capture, CaptureSink, Component, MatView, Site, TokenBatch};
/// /// A "model" that writes each token's id: one observation per token.
/// struct Ids([Site; 1]);
///
/// impl Capture for Ids {
///     type Error = Infallible;
///
///     fn sites(&self) -> &[Site] {
///         &self.0
///     }
///
///     fn activations(
///         &mut self,
///         batch: &TokenBatch,
///         sink: &mut dyn CaptureSink,
///     ) -> Result<(), Infallible> {
///         let rows: Vec<f32> = batch.ids().iter().map(|&id| id as f32).collect();
///         let _ = sink.accept(&self.0[0], MatView::new(&rows, rows.len(), 1));
///         Ok(())
///     }
/// }
///
/// let mut model = Ids([Site::write(0, Component::Mlp)]);
/// let mut kept = Vec::new();
/// model.activations(&TokenBatch::new(vec![3, 1, 2], 3)?, &mut |_: &Site, rows: MatView<'_>| {
///     kept.extend(rows.to_vec());
///     ControlFlow::Continue(())
/// })?;
/// assert_eq!(kept, [3.0, 1.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Capture {
    /// Why the pass failed.
    type Error: Into<BoxError>;

    /// The sites that a pass delivers, in order of delivery.
    fn sites(&self) -> &[Site];

    /// Runs the model on `batch` and hands the activations of every site to `sink`.
    ///
    /// # Errors
    ///
    /// If a token lies outside the vocabulary, the sequences do not fit the model, or the device
    /// fails.
    fn activations(
        &mut self,
        batch: &TokenBatch,
        sink: &mut dyn CaptureSink,
    ) -> Result<(), Self::Error>;
}

impl<C: Capture + ?Sized> Capture for &mut C {
    type Error = C::Error;

    fn sites(&self) -> &[Site] {
        (**self).sites()
    }

    fn activations(
        &mut self,
        batch: &TokenBatch,
        sink: &mut dyn CaptureSink,
    ) -> Result<(), C::Error> {
        (**self).activations(batch, sink)
    }
}

impl<C: Capture + ?Sized> Capture for Box<C> {
    type Error = C::Error;

    fn sites(&self) -> &[Site] {
        (**self).sites()
    }

    fn activations(
        &mut self,
        batch: &TokenBatch,
        sink: &mut dyn CaptureSink,
    ) -> Result<(), C::Error> {
        (**self).activations(batch, sink)
    }
}
