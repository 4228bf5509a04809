//! Every layer of a model as a line.

use std::collections::{BTreeMap, BTreeSet};

use settling_analysis::{LayerRow, Quantity, Tables};
use settling_core::{Component, Step};

use super::note::{self, Count};
use super::{COMPONENTS, title};
use crate::error::Error;
use crate::figure::Figure;
use crate::plot::key::Key;
use crate::plot::panel::{LABEL_SIZE, Mark};
use crate::plot::stroke::Stroke;
use crate::plot::text::short_name;
use crate::plot::training::{Column, Training};

/// The layers of one model over training, one line each, from the first (dark) to the last (light):
/// CKA with the last checkpoint, PER of the weights, PER of the gradients.
///
/// Two rows (Attention, MLP) of three columns. A point is a row of [`Tables::layers`] of `model`:
/// the CKA is that by which the protocol decides, and the title names its estimator. A line is
/// interrupted where the layer has no defined value and others have one; the note counts the
/// undefined values.
///
/// # Errors
///
/// [`ErrorKind::NoData`](crate::ErrorKind::NoData) if no layer of `model` has a value.
///
/// # Example
///
/// ```
/// use settling_analysis::{Rules, Tables};
/// use settling_figures::layer_lines;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,pythia-70m,0,0,mlp,write,,weight,per,0.97,512,2048,,attainable,corrected
/// 1,pythia-70m,0,1,mlp,write,,weight,per,0.96,512,2048,,attainable,corrected
/// ";
/// let tables = Tables::new(&read_records(csv.as_bytes())?, &Rules::corrected())?;
/// let figure = layer_lines(&tables, "pythia-70m")?;
/// assert!(figure.svg().contains("layer 1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn layer_lines(tables: &Tables, model: &str) -> Result<Figure, Error> {
    let quantities =
        [Quantity::deciding(&tables.rules), Quantity::WeightPer, Quantity::GradientPer];
    let used = rows(tables, model, &quantities);
    let count = Count::from_layers(used.iter().copied());
    let records = tables.model(model).map_or(0, |row| row.records);
    let figure = format!("the figure of the layers of `{model}`");
    count.check(&figure, &quantities, records, &tables.rules, used.iter().copied())?;
    // A layer without any number has no line, and no place in the key.
    let depths: BTreeSet<usize> =
        used.iter().filter(|row| row.value.is_ok()).map(|row| row.layer).collect();
    let depths: Vec<usize> = depths.into_iter().collect();
    let names: Vec<String> = depths.iter().map(|layer| format!("layer {layer}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let numbers: Vec<&str> = names.iter().map(|name| &name["layer ".len()..]).collect();

    let panel = |component, quantity| -> Vec<Mark> {
        let of_panel =
            || used.iter().filter(|row| (row.component, row.quantity) == (component, quantity));
        let steps: BTreeSet<Step> = of_panel().map(|row| row.step).collect();
        let mut lines: BTreeMap<usize, BTreeMap<Step, f64>> = BTreeMap::new();
        for row in of_panel() {
            if let Ok(value) = row.value {
                lines.entry(row.layer).or_default().insert(row.step, value);
            }
        }
        // A step that other layers have and this one lacks interrupts its line.
        let line = |(layer, values): (usize, BTreeMap<Step, f64>)| {
            let series = depths.binary_search(&layer).unwrap_or_default();
            let point = |step: &Step| (step.0 as f64, values.get(step).copied());
            Mark::Curve { series, stroke: Stroke::Thin, points: steps.iter().map(point).collect() }
        };
        lines.into_iter().map(line).collect()
    };
    let column = |quantity| Column {
        title: title(quantity).to_owned(),
        whole: quantity.metric() == "cka",
        panels: Component::ALL.map(|component| panel(component, quantity)).into(),
    };
    let estimators = used.iter().map(|row| (row.quantity, row.estimator.as_str()));
    let meaning = format!(
        "{}. CKA: similarity of the activations to those of the last checkpoint. {}",
        short_name(model),
        note::per(estimators)
    );
    let title = format!("The layers of {} over training", short_name(model));
    let training = Training {
        title: &title,
        notes: vec![meaning, note::source(tables, used.iter().copied(), count)],
        series: &names,
        key: Key::bar("Layer", &numbers, LABEL_SIZE),
        rows: &COMPONENTS,
        columns: quantities.into_iter().map(column).collect(),
        step_axis: tables.rules.summary.step_axis,
        shared_values: false,
    };
    Ok(Figure::new(training.draw()))
}

/// The rows of the layers of `model` that hold one of `quantities`.
pub(super) fn rows<'a>(
    tables: &'a Tables,
    model: &str,
    quantities: &[Quantity],
) -> Vec<&'a LayerRow> {
    let wanted = |row: &&LayerRow| row.model == model && quantities.contains(&row.quantity);
    tables.layers.iter().filter(wanted).collect()
}
