use settling_core::Component;
use settling_mcc::{Sweep, SweepGrid, SweepUnit, Threshold, Window, share_of_largest};
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
    let mut surfaces = Vec::new();
    for component in Component::ALL {
        let similar = trajectories(&layers(used, model, component, cka)?, last);
        for predictor in [Quantity::WeightPer, Quantity::GradientPer] {
            let size = trajectories(&layers(used, model, component, predictor)?, last);
            let scale = match predictor {
                Quantity::WeightPer => Some(1.0),
                // The largest of any layer and component that has one.
                _ => {
                    let mut finals = Vec::new();
                    for component in Component::ALL {
                        let all = trajectories(&layers(used, model, component, predictor)?, last);
                        finals.extend(all.values().filter_map(|size| size.last().ok()));
                    }
                    share_of_largest(finals, 1.0).filter(|&largest| largest > 0.0)
                }
            };
            let units: Option<Vec<SweepUnit>> = similar
                .iter()
                .map(|(layer, trajectory)| {
                    let size = size.get(layer)?.last().ok()? / scale?;
                    Some(SweepUnit { trajectory: trajectory.clone(), size })
                })
                .collect();
            let cka: Vec<u32> = (20..=80).step_by(5).collect();
            let size: Vec<u32> = match predictor {
                Quantity::WeightPer => (80..=99).collect(),
                _ => (50..=100).step_by(5).collect(),
            };
            let sweep = match units {
                None => Err("a layer has no PER at the end"),
                Some(units) if units.is_empty() => Err("no data"),
                Some(units) => Ok(Sweep::new(&units, &grid(&cka, &size)).map_err(|error| {
                    let message = format!("model `{model}`, {component}: {error}");
                    Error::new(ErrorKind::InvalidRecords, message).caused_by(error)
                })?),
            };
            surfaces.push(Surface { component, predictor, cka, size, sweep });
        }
    }
    Ok(surfaces)
}

fn grid(cka: &[u32], size: &[u32]) -> SweepGrid {
    let at_least = |percent: &[u32]| {
        percent.iter().map(|&percent| Threshold::AtLeast(f64::from(percent) / 100.0)).collect()
    };
    SweepGrid { reach: at_least(cka), window: vec![Window::UpTo(EARLY)], size: at_least(size) }
}
