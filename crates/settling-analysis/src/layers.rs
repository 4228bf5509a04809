//! Records -> the trajectory of every layer, and the paper's binary variables of it.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::{Signal, Site};
use settling_records::Record;

use crate::{Quantity, Rules, Trajectory, share_of_largest};

/// The binary variables of one layer's component, each with the number it was decided by.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerVariables {
    /// Which layer and component.
    pub site: Site,
    /// Whether CKA with the last checkpoint is large at some early step; `None` if it is at none,
    /// and undefined at one of them, or if there is no early step but the last.
    pub early: Option<bool>,
    /// Whether the weight's PER is large at the last step; `None` if it is undefined there.
    pub large_weight_per: Option<bool>,
    /// Whether the gradient's PER is large at the last step; `None` if it is undefined there.
    pub large_gradient_per: Option<bool>,
}

/// One layer's component over training, as the paper's variables look at it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerTrajectories {
    /// Which layer and component; of Attention the view whose weights are looked at.
    pub site: Site,
    /// CKA with the last checkpoint, by the estimator and the view of the rules.
    pub cka: Trajectory,
    /// PER of the weight.
    pub weight_per: Trajectory,
    /// PER of the gradient.
    pub gradient_per: Trajectory,
}

/// Collects the trajectories of every layer of `model`, in the order of the sites: what
/// [`layer_variables`] decides by, for a caller that wants to decide otherwise
/// ([`Sweep`](crate::Sweep)).
///
/// The records of other protocols and models are ignored; there is one for each number. The last
/// step among the others is the end of training, and the last point of every trajectory, undefined
/// where it was not measured.
#[must_use]
#[expect(clippy::missing_panics_doc, reason = "a map is sorted, and only finite values are kept")]
pub fn layer_trajectories(
    records: &[Record],
    model: &str,
    rules: &Rules,
) -> Vec<LayerTrajectories> {
    let of_model: Vec<&Record> = records
        .iter()
        .filter(|record| record.model == model && record.protocol == rules.protocol)
        .collect();
    let Some(last) = of_model.iter().map(|record| record.step).max() else { return Vec::new() };
    let of_layers = of_model.iter().filter(|record| {
        let Site { component, view, head, .. } = record.site;
        head.is_none() && view == rules.views.of(component, record.signal)
    });

    type Points = BTreeMap<u64, Option<f64>>;
    let mut sites: BTreeMap<Site, [Points; 3]> = BTreeMap::new();
    for record in of_layers {
        let view = rules.views.of(record.site.component, Signal::Weight);
        let site = Site { view, ..record.site };
        let trajectories = sites.entry(site).or_default();
        let place = match Quantity::from_record(record) {
            Some(Quantity::WeightPer) => 1,
            Some(Quantity::GradientPer) => 2,
            Some(cka) if cka == Quantity::deciding(rules) => 0,
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
/// The records of other protocols and models are ignored; the last step of the others is the end of
/// training. Where it is the only step that the window of the rules names, nothing is known about
/// early convergence: CKA of the last checkpoint with itself decides nothing.
#[must_use]
pub fn layer_variables(records: &[Record], model: &str, rules: &Rules) -> Vec<LayerVariables> {
    let layers = layer_trajectories(records, model, rules);
    // A gradient without a rank, which is 0 or not finite, is not the largest.
    let gradients = layers.iter().filter_map(|layer| layer.gradient_per.last().ok());
    let share = rules.large.gradient_per_share;
    let large_gradient =
        share_of_largest(gradients, share.number()).map(|number| share.with_number(number));
    let large = |per: &Trajectory, threshold| per.large_at_end(threshold).ok();
    let steps = studied_steps(records, model, rules);
    let window = rules.early.window.of_steps(&steps);
    let decidable = decides(rules, &steps);
    let variables = |layer: &LayerTrajectories| LayerVariables {
        site: layer.site,
        early: layer.cka.early(window, rules.early.cka).ok().filter(|_| decidable),
        large_weight_per: large(&layer.weight_per, rules.large.weight_per),
        large_gradient_per: large_gradient
            .and_then(|threshold| large(&layer.gradient_per, threshold)),
    };
    layers.iter().map(variables).collect()
}

/// Whether a step other than the last decides about early convergence.
pub(crate) fn decides(rules: &Rules, steps: &[u64]) -> bool {
    rules.early.window.within(steps).start + 1 < steps.len()
        && !rules.early.window.within(steps).is_empty()
}

/// The steps of a model, ascending.
pub(crate) fn studied_steps(records: &[Record], model: &str, rules: &Rules) -> Vec<u64> {
    let of_model =
        records.iter().filter(|record| record.model == model && record.protocol == rules.protocol);
    let steps: BTreeSet<u64> = of_model.map(|record| record.step.0).collect();
    steps.into_iter().collect()
}

/// The models of a protocol's records, in order of appearance.
pub(crate) fn models<'a>(records: &'a [Record], rules: &Rules) -> Vec<&'a str> {
    let mut models: Vec<&str> = Vec::new();
    for record in records.iter().filter(|record| record.protocol == rules.protocol) {
        if !models.contains(&record.model.as_str()) {
            models.push(&record.model);
        }
    }
    models
}
