//! Curves of layers -> quantiles over layers.

use settling_core::{Component, Step};

use super::LayerRow;
use crate::{Quantity, quantile};

/// How the layers of one model spread at one step.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BandRow {
    /// The model's name.
    pub model: String,
    /// Attention or MLP.
    pub component: Component,
    /// The number that is spread.
    pub quantity: Quantity,
    /// The checkpoint.
    pub step: Step,
    /// [Quantiles](quantile) of the layers that have a value; `None` if none has.
    pub quantiles: Option<Quantiles>,
    /// How many layers have a value.
    pub n: usize,
    /// How many layers have none here, of those that were measured at some step.
    pub undefined: usize,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

/// Quantiles over layers, in the unit of what they are of.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Quantiles {
    /// The least value.
    pub least: f64,
    /// The 10th percentile.
    pub p10: f64,
    /// The 25th percentile.
    pub p25: f64,
    /// The 50th percentile.
    pub median: f64,
    /// The 75th percentile.
    pub p75: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The largest value.
    pub largest: f64,
}

impl Quantiles {
    /// Those of `values`, in any order; `None` without values.
    ///
    /// # Panics
    ///
    /// If a value is NaN.
    ///
    /// ```
    /// use settling_analysis::Quantiles;
    ///
    /// // Ranks 0 to 4. 0.1 * 4 = 0.4: from 1 on 0.4 of the way to 2. 0.9 * 4 = 3.6: from 8 to 16.
    /// let found = Quantiles::new(&[16.0, 1.0, 4.0, 2.0, 8.0]).unwrap();
    /// assert_eq!((found.least, found.p25, found.median, found.p75), (1.0, 2.0, 4.0, 8.0));
    /// assert_eq!((found.p10, found.largest), (1.4, 16.0));
    /// assert!((found.p90 - 12.8).abs() < 1e-12 && (found.spread() - 11.4).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn new(values: &[f64]) -> Option<Self> {
        let at = |q| quantile(values, q);
        Some(Self {
            least: at(0.0)?,
            p10: at(0.1)?,
            p25: at(0.25)?,
            median: at(0.5)?,
            p75: at(0.75)?,
            p90: at(0.9)?,
            largest: at(1.0)?,
        })
    }

    /// How far the 10th and the 90th percentile are apart.
    #[must_use]
    pub fn spread(&self) -> f64 {
        self.p90 - self.p10
    }
}

/// The quantiles over layers of every model, component, quantity and step of `rows`, which are
/// those of a [`layer_table`](crate::layer_table); in their order.
#[must_use]
pub fn band_table(rows: &[LayerRow]) -> Vec<BandRow> {
    let mut table = Vec::new();
    let same = |a: &LayerRow, b: &LayerRow| {
        (&a.model, a.component, a.quantity) == (&b.model, b.component, b.quantity)
    };
    for layers in rows.chunk_by(same) {
        let depth = layers.chunk_by(|a, b| a.layer == b.layer).count();
        let mut layers: Vec<&LayerRow> = layers.iter().collect();
        layers.sort_by_key(|row| row.step);
        for at_step in layers.chunk_by(|a, b| a.step == b.step) {
            let values: Vec<f64> =
                at_step.iter().filter_map(|row| row.value.as_ref().ok().copied()).collect();
            let LayerRow { model, component, quantity, step, protocol, .. } = at_step[0];
            table.push(BandRow {
                model: model.clone(),
                component: *component,
                quantity: *quantity,
                step: *step,
                quantiles: Quantiles::new(&values),
                n: values.len(),
                undefined: depth - values.len(),
                protocol: protocol.clone(),
            });
        }
    }
    table
}
