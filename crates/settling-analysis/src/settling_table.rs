//! Records -> `settling.csv`: the step from which on a layer stays similar to its end.

use settling_core::{Signal, Site, Step};
use settling_records::{Record, SettlingRow};

use crate::layers::{layer_trajectories, models};
use crate::{Crossing, LayerTrajectories, Rules, Settling, Threshold, Unknown};

/// Looked at beside the protocol's own: half-way, and what is commonly called similar and nearly
/// the same.
const MORE_THRESHOLDS: [f64; 3] = [0.5, 0.8, 0.9];

/// The settling step of every layer of every model (in order of appearance): the first measured
/// step from which on CKA with the last checkpoint, by the estimator and the view of the protocol,
/// reaches a threshold and never falls below it again.
///
/// The thresholds are that of the protocol's [`early`](Protocol::early) variable, 0.5, 0.8 and 0.9,
/// ascending, each compared as the early one is (`>=` or `>`). The last checkpoint is similar to
/// itself by definition: a layer of which it alone reaches a threshold has no settling step, with
/// the reason. The true settling step is later than the measured step before, and at most this one.
///
/// ```
/// use settling_analysis::{Rules, settling_table};
/// use settling_core::{Component, Positions, Signal, Site, Step};
/// use settling_records::Record;
///
/// let cka = |(step, value)| Record::new("m", Step(step), Site::write(0, Component::Mlp), Signal::Activation, "cka", Ok(value)).with_shape(128, 32).with_positions(Positions::Last).with_estimator("debiased").with_protocol("corrected");
/// let records = [(0, 0.1), (10, 0.5), (20, 0.47), (30, 0.6), (40, 1.0)].map(cka);
/// let rows = settling_table(&records, &Rules::corrected());
/// let found: Vec<_> = rows.iter().map(|row| (row.threshold, row.settled.clone().ok())).collect();
/// // It reaches 0.45 at step 10 and stays; 0.5 too, but falls below it once more; 0.8 and 0.9 at the last step only.
/// assert_eq!(found, [(0.45, Some((Step(10), 0.25))), (0.5, Some((Step(30), 0.75))), (0.8, None), (0.9, None)]);
/// ```
#[must_use]
pub fn settling_table(records: &[Record], rules: &Rules) -> Vec<SettlingRow> {
    let thresholds = thresholds(rules.early.cka);
    let mut table = Vec::new();
    for model in models(records, rules) {
        for layer in layer_trajectories(records, model, rules) {
            let Site { layer: number, component, .. } = layer.site;
            let view = rules.views.of(component, Signal::Activation);
            table.extend(thresholds.iter().map(|&threshold| {
                let settled = settled(&layer, threshold);
                SettlingRow::new(model, number, component, view, threshold.number(), settled)
                    .with_protocol(&rules.protocol)
            }));
        }
    }
    table
}

fn thresholds(early: Threshold) -> Vec<Threshold> {
    let mut numbers = vec![early.number()];
    numbers.extend(MORE_THRESHOLDS.iter().filter(|&&more| more.total_cmp(&early.number()).is_ne()));
    numbers.sort_by(f64::total_cmp);
    numbers.into_iter().map(|number| early.with_number(number)).collect()
}

fn settled(layer: &LayerTrajectories, threshold: Threshold) -> Result<(Step, f64), String> {
    match layer.cka.settling(threshold, Crossing::Measured) {
        Ok(Settling::At(step)) => {
            let last = layer.cka.points().last().map_or(step, |&(last, _)| last as f64);
            // A measured step, and every step of a training is an integer that f64 has.
            Ok((Step(step as u64), step / last))
        }
        Ok(Settling::OnlyLast) => Err("no step but the last reaches it".to_owned()),
        Ok(Settling::Never) => Err("the last step does not reach it".to_owned()),
        Err(Unknown::Undefined(step)) => Err(format!("CKA at step {step} is undefined")),
        Err(unknown) => Err(unknown.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use settling_core::{Component, Site, View};

    use super::*;

    fn record(layer: usize, step: u64, value: Result<f64, String>) -> Record {
        Record::new(
            "m",
            Step(step),
            Site { view: View::OvFlat, ..Site::ov(layer) },
            Signal::Activation,
            "cka",
            value,
        )
        .with_shape(4, 4)
        .with_estimator("biased")
        .with_protocol("published")
    }

    /// The published code compares with `>`, and looks at circuits.
    #[test]
    fn every_reason_is_said() {
        let constant = || Err("constant".to_owned());
        let mut records = vec![
            record(0, 0, Ok(0.45)),
            record(0, 4, Ok(0.9)),
            record(0, 8, Ok(1.0)),
            record(1, 0, constant()),
            record(1, 4, Ok(0.4)),
            record(1, 8, constant()),
            record(2, 0, Ok(0.95)),
            record(2, 4, constant()),
            record(2, 8, Ok(0.7)),
        ];
        // Not of the protocol's estimator.
        records.push({
            let mut changed = record(0, 0, Ok(1.0));
            changed.estimator = "debiased".to_owned();
            changed
        });
        let rows = settling_table(&records, &Rules::published());
        let found: Vec<_> = rows
            .iter()
            .map(|row| {
                assert_eq!((row.component, row.view), (Component::Attention, View::OvFlat));
                let settled = match &row.settled {
                    Ok((step, fraction)) => format!("{step} {fraction}"),
                    Err(reason) => reason.clone(),
                };
                (row.layer, row.threshold, settled)
            })
            .collect();
        let [only, never] = ["no step but the last reaches it", "the last step does not reach it"];
        let [at_4, at_8] = ["CKA at step 4 is undefined", "CKA at step 8 is undefined"];
        let expected = [
            (0, 0.45, "4 0.5"),
            (0, 0.5, "4 0.5"),
            (0, 0.8, "4 0.5"),
            (0, 0.9, only),
            (1, 0.45, at_8),
            (1, 0.5, at_8),
            (1, 0.8, at_8),
            (1, 0.9, at_8),
            (2, 0.45, at_4),
            (2, 0.5, at_4),
            (2, 0.8, never),
            (2, 0.9, never),
        ];
        assert_eq!(found, expected.map(|(layer, at, text)| (layer, at, text.to_owned())));
    }

    #[test]
    fn thresholds_ascend_and_none_is_there_twice() {
        let numbers = |early| thresholds(early).iter().map(|one| one.number()).collect::<Vec<_>>();
        assert_eq!(numbers(Threshold::AtLeast(0.8)), [0.5, 0.8, 0.9]);
        assert_eq!(numbers(Threshold::Above(0.85)), [0.5, 0.8, 0.85, 0.9]);
    }
}
