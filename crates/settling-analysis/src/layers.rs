//! Records -> the trajectory of every layer, and the paper's binary variables of it.

use std::collections::{BTreeMap, BTreeSet};

use settling_core::{Signal, Site};
use settling_records::Record;

use crate::{Quantity, Rules, Trajectory, Unknown, share_of_largest};

/// The binary variables of one layer's component; or of each why it is not known.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerVariables {
    /// Which layer and component.
    pub site: Site,
    /// Whether CKA with the last checkpoint is large at some early step; not known if it is at
    /// none, and undefined at one of them, or if there is no early step but the last.
    pub early: Result<bool, String>,
    /// Whether the weight's PER is large at the last step; not known if it is undefined there.
    pub large_weight_per: Result<bool, String>,
    /// Whether the gradient's PER is large at the last step; not known if it is undefined there.
    pub large_gradient_per: Result<bool, String>,
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
    /// Why a number is undefined, by [`Part`] and step.
    reasons: BTreeMap<(Part, u64), String>,
}

/// Which of the three trajectories of a layer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Part {
    Cka,
    WeightPer,
    GradientPer,
}

/// What a record that a layer lacks is called.
const NOT_MEASURED: &str = "not measured";

impl Part {
    const ALL: [Self; 3] = [Self::Cka, Self::WeightPer, Self::GradientPer];

    /// That of a predictor.
    pub(crate) fn of(predictor: Quantity) -> Self {
        match predictor {
            Quantity::WeightPer => Self::WeightPer,
            Quantity::GradientPer => Self::GradientPer,
            _ => Self::Cka,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cka => "CKA",
            Self::WeightPer => "PER of the weight",
            Self::GradientPer => "PER of the gradient",
        }
    }
}

impl LayerTrajectories {
    pub(crate) fn part(&self, part: Part) -> &Trajectory {
        match part {
            Part::Cka => &self.cka,
            Part::WeightPer => &self.weight_per,
            Part::GradientPer => &self.gradient_per,
        }
    }

    /// Whether there is a record of it.
    pub(crate) fn is_measured(&self, part: Part) -> bool {
        let points = self.part(part).points();
        let reason = |step| self.reasons.get(&(part, step)).map(String::as_str);
        points.iter().any(|&(step, _)| reason(step) != Some(NOT_MEASURED))
    }

    /// Why a rule has no answer, with the reason that the records give for an undefined value.
    pub(crate) fn why(&self, part: Part, unknown: Unknown) -> String {
        let name = part.name();
        if !self.is_measured(part) {
            return format!("{name} was not measured");
        }
        match unknown {
            Unknown::Undefined(step) => match self.reasons.get(&(part, step)) {
                Some(reason) if reason == NOT_MEASURED => {
                    format!("{name} at step {step} was not measured")
                }
                Some(reason) => format!("{name} at step {step} is undefined: {reason}"),
                None => format!("{name} at step {step} is undefined"),
            },
            Unknown::NotMeasured | Unknown::OnlyLast => format!("{name}: {unknown}"),
        }
    }
}

/// Collects the trajectories of every layer of `model`, in the order of the sites: what
/// [`layer_variables`] decides by, for a caller that wants to decide otherwise
/// ([`Sweep`](crate::Sweep)).
///
/// The records of other protocols and models are ignored. The last step among the others is the end
/// of training, and the last point of every trajectory, undefined where it was not measured. So is
/// a CKA at a step at which other layers have one, and a number that two records give.
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

    type Points = BTreeMap<(Part, u64), Result<f64, String>>;
    let mut sites: BTreeMap<Site, Points> = BTreeMap::new();
    let mut cka_steps = BTreeSet::new();
    for record in of_layers {
        let view = rules.views.of(record.site.component, Signal::Weight);
        let site = Site { view, ..record.site };
        let points = sites.entry(site).or_default();
        let part = match Quantity::from_record(record) {
            Some(Quantity::WeightPer) => Part::WeightPer,
            Some(Quantity::GradientPer) => Part::GradientPer,
            Some(cka) if cka == Quantity::deciding(rules) => Part::Cka,
            _ => continue,
        };
        if part == Part::Cka {
            cka_steps.insert(record.step.0);
        }
        let value = match &record.value {
            Ok(value) if !value.is_finite() => Err(format!("the record says {value}")),
            other => other.clone(),
        };
        // Neither of two is taken: the answer would depend on their order.
        points
            .entry((part, record.step.0))
            .and_modify(|value| *value = Err("the records give it twice".to_owned()))
            .or_insert(value);
    }
    let layer = |(site, mut points): (Site, Points)| {
        let lacking = || Err(NOT_MEASURED.to_owned());
        for part in Part::ALL {
            points.entry((part, last.0)).or_insert_with(lacking);
        }
        for &step in &cka_steps {
            points.entry((Part::Cka, step)).or_insert_with(lacking);
        }
        let trajectory = |part| {
            let of_part = points.iter().filter(|((of, _), _)| *of == part);
            let points = of_part.map(|((_, step), value)| (*step, value.as_ref().ok().copied()));
            Trajectory::new(points).expect("a map is sorted by step, and its values are finite")
        };
        let [cka, weight_per, gradient_per] = Part::ALL.map(trajectory);
        let reason = |(place, value): (_, Result<f64, String>)| Some((place, value.err()?));
        let reasons = points.into_iter().filter_map(reason).collect();
        LayerTrajectories { site, cka, weight_per, gradient_per, reasons }
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
    let largest = share_of_largest(gradients, share.number());
    // Where there is no largest, no layer has a PER that could be held against it.
    let large_gradient = share.with_number(largest.unwrap_or(f64::NAN));
    let steps = studied_steps(records, model, rules);
    let window = rules.early.window.of_steps(&steps);
    let no_step = no_step(rules, &steps);
    let variables = |layer: &LayerTrajectories| {
        let large = |part, threshold| {
            let large = layer.part(part).large_at_end(threshold);
            large.map_err(|unknown| layer.why(part, unknown))
        };
        let early = match &no_step {
            Some(reason) => Err(reason.clone()),
            None => {
                let early = layer.cka.early(window, rules.early.cka);
                early.map_err(|unknown| layer.why(Part::Cka, unknown))
            }
        };
        LayerVariables {
            site: layer.site,
            early,
            large_weight_per: large(Part::WeightPer, rules.large.weight_per),
            large_gradient_per: large(Part::GradientPer, large_gradient),
        }
    };
    layers.iter().map(variables).collect()
}

/// Why no step decides about early convergence, if none does.
pub(crate) fn no_step(rules: &Rules, steps: &[u64]) -> Option<String> {
    let window = rules.early.window;
    if !window.within(steps).is_empty() {
        return None;
    }
    Some(match window.named(steps).is_empty() {
        true => format!("no step was studied {window}"),
        false => format!("no step but the last was studied {window}"),
    })
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
