use std::collections::BTreeMap;

use settling_core::{Component, Signal, View};
use settling_records::Record;

use crate::error::{Error, ErrorKind};

/// A number that is measured at every layer: which records hold it.
#[derive(Clone, Copy)]
pub(crate) struct Quantity {
    pub(crate) signal: Signal,
    pub(crate) metric: &'static str,
    /// The estimator, where a metric has several.
    pub(crate) estimator: Option<&'static str>,
}

impl Quantity {
    /// Whether `record` is this number of a whole layer.
    pub(crate) fn holds(self, record: &Record) -> bool {
        record.site.view == View::Write
            && record.site.head.is_none()
            && record.signal == self.signal
            && record.metric == self.metric
            && self.estimator.is_none_or(|estimator| record.estimator == estimator)
    }
}

/// A model's values by step, `None` where a step was measured and no layer has a defined value.
pub(crate) type Points = BTreeMap<u64, Option<f64>>;

/// The models of `records`, in the order of their first appearance.
pub(crate) fn models<'a>(records: &[&'a Record]) -> Vec<&'a str> {
    let mut models: Vec<&str> = Vec::new();
    for record in records {
        if !models.contains(&record.model.as_str()) {
            models.push(&record.model);
        }
    }
    models
}

/// The mean over the layers of `component` that have a defined value, by index of the model in `models` and by step.
pub(crate) fn layer_means(
    records: &[&Record],
    models: &[&str],
    component: Component,
    quantity: Quantity,
) -> Result<BTreeMap<usize, Points>, Error> {
    let mut layers: BTreeMap<_, BTreeMap<_, BTreeMap<usize, Option<f64>>>> = BTreeMap::new();
    for record in records {
        let model = models.iter().position(|&model| model == record.model);
        let Some(model) =
            model.filter(|_| record.site.component == component && quantity.holds(record))
        else {
            continue;
        };
        let value = record.value.as_ref().ok().copied();
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            let problem =
                format!("is {value}; an undefined value must be an error with its reason");
            return Err(invalid(record, &problem));
        }
        let steps = layers.entry(model).or_default();
        let earlier = steps.entry(record.step.0).or_default().insert(record.site.layer, value);
        if earlier.is_some() {
            let problem =
                "is there twice; pass the records of one protocol and one choice of positions";
            return Err(invalid(record, problem));
        }
    }
    let mean = |layers: BTreeMap<usize, Option<f64>>| {
        let defined: Vec<f64> = layers.into_values().flatten().collect();
        (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64)
    };
    let points =
        |steps: BTreeMap<u64, _>| steps.into_iter().map(|(step, at)| (step, mean(at))).collect();
    Ok(layers.into_iter().map(|(model, steps)| (model, points(steps))).collect())
}

fn invalid(record: &Record, problem: &str) -> Error {
    let Record { model, step, site, signal, metric, estimator, .. } = record;
    let message =
        format!("model `{model}`, step {step}, {site}: {signal} {metric} ({estimator}) {problem}");
    Error::new(ErrorKind::InvalidRecords, message)
}
