//! The rows of the tables that a report puts into words and into its tables.

use settling_analysis::{BandRow, MccCounts, ModelRow, Quantity, Tables, Window};
use settling_core::{Component, Step};
use settling_records::MccRow;

use super::html;
use crate::figures::{COMPONENTS, component_name, interval, note, phrase};
use crate::plot::text;

/// The tables of one protocol, looked up by model and step.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a> {
    pub(super) tables: &'a Tables,
}

impl<'a> Numbers<'a> {
    pub(super) fn cka(self) -> Quantity {
        Quantity::deciding(&self.tables.rules)
    }

    /// The average of a component of a model at a step, where the summary has one.
    fn average(
        self,
        model: &ModelRow,
        component: Component,
        quantity: Quantity,
        step: Option<Step>,
    ) -> Option<f64> {
        let wanted = |row: &&settling_records::SummaryRow| {
            row.model == model.model
                && row.component == component
                && Some(row.step) == step
                && Quantity::from_summary(row) == Some(quantity)
        };
        self.tables.summary.iter().find(wanted)?.value
    }

    /// The quantiles over the layers of a component of a model at a step.
    fn band(
        self,
        model: &ModelRow,
        component: Component,
        quantity: Quantity,
        step: Option<Step>,
    ) -> Option<&'a BandRow> {
        self.tables.bands.iter().find(|row| {
            row.model == model.model
                && row.component == component
                && Some(row.step) == step
                && row.quantity == quantity
        })
    }

    /// One line per model and component: averages over layers.
    pub(super) fn table(self) -> String {
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
        for model in &self.tables.models {
            for component in Component::ALL {
                let at = |quantity, step| number(self.average(model, component, quantity, step));
                let step = |step: Option<Step>| step.map_or_else(dash, |step| step.to_string());
                rows.push(vec![
                    model.model.clone(),
                    component_name(component).to_owned(),
                    model.layers.to_string(),
                    model.steps.len().to_string(),
                    step(model.last()),
                    step(early(model)),
                    at(self.cka(), early(model)),
                    at(Quantity::CkaFloor, early(model)),
                    at(Quantity::WeightPer, model.last()),
                    at(Quantity::GradientPer, model.last()),
                ]);
            }
        }
        let rules = &self.tables.rules;
        let caption = format!(
            "{}{} A dash where there is none. CKA: the {}. Early step: {}.",
            note::averages(rules),
            note::left_out(rules),
            phrase(self.cka()),
            match rules.early.window {
                Window::UpTo(_) => format!("the last measured one {}", rules.early.window),
                window => format!("the one {window}"),
            }
        );
        html::table(&caption, &head, &rows, 2)
    }

    /// How far the models are at the early step.
    pub(super) fn convergence(self) -> Vec<String> {
        let said =
            self.said(|model, component| self.average(model, component, self.cka(), early(model)));
        let rules = &self.tables.rules;
        sentence(&said, |said| {
            format!(
                "{} the {} {} is: {said}.",
                self.early_step(),
                rules.summary.average.name(),
                phrase(self.cka())
            )
        })
    }

    /// `At the last measured step within 10 % of training`.
    fn early_step(self) -> String {
        match self.tables.rules.early.window {
            Window::Step(step) => format!("At step {step}"),
            Window::Index(index) => format!("At the step of index {index}"),
            Window::LastUpTo(fraction) => {
                format!("At the last measured step {}", Window::UpTo(fraction))
            }
            window => format!("At the last measured step {window}"),
        }
    }

    /// How far the layers are apart at the early step.
    pub(super) fn spread(self) -> Vec<String> {
        let said = self.said(|model, component| {
            let band = self.band(model, component, self.cka(), early(model))?;
            Some(band.quantiles?.spread())
        });
        sentence(&said, |said| {
            let at = self.early_step();
            format!("{at} the 10th and the 90th percentile are apart by: {said}.")
        })
    }

    /// What the estimators say before training.
    pub(super) fn estimators(self) -> Vec<String> {
        let ckas = [Quantity::BiasedCka, Quantity::CkaFloor, Quantity::DebiasedCka];
        let of = |cka| {
            let said = self.said(|model, component| {
                // Step 0 alone is the end too.
                let start = Some(Step(0)).filter(|&start| model.last() != Some(start));
                self.average(model, component, cka, start)
            });
            (!said.is_empty()).then(|| format!("of the {}: {}", phrase(cka), said.join(", ")))
        };
        let said: Vec<String> = ckas.into_iter().filter_map(of).collect();
        let average = self.tables.rules.summary.average.name();
        sentence(&said, |said| {
            format!("At step 0, before any training, the {average}s over layers are, {said}.")
        })
    }

    /// How many layers of each model settle, and when half of them have.
    pub(super) fn settling(self, thresholds: &[f64]) -> String {
        let settled = self.tables.settled.iter().filter(|row| {
            let cka = |layer: &&settling_analysis::LayerRow| layer.quantity == self.cka();
            let mut layers = self.tables.layers.iter().filter(cka);
            thresholds.contains(&row.threshold) && layers.any(|layer| layer.model == row.model)
        });
        let line = |row: &settling_analysis::SettledRow| {
            vec![
                row.model.clone(),
                note::reached(self.tables.rules.early.cka.with_number(row.threshold)),
                match row.unknown {
                    0 => format!("{} of {}", row.settled, row.layers()),
                    unknown => format!("{} of {}, {unknown} unknown", row.settled, row.layers()),
                },
                row.half.map_or_else(dash, |half| format!("{:.2} %", 100.0 * half)),
            ]
        };
        let rows: Vec<Vec<String>> = settled.map(line).collect();
        if rows.is_empty() {
            return String::new();
        }
        let head = ["model", "CKA", "settled layers", "half of these by"];
        let caption = "Layers of Attention and of the MLP that are settled before the last step, \
                       and the share of training by which half of these are.";
        html::table(caption, &head, &rows, 1)
    }

    /// The ranges of the PERs of the layers of `model` at the end.
    pub(super) fn ranks(self, model: &ModelRow) -> Vec<String> {
        let mut said = Vec::new();
        for (name, quantity) in
            [("of weights", Quantity::WeightPer), ("of gradients", Quantity::GradientPer)]
        {
            let range = |component| {
                let of = self.band(model, component, quantity, model.last())?.quantiles?;
                let component = component_name(component);
                let [least, most] = [of.least, of.largest].map(|per| text::decimals(per, 3));
                Some(format!("{least} to {most} ({component})"))
            };
            let ranges: Vec<String> = Component::ALL.into_iter().filter_map(range).collect();
            if !ranges.is_empty() {
                said.push(format!("{name} {}", ranges.join(" and ")));
            }
        }
        sentence(&said, |said| format!("At the end the PER of the layers is: {said}."))
    }

    /// The least and the largest of a number of each model, by component.
    fn said(self, of: impl Fn(&ModelRow, Component) -> Option<f64>) -> Vec<String> {
        let range = |(component, name): (Component, &str)| {
            let known: Vec<(f64, &str)> = self
                .tables
                .models
                .iter()
                .filter_map(|model| Some((of(model, component)?, model.model.as_str())))
                .collect();
            let low = known.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
            let high = known.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
            let of = |(value, model): &(f64, &str)| {
                format!("{} ({})", number(Some(*value)), text::short_name(model))
            };
            Some(match known.len() {
                1 => format!("{name} {}", of(low)),
                _ => format!("{name} {} to {}", of(low), of(high)),
            })
        };
        Component::ALL.into_iter().zip(COMPONENTS).filter_map(range).collect()
    }

    /// Why values are undefined; nothing if none is.
    pub(super) fn reasons(self) -> String {
        if self.tables.reasons.is_empty() {
            return String::new();
        }
        let row = |row: &settling_analysis::ReasonRow| {
            vec![
                row.signal.to_string(),
                row.metric.clone(),
                row.estimator.clone(),
                row.reason.clone(),
                row.records.to_string(),
            ]
        };
        let rows: Vec<Vec<String>> = self.tables.reasons.iter().map(row).collect();
        let head = ["of", "metric", "estimator", "reason", "records"];
        html::table("Why values are undefined.", &head, &rows, 4)
    }
}

/// The last of the steps that decide about early convergence.
fn early(model: &ModelRow) -> Option<Step> {
    model.early.last().copied()
}

/// What the table of correlations amounts to.
pub(super) fn correlations(rows: &[MccRow]) -> String {
    let MccCounts { rows, defined, clear, small, .. } = MccCounts::new(rows);
    format!(
        "{defined} of {} are defined. With an interval without 0: {clear}; with p below 0.05: {small}. \
         Without any association at most one in twenty would have such a p, if layers were \
         independent.",
        text::counted(rows as u64, "correlation")
    )
}

/// The rows of `mcc.csv`, as a table.
pub(super) fn correlation_table(rows: &[MccRow]) -> String {
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
    let line = |row: &MccRow| {
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
        cells.push(row.interval.map_or_else(dash, interval));
        cells.push(text::p_value(row.p_exact));
        cells
    };
    let caption = "Large PER (predicted) and early convergence (actual) over the layers of a \
                   model. Where the correlation is undefined its place has the reason. An interval \
                   without a width says nothing about the uncertainty.";
    html::table(caption, &head, &rows.iter().map(line).collect::<Vec<_>>(), 3)
}

fn dash() -> String {
    "\u{2013}".to_owned()
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(dash, |value| text::decimals(value, 2))
}

/// Nothing if there is nothing to say.
fn sentence(said: &[String], say: impl Fn(String) -> String) -> Vec<String> {
    if said.is_empty() { Vec::new() } else { vec![say(said.join("; "))] }
}
