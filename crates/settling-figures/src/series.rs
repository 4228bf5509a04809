use std::collections::{BTreeMap, HashSet};

use settling_analysis::Trajectory;
use settling_core::{Component, Signal, View};
use settling_records::Record;

use crate::error::{Error, ErrorKind};

/// A number that is measured at every layer: what a figure of layers shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Quantity {
    /// CKA of the activations with those of the last checkpoint, without bias: signal `activation`,
    /// metric `cka`, estimator `debiased`.
    DebiasedCka,
    /// The same, biased: estimator `biased`.
    BiasedCka,
    /// What the biased CKA of independent features of the same shape would be: estimator `floor`.
    CkaFloor,
    /// Proportional effective rank of the weight: signal `weight`, metric `per`, of any estimator
    /// but `marchenko_pastur`, which is the yardstick of random matrices.
    WeightPer,
    /// Proportional effective rank of the gradient: signal `gradient`, metric `per`.
    GradientPer,
}

impl Quantity {
    /// Whether `record` is this number of a whole layer, through whatever view.
    pub(crate) fn holds(self, record: &Record) -> bool {
        let cka = |estimator| {
            record.signal == Signal::Activation
                && record.metric == "cka"
                && record.estimator == estimator
        };
        let per = |signal| {
            record.signal == signal
                && record.metric == "per"
                && record.estimator != "marchenko_pastur"
        };
        let measured = match self {
            Self::DebiasedCka => cka("debiased"),
            Self::BiasedCka => cka("biased"),
            Self::CkaFloor => cka("floor"),
            Self::WeightPer => per(Signal::Weight),
            Self::GradientPer => per(Signal::Gradient),
        };
        measured && record.site.head.is_none()
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::DebiasedCka => "CKA (debiased)",
            Self::BiasedCka => "CKA (biased)",
            Self::CkaFloor => "CKA (floor)",
            Self::WeightPer => "PER of weights",
            Self::GradientPer => "PER of gradients",
        }
    }

    /// As part of a sentence.
    pub(crate) const fn phrase(self) -> &'static str {
        match self {
            Self::DebiasedCka => "debiased CKA",
            Self::BiasedCka => "biased CKA",
            Self::CkaFloor => "floor of the biased CKA",
            Self::WeightPer => "PER of the weights",
            Self::GradientPer => "PER of the gradients",
        }
    }

    /// The CKA of a figure that shows one: the debiased, or the biased if there is no other.
    pub(crate) fn cka<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut biased = false;
        for record in records {
            if Self::DebiasedCka.holds(record) {
                return Self::DebiasedCka;
            }
            biased |= Self::BiasedCka.holds(record);
        }
        if biased { Self::BiasedCka } else { Self::DebiasedCka }
    }
}

/// The name of a component in a figure.
pub(crate) fn component_name(component: Component) -> &'static str {
    match component {
        Component::Attention => "Attention",
        Component::Mlp => "MLP",
        other => other.name(),
    }
}

/// The names of the rows of most figures, in the order of [`Component::ALL`].
pub(crate) const COMPONENTS: [&str; 2] = ["Attention", "MLP"];

/// The models of `records`, in the order of their first appearance.
pub(crate) fn models<'a>(records: &[&'a Record]) -> Vec<&'a str> {
    let mut models: Vec<&str> = Vec::new();
    for record in records {
        if models.last() != Some(&record.model.as_str()) && !models.contains(&record.model.as_str())
        {
            models.push(&record.model);
        }
    }
    models
}

/// The records of `quantities` among `records`, through [one view](keep_one_view).
///
/// # Errors
///
/// [`ErrorKind::NoData`] if none holds a defined value; the message names the `figure`.
pub(crate) fn shown<'a>(
    records: &'a [Record],
    quantities: &[Quantity],
    figure: &str,
) -> Result<Vec<&'a Record>, Error> {
    let holds = |record: &&Record| quantities.iter().any(|quantity| quantity.holds(record));
    let mut used: Vec<&Record> = records.iter().filter(holds).collect();
    keep_one_view(&mut used);
    if used.iter().any(|record| record.value.is_ok()) {
        return Ok(used);
    }
    let found = match used.len() {
        0 => format!("none of the {} records passed is one of these", records.len()),
        undefined => format!(
            "all {undefined} of these among the {} records passed are undefined",
            records.len()
        ),
    };
    let names: Vec<&str> = quantities.iter().map(|quantity| quantity.title()).collect();
    let message = format!(
        "no number to draw: {figure} shows records of whole layers (no head), of {}; {found}",
        names.join(", ")
    );
    Err(Error::new(ErrorKind::NoData, message))
}

/// Keeps, of each component and signal, the records of view `write` if there are any, and else all:
/// a protocol that looks at circuits has no other.
pub(crate) fn keep_one_view(records: &mut Vec<&Record>) {
    let what = |record: &Record| (record.site.component, record.signal);
    let is_written = |record: &&Record| record.site.view == View::Write;
    let written: HashSet<_> = records.iter().copied().filter(is_written).map(what).collect();
    records.retain(|record| is_written(record) || !written.contains(&what(record)));
}

/// The values of a model's layers by step and layer, `None` where one was measured and is
/// undefined.
pub(crate) type Layers = BTreeMap<u64, BTreeMap<usize, Option<f64>>>;

/// The layers of one component of a model.
///
/// # Errors
///
/// [`ErrorKind::InvalidRecords`] if two records give the same number, or if one is not finite.
pub(crate) fn layers(
    records: &[&Record],
    model: &str,
    component: Component,
    quantity: Quantity,
) -> Result<Layers, Error> {
    let mut layers = Layers::new();
    let of_model = records.iter().filter(|record| {
        record.model == model && record.site.component == component && quantity.holds(record)
    });
    for record in of_model {
        let value = record.value.as_ref().ok().copied();
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            let problem =
                format!("is {value}; an undefined value must be an error with its reason");
            return Err(invalid(record, &problem));
        }
        let earlier = layers.entry(record.step.0).or_default().insert(record.site.layer, value);
        if earlier.is_some() {
            let problem = "is there twice; pass the records of one protocol, one view and one choice of positions";
            return Err(invalid(record, problem));
        }
    }
    Ok(layers)
}

/// The mean of the defined values, if there is one.
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.into_iter().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// One number a step, from those of the layers that are defined.
pub(crate) fn over_layers<T>(
    layers: &Layers,
    summary: impl Fn(Vec<f64>) -> Option<T>,
) -> Vec<(f64, Option<T>)> {
    let at_step = |(&step, layers): (&u64, &BTreeMap<usize, Option<f64>>)| {
        (step as f64, summary(layers.values().copied().flatten().collect()))
    };
    layers.iter().map(at_step).collect()
}

/// The numbers of each layer over training, by layer.
pub(crate) fn by_layer(layers: &Layers) -> BTreeMap<usize, Vec<(u64, Option<f64>)>> {
    let mut lines: BTreeMap<usize, Vec<(u64, Option<f64>)>> = BTreeMap::new();
    for (&step, values) in layers {
        for (&layer, &value) in values {
            lines.entry(layer).or_default().push((step, value));
        }
    }
    lines
}

/// [`by_layer`], as trajectories that end with `last`: undefined there where it was not measured.
pub(crate) fn trajectories(layers: &Layers, last: u64) -> BTreeMap<usize, Trajectory> {
    let trajectory = |(layer, mut points): (usize, Vec<(u64, Option<f64>)>)| {
        if points.last().is_none_or(|&(step, _)| step < last) {
            points.push((last, None));
        }
        let trajectory = Trajectory::new(points);
        (layer, trajectory.expect("a map is sorted by step, and its values are finite"))
    };
    by_layer(layers).into_iter().map(trajectory).collect()
}

/// The last step of `model`, the end of its training: of any of its records, whatever they hold.
pub(crate) fn last_step(records: &[Record], model: &str) -> u64 {
    let steps = records.iter().filter(|record| record.model == model).map(|record| record.step.0);
    steps.max().unwrap_or(0)
}

fn invalid(record: &Record, problem: &str) -> Error {
    let Record { model, step, site, signal, metric, estimator, .. } = record;
    let message =
        format!("model `{model}`, step {step}, {site}: {signal} {metric} ({estimator}) {problem}");
    Error::new(ErrorKind::InvalidRecords, message)
}
