use std::collections::BTreeMap;

use settling_analysis::{
    Sweep, SweepGrid, SweepUnit, Threshold, Trajectory, Window, share_of_largest,
};
use settling_core::Component;
use settling_records::Record;

use crate::error::{Error, ErrorKind};
use crate::series::{Quantity, last_step, layers, trajectories};

/// The MCC of one component and predictor of a model over a grid of thresholds.
pub(crate) struct Surface {
    pub(crate) component: Component,
    pub(crate) predictor: Quantity,
    /// Thresholds of CKA and of the predictor, in percent, so that they are exact.
    pub(crate) cka: Vec<u32>,
    pub(crate) size: Vec<u32>,
    /// Or why there is none.
    pub(crate) sweep: Result<Sweep, &'static str>,
}

/// Early: at some step of the first tenth of training.
const EARLY: f64 = 0.1;
/// The thresholds of the paper, in percent.
pub(crate) const PAPER_CKA: u32 = 45;

impl Surface {
    /// The threshold of the paper for the predictor, in percent.
    pub(crate) fn paper_size(&self) -> u32 {
        if self.predictor == Quantity::WeightPer { 95 } else { 90 }
    }
}

/// The surfaces of a model, Attention first, and of each component the weights first.
pub(crate) fn surfaces(
    records: &[Record],
    used: &[&Record],
    model: &str,
    cka: Quantity,
) -> Result<Vec<Surface>, Error> {
    let last = last_step(records, model);
    let of = |component, quantity| -> Result<BTreeMap<usize, Trajectory>, Error> {
        Ok(trajectories(&layers(used, model, component, quantity)?, last))
    };
    let mut surfaces = Vec::new();
    for component in Component::ALL {
        for predictor in [Quantity::WeightPer, Quantity::GradientPer] {
            let scale = match predictor {
                Quantity::WeightPer => Some(1.0),
                // The largest of any layer and component that has one.
                _ => {
                    let [attention, mlp] = Component::ALL.map(|component| of(component, predictor));
                    let (attention, mlp) = (attention?, mlp?);
                    let finals = attention.values().chain(mlp.values());
                    share_of_largest(finals.filter_map(|size| size.last().ok()), 1.0)
                        .filter(|&largest| largest > 0.0)
                }
            };
            let cka_thresholds: Vec<u32> = (20..=80).step_by(5).collect();
            let size_thresholds: Vec<u32> = match predictor {
                Quantity::WeightPer => (80..=99).collect(),
                _ => (50..=100).step_by(5).collect(),
            };
            let sweep = match units(&of(component, cka)?, &of(component, predictor)?, scale) {
                Ok(units) => {
                    let grid = grid(&cka_thresholds, &size_thresholds);
                    Ok(Sweep::new(&units, &grid).map_err(|error| {
                        let message = format!("model `{model}`, {component}: {error}");
                        Error::new(ErrorKind::InvalidRecords, message).caused_by(error)
                    })?)
                }
                Err(why) => Err(why),
            };
            surfaces.push(Surface {
                component,
                predictor,
                cka: cka_thresholds,
                size: size_thresholds,
                sweep,
            });
        }
    }
    Ok(surfaces)
}

/// Every layer with its CKA and its PER at the end in units of `scale`, or why one lacks them: a
/// table over the others would hide it.
fn units(
    similar: &BTreeMap<usize, Trajectory>,
    size: &BTreeMap<usize, Trajectory>,
    scale: Option<f64>,
) -> Result<Vec<SweepUnit>, &'static str> {
    if similar.is_empty() && size.is_empty() {
        return Err("no data");
    }
    if size.keys().any(|layer| !similar.contains_key(layer)) {
        return Err("a layer has no CKA");
    }
    let unit = |(layer, trajectory): (&usize, &Trajectory)| {
        let size = size.get(layer)?.last().ok()? / scale?;
        Some(SweepUnit { trajectory: trajectory.clone(), size })
    };
    similar.iter().map(unit).collect::<Option<_>>().ok_or("a layer has no PER at the end")
}

fn grid(cka: &[u32], size: &[u32]) -> SweepGrid {
    let at_least = |percent: &[u32]| {
        percent.iter().map(|&percent| Threshold::AtLeast(f64::from(percent) / 100.0)).collect()
    };
    SweepGrid { reach: at_least(cka), window: vec![Window::UpTo(EARLY)], size: at_least(size) }
}
