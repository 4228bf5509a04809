//! Records -> the curve of every layer.

use std::collections::{BTreeMap, HashSet};

use settling_core::{Component, Positions, Signal, Step, View};
use settling_records::Record;

use crate::layers::models;
use crate::{Error, ErrorKind, Quantity, Rules};

/// One number of one whole layer at one step, under the protocol's own view: a point of the line of
/// a layer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerRow {
    /// The model's name.
    pub model: String,
    /// Attention or MLP.
    pub component: Component,
    /// What was measured.
    pub quantity: Quantity,
    /// The layer, from 0.
    pub layer: usize,
    /// The checkpoint.
    pub step: Step,
    /// The number, without a unit: CKA and PER are at most 1. Or the reason why it is undefined.
    pub value: Result<f64, String>,
    /// The view of the rules through which it was measured.
    pub view: View,
    /// How it was estimated; of a PER what it is over.
    pub estimator: String,
    /// Observations, or rows of the matrix.
    pub n: usize,
    /// The token positions that were the observations; `None` for weights and gradients.
    pub positions: Option<Positions>,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

/// The value of every layer of every model (in order of appearance) at every step: CKA by each
/// estimator that was recorded, PER of weights and PER of gradients, each through the
/// [view](Rules::views) of the protocol.
///
/// Rows are in the order of models, components, [quantities](Quantity::ALL), layers, steps. Heads
/// are left out, and so are the records of other protocols.
///
/// # Errors
///
/// [`ErrorKind::Contradiction`] if two records give the same number;
/// [`ErrorKind::InvalidValue`] if a value is NaN or infinite. Heads are checked like layers.
///
/// # Example
///
/// ```
/// use settling_analysis::{Quantity, Rules, layer_table};
/// use settling_core::{Component, Signal, Site, Step};
/// use settling_records::Record;
///
/// let per = |layer, step, value| {
///     let site = Site::write(layer, Component::Mlp);
///     Record::new("m", Step(step), site, Signal::Weight, "per", value)
///         .with_estimator("attainable")
///         .with_protocol("corrected")
/// };
/// let undefined = || Err("zero matrix".to_owned());
/// let records = [per(1, 0, Ok(0.5)), per(0, 8, undefined()), per(0, 0, Ok(0.25))];
/// let rows = layer_table(&records, &Rules::corrected())?;
/// let found: Vec<_> = rows.into_iter().map(|row| (row.layer, row.step.0, row.value)).collect();
/// assert_eq!(found, [(0, 0, Ok(0.25)), (0, 8, undefined()), (1, 0, Ok(0.5))]);
/// # Ok::<(), settling_analysis::Error>(())
/// ```
pub fn layer_table(records: &[Record], rules: &Rules) -> Result<Vec<LayerRow>, Error> {
    let models = models(records, rules);
    let mut heads = HashSet::new();
    let mut rows = BTreeMap::new();
    for record in records.iter().filter(|record| record.protocol == rules.protocol) {
        let Record { site, signal, step, .. } = record;
        let Some(quantity) = Quantity::from_record(record) else { continue };
        if site.view != rules.views.of(site.component, *signal) {
            continue;
        }
        if let Some(value) = record.value.as_ref().ok().filter(|value| !value.is_finite()) {
            let problem =
                format!("is {value}; an undefined value must be an error with its reason");
            return Err(invalid(ErrorKind::InvalidValue, record, &problem));
        }
        let model = models.iter().position(|&model| model == record.model);
        let key = (model, site.component, quantity, site.layer, *step);
        let again = match site.head {
            Some(head) => !heads.insert((key, head)),
            None => rows.insert(key, record).is_some(),
        };
        if again {
            let problem = "is there twice; keep the records of one run, and of one choice of positions and of what a PER is over";
            return Err(invalid(ErrorKind::Contradiction, record, problem));
        }
    }
    let row = |((_, component, quantity, layer, step), record): (_, &Record)| LayerRow {
        model: record.model.clone(),
        component,
        quantity,
        layer,
        step,
        value: record.value.clone(),
        view: record.site.view,
        estimator: record.estimator.clone(),
        n: record.n,
        positions: record.positions.filter(|_| record.signal == Signal::Activation),
        protocol: record.protocol.clone(),
    };
    Ok(rows.into_iter().map(row).collect())
}

fn invalid(kind: ErrorKind, record: &Record, problem: &str) -> Error {
    let Record { model, step, site, signal, metric, estimator, protocol, .. } = record;
    let message = format!(
        "model `{model}`, step {step}, {site}: {signal} {metric} ({estimator}) of protocol `{protocol}` {problem}"
    );
    Error::new(kind, message)
}
