//! Records -> tables: what a study writes, and everything that its figures and its report draw.

mod band;
mod layer;
mod mcc;
mod model;
mod reason;
mod settling;
mod summary;
mod surface;

use settling_records::{MccRow, Record, SettlingRow, SummaryRow};

pub use band::{BandRow, Quantiles, band_table};
pub use layer::{LayerRow, layer_table};
pub use mcc::{MccCounts, mcc_table};
pub use model::{ModelRow, model_table};
pub use reason::{ReasonRow, reason_table};
pub use settling::{SettledRow, SettlingState, settled_table, settling_table};
pub use summary::summary_table;
pub use surface::{Surface, surface_table};

use crate::{Error, Rules};

/// Everything that the figures and the report of one protocol draw, as rows: a figure shows rows of
/// these tables and computes nothing itself.
///
/// ```
/// use settling_analysis::{Rules, Tables};
/// use settling_core::{Component, Signal, Site, Step};
/// use settling_records::Record;
///
/// let per = |layer, value| {
///     Record::new("m", Step(8), Site::write(layer, Component::Mlp), Signal::Weight, "per", value)
///         .with_estimator("attainable")
///         .with_protocol("corrected")
/// };
/// let tables = Tables::new(&[per(0, Ok(0.25)), per(1, Ok(0.75))], &Rules::corrected())?;
/// // The mean over two layers, and the layers themselves.
/// assert_eq!((tables.summary[0].value, tables.summary[0].n), (Some(0.5), 2));
/// assert_eq!(tables.layers.len(), 2);
/// # Ok::<(), settling_analysis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tables {
    /// The rules by which the records were decided about.
    pub rules: Rules,
    /// The models, in order of appearance, with their steps.
    pub models: Vec<ModelRow>,
    /// The averages over layers: the lines of the main figure, and the rows of `summary.csv`.
    pub summary: Vec<SummaryRow>,
    /// The value of every layer at every step.
    pub layers: Vec<LayerRow>,
    /// The quantiles over layers.
    pub bands: Vec<BandRow>,
    /// The settling step of every layer: the rows of `settling.csv`.
    pub settling: Vec<SettlingRow>,
    /// How many layers settle, and when half of these have.
    pub settled: Vec<SettledRow>,
    /// Early convergence and large effective rank: the rows of `mcc.csv`.
    pub mcc: Vec<MccRow>,
    /// The same correlations under other thresholds.
    pub surfaces: Vec<Surface>,
    /// Why values are undefined.
    pub reasons: Vec<ReasonRow>,
}

impl Tables {
    /// The tables of those `records` that are of the protocol of the rules; the others are ignored.
    /// Without any, every table is empty.
    ///
    /// # Errors
    ///
    /// [`Contradiction`](crate::ErrorKind::Contradiction) if two records give the same number;
    /// [`InvalidValue`](crate::ErrorKind::InvalidValue) if a value is NaN or infinite.
    pub fn new(records: &[Record], rules: &Rules) -> Result<Self, Error> {
        let layers = layer_table(records, rules)?;
        let settling = settling_table(records, rules);
        Ok(Self {
            rules: rules.clone(),
            models: model_table(records, rules),
            summary: summary_table(records, rules),
            bands: band_table(&layers),
            layers,
            settled: settled_table(&settling),
            settling,
            mcc: mcc_table(records, rules),
            surfaces: surface_table(records, rules),
            reasons: reason_table(records, rules),
        })
    }

    /// What is known of a model; `None` if it has no records.
    #[must_use]
    pub fn model(&self, model: &str) -> Option<&ModelRow> {
        self.models.iter().find(|row| row.model == model)
    }
}
