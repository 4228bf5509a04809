//! From records to the paper's binary variables and their association.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::{Component, Signal, Site, View};
use settling_mcc::{Contingency, Margin, Mcc};
use settling_records::{MccRow, Record};

use crate::Protocol;

/// The binary variables of one layer's component, each with the number it was decided by.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerVariables {
    /// Which layer and component.
    pub site: Site,
    /// Whether CKA with the last checkpoint is large early; `None` if it is undefined at every early step.
    pub early: Option<bool>,
    /// Whether the weight's PER is large at the last step.
    pub large_weight_per: Option<bool>,
    /// Whether the gradient's PER is large at the last step.
    pub large_gradient_per: Option<bool>,
}

/// Decides the binary variables of every layer of `model`, in the order of the sites.
///
/// `records` are those of one protocol; the last step among them is the end of training.
#[must_use]
pub fn layer_variables(
    records: &[Record],
    model: &str,
    protocol: &Protocol,
) -> Vec<LayerVariables> {
    let of_model = || {
        records.iter().filter(|record| record.model == model && record.protocol == protocol.name)
    };
    let Some(last) = of_model().map(|record| record.step).max() else { return Vec::new() };

    let mut early: BTreeMap<Site, f64> = BTreeMap::new();
    let mut per: BTreeMap<(Signal, Site), f64> = BTreeMap::new();
    let mut sites = BTreeSet::new();
    for record in
        of_model().filter(|record| record.site.view == View::Write && record.site.head.is_none())
    {
        sites.insert(record.site);
        let Ok(value) = record.value else { continue };
        match (record.signal, record.metric.as_str()) {
            (Signal::Activation, "cka")
                if record.estimator == protocol.cka.name()
                    && protocol.is_early(record.step, last) =>
            {
                let best = early.entry(record.site).or_insert(value);
                *best = best.max(value);
            }
            (signal, "per") if record.step == last => {
                per.insert((signal, record.site), value);
            }
            _ => {}
        }
    }
    let gradients = per.iter().filter(|((signal, _), _)| *signal == Signal::Gradient);
    let largest_gradient = gradients.map(|(_, &value)| value).reduce(f64::max);
    let large =
        |signal, site, threshold: f64| per.get(&(signal, site)).map(|&value| value >= threshold);
    let variables = |site| LayerVariables {
        site,
        early: early.get(&site).map(|&cka| cka >= protocol.early_cka),
        large_weight_per: large(Signal::Weight, site, protocol.large_weight_per),
        large_gradient_per: largest_gradient
            .and_then(|max| large(Signal::Gradient, site, protocol.large_gradient_per_share * max)),
    };
    sites.into_iter().map(variables).collect()
}

/// The paper's table: for every model (in order of appearance) and component, the Matthews correlation over layers of early
/// convergence with large PER of the weight and of the gradient.
///
/// Layers of one model are not independent samples, so the p-value, which takes them as such, is a description and no test.
#[must_use]
pub fn mcc_table(records: &[Record], protocol: &Protocol) -> Vec<MccRow> {
    let mut models: Vec<&str> = Vec::new();
    for record in records {
        if !models.contains(&record.model.as_str()) {
            models.push(&record.model);
        }
    }
    let mut table = Vec::new();
    for model in models {
        let layers = layer_variables(records, model, protocol);
        for component in Component::ALL {
            let layers: Vec<_> =
                layers.iter().filter(|layer| layer.site.component == component).collect();
            for predictor in ["weight_per", "gradient_per"] {
                let large = |layer: &LayerVariables| match predictor {
                    "weight_per" => layer.large_weight_per,
                    _ => layer.large_gradient_per,
                };
                let pairs = layers.iter().filter_map(|layer| Some((large(layer)?, layer.early?)));
                let counts: Contingency = pairs.collect();
                let missing = layers.len() as u128 - counts.total();
                let mcc = match (missing, counts.mcc()) {
                    (0, Mcc::Value(value)) => Ok(value),
                    (0, Mcc::Undefined(margin)) => Err(undefined(margin).to_owned()),
                    // A table over the other layers would hide that something was not measured.
                    (missing, _) => Err(format!(
                        "{missing} of {} layers have an undefined variable",
                        layers.len()
                    )),
                };
                table.push(MccRow {
                    model: model.to_owned(),
                    component,
                    view: View::Write,
                    predictor: predictor.to_owned(),
                    true_positive: counts.true_positives,
                    false_positive: counts.false_positives,
                    false_negative: counts.false_negatives,
                    true_negative: counts.true_negatives,
                    mcc,
                    interval: None,
                    p_exact: counts.fisher_exact().two_sided,
                    protocol: protocol.name.clone(),
                });
            }
        }
    }
    table
}

fn undefined(margin: Margin) -> &'static str {
    match margin {
        Margin::Total => "no layers",
        Margin::Predicted => "no layer has a large PER",
        Margin::NotPredicted => "every layer has a large PER",
        Margin::Actual => "no layer converges early",
        Margin::NotActual => "every layer converges early",
    }
}
