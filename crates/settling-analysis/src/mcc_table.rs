//! Records -> `mcc.csv`: the association of early convergence with large effective rank.

use settling_core::{Component, Signal};
use settling_mcc::{Contingency, Margin, Mcc};
use settling_records::{MccRow, Record};

use crate::layers::{layer_variables, models, studied_steps};
use crate::{LayerVariables, Rules};

/// The paper's table: for every model (in order of appearance) and component, the Matthews
/// correlation over layers of early convergence with large PER of the weight and of the gradient.
///
/// Beside it is its 95 % profile-likelihood interval ([`Contingency::profile_interval`]). Layers of
/// one model are not independent samples; the interval and the p-value, which take them as such, are
/// descriptions: the true uncertainty is larger.
#[must_use]
pub fn mcc_table(records: &[Record], rules: &Rules) -> Vec<MccRow> {
    let mut table = Vec::new();
    for model in models(records, rules) {
        let layers = layer_variables(records, model, rules);
        let no_early = rules.early.window.within(&studied_steps(records, model, rules)).is_empty();
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
                    _ if no_early => Err(format!("no step was studied {}", rules.early.window)),
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

fn undefined(margin: Margin) -> &'static str {
    match margin {
        Margin::Total => "no layers",
        Margin::Predicted => "no layer has a large PER",
        Margin::NotPredicted => "every layer has a large PER",
        Margin::Actual => "no layer converges early",
        Margin::NotActual => "every layer converges early",
    }
}
