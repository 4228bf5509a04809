//! Records -> `mcc.csv`: the association of early convergence with large effective rank.

use settling_core::{Component, Signal};
use settling_mcc::{Contingency, Margin, Mcc};
use settling_records::{MccRow, Record};

use crate::layers::{decides, layer_variables, models, studied_steps};
use crate::{LayerVariables, Rules};

/// The paper's table: for every model (in order of appearance) and component, the Matthews
/// correlation over layers of early convergence with large PER of the weight and of the gradient.
///
/// Beside it is its 95 % profile-likelihood interval ([`Contingency::profile_interval`]). Layers of
/// one model are not independent samples; the interval and the p-value, which take them as such,
/// are descriptions: the true uncertainty is larger.
///
/// ```
/// use settling_analysis::{Rules, mcc_table};
/// use settling_core::{Component, Signal, Site, Step};
/// use settling_records::Record;
///
/// let record = |layer, step, signal, metric, value| {
///     let estimator = if metric == "cka" { "debiased" } else { "attainable" };
///     Record::new("m", Step(step), Site::write(layer, Component::Mlp), signal, metric, Ok(value))
///         .with_estimator(estimator)
///         .with_protocol("corrected")
/// };
/// let layer = |layer, cka, per| {
///     [
///         record(layer, 10, Signal::Activation, "cka", cka),
///         record(layer, 100, Signal::Activation, "cka", 1.0),
///         record(layer, 100, Signal::Weight, "per", per),
///     ]
/// };
/// // Large and early, large and not, neither, neither.
/// let layers = [layer(0, 0.5, 0.97), layer(1, 0.3, 0.96), layer(2, 0.3, 0.9), layer(3, 0.1, 0.8)];
/// let rows = mcc_table(&layers.concat(), &Rules::corrected());
/// let row = rows.iter().find(|row| row.component == Component::Mlp).unwrap();
/// let counts = [row.true_positives, row.false_positives, row.false_negatives, row.true_negatives];
/// assert_eq!((row.predictor.as_str(), counts), ("weight_per", [1, 1, 0, 2]));
/// // (1 * 2 - 1 * 0) / sqrt(2 * 2 * 1 * 3) = 1 / sqrt(3).
/// assert!((row.mcc.clone().unwrap() - 1.0 / 3_f64.sqrt()).abs() < 1e-15);
/// ```
#[must_use]
pub fn mcc_table(records: &[Record], rules: &Rules) -> Vec<MccRow> {
    let mut table = Vec::new();
    for model in models(records, rules) {
        let layers = layer_variables(records, model, rules);
        let steps = studied_steps(records, model, rules);
        let no_early = !decides(rules, &steps);
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
                    _ if no_early => Err(no_step(rules, &steps)),
                    // A table over the other layers would hide that something was not measured.
                    (missing, _) => Err(format!(
                        "{missing} of {} layers have an undefined variable",
                        layers.len()
                    )),
                };
                let view = rules.views.of(component, Signal::Weight);
                let cells = [
                    counts.true_positives,
                    counts.false_positives,
                    counts.false_negatives,
                    counts.true_negatives,
                ];
                let mut row = MccRow::new(model, component, view, predictor, cells);
                row.interval = mcc.is_ok().then(|| counts.profile_interval(INTERVAL_LEVEL));
                row.mcc = mcc;
                row.p_exact = counts.fisher_exact().two_sided;
                row.protocol.clone_from(&rules.protocol);
                table.push(row);
            }
        }
    }
    table
}

const INTERVAL_LEVEL: f64 = 0.95;

/// Why nothing is known about early convergence.
fn no_step(rules: &Rules, steps: &[u64]) -> String {
    let window = rules.early.window;
    match window.within(steps).is_empty() {
        true => format!("no step was studied {window}"),
        false => format!("no step but the last was studied {window}"),
    }
}

/// How many rows of an [`mcc_table`] say something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MccCounts {
    /// All rows.
    pub rows: usize,
    /// Rows whose correlation is defined.
    pub defined: usize,
    /// Rows whose interval does not contain 0.
    pub clear: usize,
    /// Rows whose correlation is defined and whose p-value is below 0.05.
    pub small: usize,
}

impl MccCounts {
    /// Those of `rows`.
    #[must_use]
    pub fn new(rows: &[MccRow]) -> Self {
        let count = |holds: fn(&MccRow) -> bool| rows.iter().filter(|row| holds(row)).count();
        Self {
            rows: rows.len(),
            defined: count(|row| row.mcc.is_ok()),
            clear: count(|row| row.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)),
            small: count(|row| row.mcc.is_ok() && row.p_exact < 0.05),
        }
    }
}

fn undefined(margin: Margin) -> &'static str {
    match margin {
        Margin::Total => "no layers",
        Margin::Predicted => "no layer has a large PER",
        Margin::NotPredicted => "every layer has a large PER",
        Margin::Actual => "no layer converges early",
        Margin::NotActual => "every layer converges early",
    }
}
