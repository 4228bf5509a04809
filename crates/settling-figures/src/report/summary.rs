//! The numbers that a report puts into words and into its first table.

use std::collections::BTreeSet;

use settling_analysis::{Crossing, Threshold, Trajectory};
use settling_core::Component;
use settling_records::{MccRow, Record};

use super::html;
use crate::error::Error;
use crate::quantile::quantile;
use crate::series::{
    COMPONENTS, Layers, Quantity, keep_one_view, last_step, layers, mean, models, trajectories,
};

/// The records of one protocol, model by model.
pub(super) struct Summary<'a> {
    pub(super) cka: Quantity,
    pub(super) models: Vec<Model<'a>>,
}

pub(super) struct Model<'a> {
    pub(super) name: &'a str,
    layers: usize,
    steps: BTreeSet<u64>,
    last: u64,
    /// The last measured step within the first 10 % of training.
    early: Option<u64>,
    /// By component.
    cka: [Layers; 2],
    floor: [Layers; 2],
    biased: [Layers; 2],
    weight: [Layers; 2],
    gradient: [Layers; 2],
}

impl<'a> Summary<'a> {
    pub(super) fn new(records: &'a [Record]) -> Result<Self, Error> {
        let mut all: Vec<&Record> = records.iter().collect();
        keep_one_view(&mut all);
        let cka = Quantity::cka(records);
        let model = |name: &'a str| {
            let of_model: Vec<&Record> =
                all.iter().copied().filter(|record| record.model == name).collect();
            let both = |quantity| -> Result<[Layers; 2], Error> {
                let [attention, mlp] =
                    Component::ALL.map(|component| layers(&of_model, name, component, quantity));
                Ok([attention?, mlp?])
            };
            let steps: BTreeSet<u64> = of_model.iter().map(|record| record.step.0).collect();
            let last = last_step(records, name);
            Ok(Model {
                name,
                layers: of_model.iter().map(|record| record.site.layer + 1).max().unwrap_or(0),
                early: steps.iter().copied().filter(|&step| step as f64 <= 0.1 * last as f64).max(),
                steps,
                last,
                cka: both(cka)?,
                floor: both(Quantity::CkaFloor)?,
                biased: both(Quantity::BiasedCka)?,
                weight: both(Quantity::WeightPer)?,
                gradient: both(Quantity::GradientPer)?,
            })
        };
        let models = models(&all).into_iter().map(model).collect::<Result<_, Error>>()?;
        Ok(Self { cka, models })
    }

    /// One line a model and component: means over layers.
    pub(super) fn table(&self) -> String {
        let head = [
            "model",
            "component",
            "layers",
            "steps",
            "last step",
            "early step",
            "CKA there",
            "floor there",
            "PER of weights at the end",
            "PER of gradients at the end",
        ];
        let mut rows = Vec::new();
        for model in &self.models {
            for (index, component) in COMPONENTS.into_iter().enumerate() {
                let at = |layers: &[Layers; 2], step: Option<u64>| {
                    number(step.and_then(|step| mean_at(&layers[index], step)))
                };
                rows.push(vec![
                    model.name.to_owned(),
                    component.to_owned(),
                    model.layers.to_string(),
                    model.steps.len().to_string(),
                    model.last.to_string(),
                    model.early.map_or_else(dash, |step| step.to_string()),
                    at(&model.cka, model.early),
                    at(&model.floor, model.early),
                    at(&model.weight, Some(model.last)),
                    at(&model.gradient, Some(model.last)),
                ]);
            }
        }
        let caption = format!(
            "Means over the layers that have a defined value; a dash where none has. CKA: the {}. Early step: the last measured \
             one within the first 10 % of training.",
            self.cka.phrase()
        );
        html::table(&caption, &head, &rows, 2)
    }

    /// How far the models are at the early step.
    pub(super) fn convergence(&self) -> Vec<String> {
        let said = COMPONENTS.into_iter().enumerate().filter_map(|(index, component)| {
            let range = self.range(|model| mean_at(&model.cka[index], model.early?))?;
            Some(format!("{component} {range}"))
        });
        let said: Vec<String> = said.collect();
        sentence(&said, |said| {
            format!(
                "At the last measured step within 10 % of training the mean {} is: {said}.",
                self.cka.phrase()
            )
        })
    }

    /// How far the layers are apart at the early step.
    pub(super) fn spread(&self) -> Vec<String> {
        let said = COMPONENTS.into_iter().enumerate().filter_map(|(index, component)| {
            let range = self.range(|model| {
                let values = values_at(&model.cka[index], model.early?);
                Some(quantile(&values, 0.9)? - quantile(&values, 0.1)?)
            })?;
            Some(format!("{component} {range}"))
        });
        let said: Vec<String> = said.collect();
        sentence(&said, |said| {
            format!("At that step the 10th and the 90th percentile are apart by: {said}.")
        })
    }

    /// What the estimators say before training.
    pub(super) fn estimators(&self) -> Vec<String> {
        let untrained = |layers: for<'m> fn(&'m Model<'a>) -> &'m [Layers; 2]| {
            self.range(move |model| mean(layers(model).iter().flat_map(|one| values_at(one, 0))))
        };
        let debiased = untrained(|model| &model.cka).filter(|_| self.cka == Quantity::DebiasedCka);
        let said: Vec<String> = [
            ("biased", untrained(|model| &model.biased)),
            ("floor", untrained(|model| &model.floor)),
            ("debiased", debiased),
        ]
        .into_iter()
        .filter_map(|(name, range)| Some(format!("{name} {}", range?)))
        .collect();
        sentence(&said, |said| {
            format!("At step 0, before any training, the means over all layers are: {said}.")
        })
    }

    /// How many layers of each model settle, and when half of them have.
    pub(super) fn settling(&self, thresholds: &[f64]) -> String {
        let mut rows = Vec::new();
        for model in self.models.iter().filter(|model| model.cka.iter().any(|one| !one.is_empty()))
        {
            for &threshold in thresholds {
                let of_layers = |layers| trajectories(layers, model.last).into_values();
                let step = |cka: Trajectory| {
                    cka.settling(Threshold::AtLeast(threshold), Crossing::Measured).ok()?.step()
                };
                let steps: Vec<Option<f64>> =
                    model.cka.iter().flat_map(of_layers).map(step).collect();
                let shares: Vec<f64> =
                    steps.iter().flatten().map(|step| step / model.last.max(1) as f64).collect();
                let half = quantile(&shares, 0.5);
                rows.push(vec![
                    model.name.to_owned(),
                    threshold.to_string(),
                    format!("{} of {}", shares.len(), steps.len()),
                    half.map_or_else(dash, |half| format!("{:.2} %", 100.0 * half)),
                ]);
            }
        }
        if rows.is_empty() {
            return String::new();
        }
        let head = ["model", "CKA at least", "settled layers", "half of these by"];
        let caption = "Layers of Attention and of the MLP that are settled before the last step, and the share of training by which \
                       half of these are.";
        html::table(caption, &head, &rows, 1)
    }

    /// The least and the largest of a number of each model.
    fn range(&self, of: impl Fn(&Model<'a>) -> Option<f64>) -> Option<String> {
        let known: Vec<(f64, &str)> =
            self.models.iter().filter_map(|model| Some((of(model)?, model.name))).collect();
        let low = known.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
        let high = known.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(match known.len() {
            1 => format!("{} ({})", number(Some(low.0)), low.1),
            _ => format!(
                "{} ({}) to {} ({})",
                number(Some(low.0)),
                low.1,
                number(Some(high.0)),
                high.1
            ),
        })
    }
}

impl Model<'_> {
    /// Between which values the PERs of the layers lie at the end.
    pub(super) fn ranks(&self) -> Vec<String> {
        let range = |layers: &[Layers; 2]| {
            let values: Vec<f64> =
                layers.iter().flat_map(|layers| values_at(layers, self.last)).collect();
            let low = values.iter().copied().reduce(f64::min)?;
            let high = values.iter().copied().reduce(f64::max)?;
            Some(format!("{low:.3} to {high:.3}"))
        };
        let said: Vec<String> =
            [("of weights", range(&self.weight)), ("of gradients", range(&self.gradient))]
                .into_iter()
                .filter_map(|(name, range)| Some(format!("{name} {}", range?)))
                .collect();
        sentence(&said, |said| format!("At the end the PER over all layers is: {said}."))
    }
}

/// What the table of correlations amounts to.
pub(super) fn correlations(rows: &[&MccRow]) -> String {
    let defined = rows.iter().filter(|row| row.mcc.is_ok()).count();
    let clear = rows
        .iter()
        .filter(|row| row.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0))
        .count();
    let small = rows.iter().filter(|row| row.mcc.is_ok() && row.p_exact < 0.05).count();
    format!(
        "{defined} of {} correlations are defined; {clear} have an interval without 0, and {small} have p below 0.05. Without any \
         association at most one in twenty would, if layers were independent.",
        rows.len()
    )
}

/// The rows of `mcc.csv`, as a table.
pub(super) fn correlation_table(rows: &[&MccRow]) -> String {
    let head = [
        "model",
        "component",
        "predictor",
        "n",
        "tp",
        "fp",
        "fn",
        "tn",
        "MCC",
        "interval",
        "Fisher p",
    ];
    let line = |row: &&MccRow| {
        let counts =
            [row.true_positives, row.false_positives, row.false_negatives, row.true_negatives];
        let mut cells = vec![
            row.model.clone(),
            row.component.name().to_owned(),
            row.predictor.clone(),
            counts.iter().map(|&count| u128::from(count)).sum::<u128>().to_string(),
        ];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push(row.mcc.as_ref().map_or_else(Clone::clone, |mcc| number(Some(*mcc))));
        let ends = |(low, high)| format!("{} to {}", number(Some(low)), number(Some(high)));
        cells.push(row.interval.map_or_else(dash, ends));
        cells.push(p_value(row.p_exact));
        cells
    };
    let caption = "Large PER (predicted) and early convergence (actual) over the layers of a model. Where the correlation is \
                   undefined its place has the reason.";
    html::table(caption, &head, &rows.iter().map(line).collect::<Vec<_>>(), 3)
}

fn values_at(layers: &Layers, step: u64) -> Vec<f64> {
    layers.get(&step).into_iter().flat_map(|layers| layers.values().copied().flatten()).collect()
}

fn mean_at(layers: &Layers, step: u64) -> Option<f64> {
    mean(values_at(layers, step))
}

fn p_value(p: f64) -> String {
    if p < 5e-4 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

fn dash() -> String {
    "\u{2013}".to_owned()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(dash, |value| format!("{:.2}", value + 0.0).replace('-', "\u{2212}"))
}

/// Nothing if there is nothing to say.
fn sentence(said: &[String], say: impl Fn(String) -> String) -> Vec<String> {
    if said.is_empty() { Vec::new() } else { vec![say(said.join("; "))] }
}
