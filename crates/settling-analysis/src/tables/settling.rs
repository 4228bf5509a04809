//! Records -> `settling.csv`: the step from which on a layer stays similar to its end.

use settling_core::{Signal, Site, Step};
use settling_records::{Record, SettlingRow};

use crate::layers::{Part, layer_trajectories, models};
use crate::{Crossing, LayerTrajectories, Rules, Settling, Threshold, quantile};

/// What a row without a settling step gives as the reason.
const ONLY_LAST: &str = "no step but the last reaches it";
const NEVER: &str = "the last step does not reach it";
const ONE_STEP: &str = "only one step was studied";

/// Looked at beside the protocol's own: half-way, and what is commonly called similar and nearly
/// the same.
const MORE_THRESHOLDS: [f64; 3] = [0.5, 0.8, 0.9];

/// The settling step of every layer of every model (in order of appearance): the first measured
/// step from which on CKA with the last checkpoint, by the estimator and the view of the protocol,
/// reaches a threshold and never falls below it again.
///
/// The thresholds are that of the protocol's [early convergence](Rules::early), 0.5, 0.8 and 0.9,
/// ascending, each compared as the early one is (`>=` or `>`). The last checkpoint is similar to
/// itself by definition: a layer of which it alone reaches a threshold has no settling step, with
/// the reason. So has a layer whose answer depends on an undefined value, and every layer of a
/// model of which one step alone was studied. The true settling step is later than the measured
/// step before, and at most this one.
///
/// ```
/// use settling_analysis::{Rules, settling_table};
/// use settling_core::{Component, Positions, Signal, Site, Step};
/// use settling_records::Record;
///
/// let cka = |(step, value)| {
///     let site = Site::write(0, Component::Mlp);
///     Record::new("m", Step(step), site, Signal::Activation, "cka", Ok(value))
///         .with_shape(128, 32)
///         .with_positions(Positions::Last)
///         .with_estimator("debiased")
///         .with_protocol("corrected")
/// };
/// let records = [(0, 0.1), (10, 0.5), (20, 0.47), (30, 0.6), (40, 1.0)].map(cka);
/// let rows = settling_table(&records, &Rules::corrected());
/// let found: Vec<_> = rows.iter().map(|row| (row.threshold, row.settled.clone().ok())).collect();
/// // It reaches 0.45 at step 10 and stays; 0.5 too, but falls below it once more; 0.8 and 0.9 at
/// // the last step only.
/// let [early, half] = [Some((Step(10), 0.25)), Some((Step(30), 0.75))];
/// assert_eq!(found, [(0.45, early), (0.5, half), (0.8, None), (0.9, None)]);
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

/// What a row of a [`settling_table`] says of its layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SettlingState {
    /// It is settled from this step on.
    Settled {
        /// The first step from which on every value reaches the threshold.
        step: Step,
        /// This step over the last.
        share: f64,
    },
    /// It is not settled before the last step.
    Not,
    /// The answer depends on a value that is undefined or was not measured, or one step alone was
    /// studied.
    Unknown,
}

impl SettlingState {
    /// What `row` says.
    ///
    /// ```
    /// use settling_analysis::SettlingState;
    /// use settling_core::{Component, View};
    /// use settling_records::SettlingRow;
    ///
    /// let row = |reason: &str| {
    ///     SettlingRow::new("m", 0, Component::Mlp, View::Write, 0.5, Err(reason.to_owned()))
    /// };
    /// let not = row("the last step does not reach it");
    /// assert_eq!(SettlingState::from_row(&not), SettlingState::Not);
    /// let unknown = row("CKA at step 8 is undefined: zero variance");
    /// assert_eq!(SettlingState::from_row(&unknown), SettlingState::Unknown);
    /// ```
    #[must_use]
    pub fn from_row(row: &SettlingRow) -> Self {
        match &row.settled {
            Ok((step, share)) => Self::Settled { step: *step, share: *share },
            Err(reason) if reason == ONLY_LAST || reason == NEVER => Self::Not,
            Err(_) => Self::Unknown,
        }
    }
}

/// How many layers of a model settle at a threshold, and when half of these have.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SettledRow {
    /// The model's name.
    pub model: String,
    /// What CKA must reach, and whether it must exceed it, the protocol says.
    pub threshold: f64,
    /// Layers that are settled before the last step, of both components.
    pub settled: usize,
    /// Layers that are not.
    pub not: usize,
    /// Layers of which it is [not known](SettlingState::Unknown).
    pub unknown: usize,
    /// The share of training by which half of the settled layers are: the median of their shares.
    pub half: Option<f64>,
    /// The protocol that fixed every other choice.
    pub protocol: String,
}

impl SettledRow {
    /// All layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.settled + self.not + self.unknown
    }
}

/// Counts the rows of a [`settling_table`] by model, in order of appearance, and by threshold,
/// ascending.
///
/// ```
/// use settling_analysis::settled_table;
/// use settling_core::{Component, Step, View};
/// use settling_records::SettlingRow;
///
/// let row = |layer, settled| {
///     SettlingRow::new("m", layer, Component::Mlp, View::Write, 0.5, settled)
/// };
/// let never = Err("the last step does not reach it".to_owned());
/// let rows = [row(0, Ok((Step(10), 0.1))), row(1, Ok((Step(30), 0.3))), row(2, never)];
/// let [counts] = &settled_table(&rows)[..] else { panic!("one model and threshold") };
/// assert_eq!((counts.settled, counts.not, counts.unknown, counts.half), (2, 1, 0, Some(0.2)));
/// ```
#[must_use]
pub fn settled_table(rows: &[SettlingRow]) -> Vec<SettledRow> {
    let mut groups: Vec<(&str, f64, Vec<SettlingState>)> = Vec::new();
    for row in rows {
        let same = |group: &&mut (&str, f64, _)| {
            group.0 == row.model && group.1.total_cmp(&row.threshold).is_eq()
        };
        let state = SettlingState::from_row(row);
        match groups.iter_mut().find(same) {
            Some((.., states)) => states.push(state),
            None => groups.push((&row.model, row.threshold, vec![state])),
        }
    }
    let count = |(model, threshold, states): (&str, f64, Vec<SettlingState>)| {
        let shares: Vec<f64> = states
            .iter()
            .filter_map(|state| match state {
                SettlingState::Settled { share, .. } => Some(*share),
                SettlingState::Not | SettlingState::Unknown => None,
            })
            .collect();
        let not = states.iter().filter(|&&state| state == SettlingState::Not).count();
        SettledRow {
            model: model.to_owned(),
            threshold,
            settled: shares.len(),
            not,
            unknown: states.len() - shares.len() - not,
            half: quantile(&shares, 0.5),
            protocol: rows[0].protocol.clone(),
        }
    };
    groups.into_iter().map(count).collect()
}

fn thresholds(early: Threshold) -> Vec<Threshold> {
    let mut numbers = vec![early.number()];
    numbers.extend(MORE_THRESHOLDS.iter().filter(|&&more| more.total_cmp(&early.number()).is_ne()));
    numbers.sort_by(f64::total_cmp);
    numbers.into_iter().map(|number| early.with_number(number)).collect()
}

fn settled(layer: &LayerTrajectories, threshold: Threshold) -> Result<(Step, f64), String> {
    if layer.cka.points().len() == 1 && layer.is_measured(Part::Cka) {
        return Err(ONE_STEP.to_owned());
    }
    match layer.cka.settling(threshold, Crossing::Measured) {
        Ok(Settling::At(step)) => {
            let last = layer.cka.points().last().map_or(step, |&(last, _)| last as f64);
            // A measured step, and every step of a training is an integer that f64 has.
            Ok((Step(step as u64), step / last))
        }
        Ok(Settling::OnlyLast) => Err(ONLY_LAST.to_owned()),
        Ok(Settling::Never) => Err(NEVER.to_owned()),
        Err(unknown) => Err(layer.why(Part::Cka, unknown)),
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
        let [at_4, at_8] =
            ["CKA at step 4 is undefined: constant", "CKA at step 8 is undefined: constant"];
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
