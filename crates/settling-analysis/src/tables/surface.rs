//! Records -> Matthews correlations over a grid of thresholds.

use std::cmp::Reverse;

use settling_core::Component;
use settling_mcc::Mcc;
use settling_records::Record;

use super::mcc::undefined;
use crate::layers::{Part, models, studied_steps};
use crate::{
    GridShare, LayerTrajectories, Quantity, Rules, Sweep, SweepGrid, SweepUnit, Threshold,
    Trajectory, Unknown, Window, layer_trajectories, share_of_largest,
};

/// How much the association of early convergence with a large PER owes to the choice of thresholds:
/// the Matthews correlation over a grid of them, for one component and predictor of one model.
///
/// The window of early convergence, and whether a threshold must be reached or exceeded, are those
/// of the protocol. Its own thresholds are among those of the grid; there the correlation is that
/// of the [`mcc_table`](crate::mcc_table).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Surface {
    /// The model's name.
    pub model: String,
    /// Attention or MLP.
    pub component: Component,
    /// What predicts early convergence: the PER of the weight or of the gradient.
    pub predictor: Quantity,
    /// The steps at which early convergence is looked at.
    pub window: Window,
    /// What CKA must reach, ascending.
    pub reach: Vec<Threshold>,
    /// What the PER must reach at the end, ascending. That of a gradient as a share of the largest
    /// of any layer of either component.
    pub size: Vec<Threshold>,
    /// The places of the protocol's own thresholds in `reach` and in `size`.
    pub own: (usize, usize),
    /// The correlation at every point, by `reach`, then by `size`; `None` where it is undefined.
    /// Or why there is no table: one over some of the layers would hide that others lack a number.
    pub mcc: Result<Vec<Option<f64>>, String>,
    /// Why it is undefined, and at how many points: the commonest reason first.
    pub undefined: Vec<(String, usize)>,
    /// The part of the grid on which the correlation is above 0, where there is one.
    pub positive: Option<GridShare>,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

/// The surfaces of every model (in order of appearance): Attention before the MLP, and of each the
/// PER of the weight before that of the gradient.
///
/// CKA thresholds are 0.2, 0.25 ... 0.8; those of the PER of weights 0.8, 0.81 ... 0.99; those of
/// gradients 50 %, 55 % ... 100 % of the largest. The protocol's own are added where they are not
/// among them.
///
/// ```
/// use settling_analysis::{Quantity, Rules, surface_table};
/// use settling_core::{Component, Positions, Signal, Site, Step};
/// use settling_records::Record;
///
/// let record = |layer, step, signal, metric, value| {
///     let estimator = if metric == "cka" { "debiased" } else { "attainable" };
///     Record::new("m", Step(step), Site::write(layer, Component::Mlp), signal, metric, Ok(value))
///         .with_estimator(estimator)
///         .with_protocol("corrected")
/// };
/// // Layer 0 has CKA 0.5 at a tenth of training and a PER of 0.97, layer 1 has 0.3 and 0.9.
/// let layer = |layer, cka, per| {
///     [
///         record(layer, 10, Signal::Activation, "cka", cka),
///         record(layer, 100, Signal::Activation, "cka", 1.0),
///         record(layer, 100, Signal::Weight, "per", per),
///     ]
/// };
/// let records = [layer(0, 0.5, 0.97), layer(1, 0.3, 0.9)].concat();
/// let surfaces = surface_table(&records, &Rules::corrected());
/// let weights = surfaces
///     .iter()
///     .find(|one| (one.component, one.predictor) == (Component::Mlp, Quantity::WeightPer))
///     .unwrap();
/// // Thresholds of CKA above 0.3 and up to 0.5 (0.35, 0.4, 0.45, 0.5) and of PER above 0.9 and up
/// // to 0.97 (0.91, 0.92 ... 0.97) tell the two layers apart: there the correlation is 1.
/// let positive = weights.positive.unwrap();
/// assert_eq!((positive.holds, positive.points), (4 * 7, 13 * 20));
/// assert_eq!(weights.at(weights.own.0, weights.own.1), Some(1.0));
/// ```
#[must_use]
pub fn surface_table(records: &[Record], rules: &Rules) -> Vec<Surface> {
    let mut table = Vec::new();
    for model in models(records, rules) {
        let layers = layer_trajectories(records, model, rules);
        let window = rules.early.window.of_steps(&studied_steps(records, model, rules));
        // As the variables are decided: a share times the largest.
        let at_end = layers.iter().filter_map(|layer| layer.gradient_per.last().ok());
        let largest = share_of_largest(at_end, 1.0);
        let (reach, own_reach) = grid((20..=80).step_by(5), rules.early.cka);
        for component in Component::ALL {
            let layers: Vec<&LayerTrajectories> =
                layers.iter().filter(|layer| layer.site.component == component).collect();
            for predictor in [Quantity::WeightPer, Quantity::GradientPer] {
                let (size, own_size) = match predictor {
                    Quantity::WeightPer => grid(80..=99, rules.large.weight_per),
                    _ => grid((50..=100).step_by(5), rules.large.gradient_per_share),
                };
                let unit = if predictor == Quantity::WeightPer { Some(1.0) } else { largest };
                let sweep = units(&layers, predictor).and_then(|units| {
                    let unit = unit.ok_or("no layer has a PER at the end")?;
                    let per = |size: &Threshold| size.with_number(size.number() * unit);
                    let size = size.iter().map(per).collect();
                    let grid = SweepGrid { reach: reach.clone(), window: vec![window], size };
                    Sweep::new(&units, &grid).map_err(|error| error.to_string())
                });
                let undefined =
                    sweep.as_ref().map_or_else(|_| Vec::new(), |sweep| reasons(sweep, &layers));
                let positive = sweep.as_ref().ok().map(|sweep| sweep.share(|mcc| mcc > 0.0));
                let mcc =
                    sweep.map(|sweep| sweep.points().iter().map(crate::SweepPoint::mcc).collect());
                table.push(Surface {
                    model: model.to_owned(),
                    component,
                    predictor,
                    window: rules.early.window,
                    reach: reach.clone(),
                    size,
                    own: (own_reach, own_size),
                    mcc,
                    undefined,
                    positive,
                    protocol: rules.protocol.clone(),
                });
            }
        }
    }
    table
}

impl Surface {
    /// The correlation at these places of `reach` and `size`; `None` where it is undefined, and
    /// beyond the grid.
    #[must_use]
    pub fn at(&self, reach: usize, size: usize) -> Option<f64> {
        let place = (size < self.size.len()).then(|| reach * self.size.len() + size)?;
        self.mcc.as_ref().ok()?.get(place).copied().flatten()
    }
}

/// Thresholds in percent, so that they are exact, with the protocol's own among them; and its
/// place.
fn grid(percent: impl Iterator<Item = u32>, own: Threshold) -> (Vec<Threshold>, usize) {
    let mut numbers: Vec<f64> = percent.map(|percent| f64::from(percent) / 100.0).collect();
    let place = numbers.partition_point(|&number| number < own.number());
    if numbers.get(place).is_none_or(|&number| number > own.number()) {
        numbers.insert(place, own.number());
    }
    (numbers.into_iter().map(|number| own.with_number(number)).collect(), place)
}

/// Why points of a sweep over `layers` have no correlation.
fn reasons(sweep: &Sweep, layers: &[&LayerTrajectories]) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for point in sweep.points() {
        let reason = match point.table {
            Ok(table) => match table.mcc() {
                Mcc::Value(_) => continue,
                Mcc::Undefined(margin) => undefined(margin).to_owned(),
            },
            Err(unknown) => {
                let of = layers
                    .iter()
                    .find(|layer| layer.cka.early(point.window, point.reach) == Err(unknown));
                of.map_or_else(
                    || unknown.to_string(),
                    |layer| {
                        format!("layer {}: {}", layer.site.layer, layer.why(Part::Cka, unknown))
                    },
                )
            }
        };
        match counts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, points)) => *points += 1,
            None => counts.push((reason, 1)),
        }
    }
    counts.sort_by_key(|&(_, points)| Reverse(points));
    counts
}

/// Every layer with its CKA and its PER at the end, or why one lacks them.
fn units(layers: &[&LayerTrajectories], predictor: Quantity) -> Result<Vec<SweepUnit>, String> {
    let part = Part::of(predictor);
    let size = |layer: &LayerTrajectories| layer.part(part).last();
    let measured = |trajectory: &Trajectory| trajectory.points().iter().any(|(_, v)| v.is_some());
    if layers.iter().all(|layer| !measured(&layer.cka) && size(layer).is_err()) {
        return Err("no data".to_owned());
    }
    if let Some(layer) = layers.iter().find(|layer| !measured(&layer.cka)) {
        let last = layer.cka.points().last().map_or(0, |&(step, _)| step);
        let why = layer.why(Part::Cka, Unknown::Undefined(last));
        return Err(format!("a layer has no CKA (layer {}: {why})", layer.site.layer));
    }
    let unit = |layer: &&LayerTrajectories| {
        let size = size(layer).map_err(|unknown| {
            let why = layer.why(part, unknown);
            format!("a layer has no PER at the end (layer {}: {why})", layer.site.layer)
        })?;
        Ok(SweepUnit { trajectory: layer.cka.clone(), size })
    };
    layers.iter().map(unit).collect()
}
