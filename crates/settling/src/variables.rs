//! From records to the paper's binary variables and their association.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::{Component, Signal, Site, Step};
use settling_mcc::{Contingency, Margin, Mcc, Threshold, Trajectory, share_of_largest};
use settling_records::{MccRow, Record};

use crate::Protocol;

/// The binary variables of one layer's component, each with the number it was decided by.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerVariables {
    /// Which layer and component.
    pub site: Site,
    /// Whether CKA with the last checkpoint is large at some early step; `None` if it is at none,
    /// and undefined at one of them, or if there is no early step.
    pub early: Option<bool>,
    /// Whether the weight's PER is large at the last step; `None` if it is undefined there.
    pub large_weight_per: Option<bool>,
    /// Whether the gradient's PER is large at the last step; `None` if it is undefined there.
    pub large_gradient_per: Option<bool>,
}

/// One layer's component over training, as the paper's variables look at it.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTrajectories {
    /// Which layer and component; of Attention the view whose weights are looked at.
    pub site: Site,
    /// CKA with the last checkpoint, by the estimator and the view of the protocol.
    pub cka: Trajectory,
    /// PER of the weight.
    pub weight_per: Trajectory,
    /// PER of the gradient.
    pub gradient_per: Trajectory,
}

/// Collects the trajectories of every layer of `model`, in the order of the sites: what
/// [`layer_variables`] decides by, for whoever wants to decide otherwise ([`settling_mcc::Sweep`]).
///
/// `records` are those of one protocol, one for each number. The last step among them is the end of
/// training, and the last point of every trajectory, undefined where it was not measured.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "a map is sorted, and only finite values are kept")]
pub fn layer_trajectories(
    records: &[Record],
    model: &str,
    protocol: &Protocol,
) -> Vec<LayerTrajectories> {
    let of_model: Vec<&Record> = records
        .iter()
        .filter(|record| record.model == model && record.protocol == protocol.name)
        .collect();
    let Some(last) = of_model.iter().map(|record| record.step).max() else { return Vec::new() };
    let of_layers = of_model.iter().filter(|record| {
        let Site { component, view, head, .. } = record.site;
        head.is_none() && view == protocol.views.of(component, record.signal)
    });

    type Points = BTreeMap<u64, Option<f64>>;
    let mut sites: BTreeMap<Site, [Points; 3]> = BTreeMap::new();
    for record in of_layers {
        let view = protocol.views.of(record.site.component, Signal::Weight);
        let site = Site { view, ..record.site };
        let trajectories = sites.entry(site).or_default();
        let place = match (record.signal, record.metric.as_str()) {
            (Signal::Activation, "cka") if record.estimator == protocol.cka.name() => 0,
            (Signal::Weight, "per") => 1,
            (Signal::Gradient, "per") => 2,
            _ => continue,
        };
        let value = record.value.as_ref().ok().copied().filter(|value| value.is_finite());
        trajectories[place].insert(record.step.0, value);
    }
    let trajectory = |mut points: Points| {
        points.entry(last.0).or_insert(None);
        Trajectory::new(points).expect("a map is sorted by step, and its values are finite")
    };
    let layer = |(site, points): (Site, [Points; 3])| {
        let [cka, weight_per, gradient_per] = points.map(trajectory);
        LayerTrajectories { site, cka, weight_per, gradient_per }
    };
    sites.into_iter().map(layer).collect()
}

/// Decides the binary variables of every layer of `model`, in the order of the sites.
///
/// The records of other protocols and models are not looked at; the last step of the others is the
/// end of training.
#[must_use]
pub fn layer_variables(
    records: &[Record],
    model: &str,
    protocol: &Protocol,
) -> Vec<LayerVariables> {
    let layers = layer_trajectories(records, model, protocol);
    // A gradient without a rank, which is 0 or not finite, is not the largest.
    let gradients = layers.iter().filter_map(|layer| layer.gradient_per.last().ok());
    let share = protocol.large.gradient_per_share;
    let large_gradient = share_of_largest(gradients, share.number()).map(|number| match share {
        Threshold::AtLeast(_) => Threshold::AtLeast(number),
        Threshold::Above(_) => Threshold::Above(number),
    });
    let large = |per: &Trajectory, threshold| per.large_at_end(threshold).ok();
    let steps = studied(records, model, protocol);
    let variables = |layer: &LayerTrajectories| LayerVariables {
        site: layer.site,
        early: layer.cka.early(protocol.window(&steps), protocol.early.cka).ok(),
        large_weight_per: large(&layer.weight_per, protocol.large.weight_per),
        large_gradient_per: large_gradient
            .and_then(|threshold| large(&layer.gradient_per, threshold)),
    };
    layers.iter().map(variables).collect()
}

/// The steps of a model, ascending.
fn studied(records: &[Record], model: &str, protocol: &Protocol) -> Vec<u64> {
    let of_model =
        records.iter().filter(|record| record.model == model && record.protocol == protocol.name);
    let steps: BTreeSet<u64> = of_model.map(|record| record.step.0).collect();
    steps.into_iter().collect()
}

/// The models of a protocol's records, in order of appearance.
pub(crate) fn models<'a>(records: &'a [Record], protocol: &Protocol) -> Vec<&'a str> {
    let mut models: Vec<&str> = Vec::new();
    for record in records.iter().filter(|record| record.protocol == protocol.name) {
        if !models.contains(&record.model.as_str()) {
            models.push(&record.model);
        }
    }
    models
}

/// The paper's table: for every model (in order of appearance) and component, the Matthews
/// correlation over layers of early convergence with large PER of the weight and of the gradient.
///
/// Beside it is its 95 % profile-likelihood interval ([`Contingency::profile_interval`]). Layers of
/// one model are not independent samples; the interval and the p-value, which take them as such,
/// are descriptions: the true uncertainty is larger.
#[must_use]
pub fn mcc_table(records: &[Record], protocol: &Protocol) -> Vec<MccRow> {
    let mut table = Vec::new();
    for model in models(records, protocol) {
        let layers = layer_variables(records, model, protocol);
        let steps = studied(records, model, protocol);
        let steps: Vec<Step> = steps.into_iter().map(Step).collect();
        let no_early = protocol.early_steps(&steps).is_empty();
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
                    _ if no_early => Err(format!("no step was studied {}", protocol.early.window)),
                    // A table over the other layers would hide that something was not measured.
                    (missing, _) => Err(format!(
                        "{missing} of {} layers have an undefined variable",
                        layers.len()
                    )),
                };
                let interval = mcc.is_ok().then(|| counts.profile_interval(INTERVAL_LEVEL));
                table.push(MccRow {
                    model: model.to_owned(),
                    component,
                    view: protocol.views.of(component, Signal::Weight),
                    predictor: predictor.to_owned(),
                    true_positive: counts.true_positives,
                    false_positive: counts.false_positives,
                    false_negative: counts.false_negatives,
                    true_negative: counts.true_negatives,
                    mcc,
                    interval,
                    p_exact: counts.fisher_exact().two_sided,
                    protocol: protocol.name.clone(),
                });
            }
        }
    }
    table
}

const INTERVAL_LEVEL: f64 = 0.95;

fn undefined(margin: Margin) -> &'static str {
    match margin {
        Margin::Total => "no layers",
        Margin::Predicted => "no layer has a large PER",
        Margin::NotPredicted => "every layer has a large PER",
        Margin::Actual => "no layer converges early",
        Margin::NotActual => "every layer converges early",
    }
}
