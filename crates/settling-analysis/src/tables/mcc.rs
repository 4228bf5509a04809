//! Records -> `mcc.csv`: the association of early convergence with large effective rank.

use settling_core::{Component, Signal};
use settling_mcc::{Contingency, Margin, Mcc};
use settling_records::{MccRow, Record};

use crate::layers::{layer_variables, models, no_step, studied_steps};
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
///
/// A correlation that is undefined has its reason: which layers lack which variable, and why, or
/// that all agree in one.
#[must_use]
pub fn mcc_table(records: &[Record], rules: &Rules) -> Vec<MccRow> {
    let mut table = Vec::new();
    for model in models(records, rules) {
        let layers = layer_variables(records, model, rules);
        let no_step = no_step(rules, &studied_steps(records, model, rules));
        for component in Component::ALL {
            let layers: Vec<_> =
                layers.iter().filter(|layer| layer.site.component == component).collect();
            for predictor in PREDICTORS {
                let pairs = layers.iter().filter_map(|layer| {
                    Some((predictor.of(layer).clone().ok()?, layer.early.clone().ok()?))
                });
                let counts: Contingency = pairs.collect();
                let missing = layers.len() as u128 - counts.total();
                let mcc = match (missing, counts.mcc()) {
                    (0, Mcc::Value(value)) => Ok(value),
                    (0, Mcc::Undefined(margin)) => Err(undefined(margin).to_owned()),
                    // A table over the other layers would hide that something was not measured.
                    (missing, _) => Err(no_step.clone().unwrap_or_else(|| {
                        format!(
                            "{missing} of {} layers have an undefined variable: {}",
                            layers.len(),
                            lacking(&layers, predictor)
                        )
                    })),
                };
                let view = rules.views.of(component, Signal::Weight);
                let cells = [
                    counts.true_positives,
                    counts.false_positives,
                    counts.false_negatives,
                    counts.true_negatives,
                ];
                let mut row = MccRow::new(model, component, view, predictor.name, cells);
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

/// A variable that is related to early convergence.
#[derive(Clone, Copy)]
struct Predictor {
    name: &'static str,
    words: &'static str,
    of: fn(&LayerVariables) -> &Result<bool, String>,
}

const PREDICTORS: [Predictor; 2] = [
    Predictor {
        name: "weight_per",
        words: "large PER of the weight",
        of: |layer| &layer.large_weight_per,
    },
    Predictor {
        name: "gradient_per",
        words: "large PER of the gradient",
        of: |layer| &layer.large_gradient_per,
    },
];

impl Predictor {
    fn of(self, layer: &LayerVariables) -> &Result<bool, String> {
        (self.of)(layer)
    }
}

/// More different reasons than this are counted, not told.
const MOST_REASONS: usize = 3;

/// Which variables of which layers are not known, and why.
fn lacking(layers: &[&LayerVariables], predictor: Predictor) -> String {
    let mut groups: Vec<((&str, &str), Vec<usize>)> = Vec::new();
    for layer in layers {
        let early = ("early convergence", &layer.early);
        for (words, variable) in [early, (predictor.words, predictor.of(layer))] {
            let Err(reason) = variable else { continue };
            let key = (words, reason.as_str());
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, of)) => of.push(layer.site.layer),
                None => groups.push((key, vec![layer.site.layer])),
            }
        }
    }
    let told = groups
        .iter()
        .take(MOST_REASONS)
        .map(|((words, reason), layers)| format!("{words} of {} ({reason})", numbered(layers)));
    let mut told = told.collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = groups.len().checked_sub(MOST_REASONS) {
        told += &format!("; and {more} more");
    }
    told
}

/// `layer 3`, or `layers 0 to 3, 7`: numbers that ascend.
fn numbered(layers: &[usize]) -> String {
    let runs = layers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
        [one] => one.to_string(),
        [first, second] => format!("{first}, {second}"),
        run => format!("{} to {}", run[0], run[run.len() - 1]),
    });
    let runs = runs.collect::<Vec<_>>().join(", ");
    format!("{} {runs}", if layers.len() == 1 { "layer" } else { "layers" })
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

/// Why a table has no correlation.
pub(crate) fn undefined(margin: Margin) -> &'static str {
    match margin {
        Margin::Total => "no layers",
        Margin::Predicted => "no layer has a large PER",
        Margin::NotPredicted => "every layer has a large PER",
        Margin::Actual => "no layer converges early",
        Margin::NotActual => "every layer converges early",
    }
}
