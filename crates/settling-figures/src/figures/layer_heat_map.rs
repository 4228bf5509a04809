//! Every layer of a model as a row of colors.

use std::collections::{BTreeMap, BTreeSet};

use settling_analysis::{Quantity, Tables};
use settling_core::{Component, Step};

use super::layer_lines::rows;
use super::note::{self, Count};
use super::{COMPONENTS, phrase, title};
use crate::error::Error;
use crate::figure::Figure;
use crate::plot::axis::count_label;
use crate::plot::table::{Sheet, Table};
use crate::plot::text::short_name;

/// One number of every layer of `model` at every checkpoint, as colors: layers from the bottom up,
/// checkpoints from left to right, Attention beside MLP.
///
/// A cell is a row of [`Tables::layers`]. Every checkpoint has a column of the same width: columns
/// are not to the scale of training. The color of a CKA runs from 0 (dark) to 1 (light) and no
/// further; that of a PER spans the values of the figure, from and to a multiple of 0.05. A cell
/// without a defined value is left white, with a dash where there is room; the note counts them.
///
/// # Errors
///
/// [`ErrorKind::NoData`](crate::ErrorKind::NoData) if no layer of `model` has a value.
///
/// # Example
///
/// ```
/// use settling_analysis::{Quantity, Rules, Tables};
/// use settling_figures::layer_heat_map;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,pythia-70m,0,0,mlp,write,,weight,per,0.97,512,2048,,attainable,corrected
/// 1,pythia-70m,143000,0,mlp,write,,weight,per,0.88,512,2048,,attainable,corrected
/// ";
/// let tables = Tables::new(&read_records(csv.as_bytes())?, &Rules::corrected())?;
/// let figure = layer_heat_map(&tables, "pythia-70m", Quantity::WeightPer)?;
/// assert!(figure.svg().contains("143k") && figure.svg().contains("0.88"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn layer_heat_map(tables: &Tables, model: &str, quantity: Quantity) -> Result<Figure, Error> {
    let used = rows(tables, model, &[quantity]);
    let count = Count::from_layers(used.iter().copied());
    let records = tables.model(model).map_or(0, |row| row.records);
    let figure = format!("the heat map of the layers of `{model}`");
    count.check(&figure, &[quantity], records, &tables.rules, used.iter().copied())?;
    let steps: BTreeSet<Step> = used.iter().map(|row| row.step).collect();
    let depth = used.iter().map(|row| row.layer + 1).max().unwrap_or(1);

    let columns: Vec<String> = steps.iter().map(|step| count_label(step.0)).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<String> = (0..depth).map(|layer| layer.to_string()).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let [attention, mlp] = Component::ALL.map(|component| -> Vec<Option<f64>> {
        let of_component = used.iter().filter(|row| row.component == component);
        let values: BTreeMap<(usize, Step), f64> = of_component
            .filter_map(|row| Some(((row.layer, row.step), *row.value.as_ref().ok()?)))
            .collect();
        let row = |layer| steps.iter().map(move |&step| (layer, step));
        (0..depth).flat_map(row).map(|place| values.get(&place).copied()).collect()
    });

    let (range, scale) = match quantity {
        Quantity::WeightPer | Quantity::GradientPer => {
            (twentieths(&[&attention, &mlp]), "The colors span the values of this figure.")
        }
        _ => ((0.0, 1.0), "The colors span 0 to 1, and values below 0 have that of 0."),
    };
    let table = |title, values| Table {
        title,
        row_title: "Layer",
        column_title: "Checkpoint (training step, not to scale)",
        rows: &rows,
        columns: &columns,
        values,
        framed: None,
        absent: "",
    };
    let title = format!("{} of the layers of {} over training", title(quantity), short_name(model));
    let meaning = match quantity {
        Quantity::WeightPer | Quantity::GradientPer => {
            note::per(used.iter().map(|row| (row.quantity, row.estimator.as_str())))
        }
        cka => format!("The {} with the last checkpoint.", phrase(cka)),
    };
    let mut notes = vec![
        format!("{}. {meaning} {scale}", short_name(model)),
        note::source(tables, used.iter().copied(), count),
    ];
    // A component without a number leaves its place to the other.
    let mut shown = vec![table(COMPONENTS[0], &attention), table(COMPONENTS[1], &mlp)];
    shown.retain(|table| table.values.iter().any(Option::is_some));
    let absent = COMPONENTS.iter().filter(|name| shown.iter().all(|one| one.title != **name));
    notes.extend(absent.map(|name| format!("Not drawn, as there is no number: {name}.")));
    let sheet = Sheet {
        title: &title,
        notes,
        across: shown.len(),
        tables: shown,
        least_width: 0.0,
        size: (385.0, (280.0 / depth as f64).clamp(7.0, 30.0)),
        range,
        signed: false,
        border: false,
    };
    Ok(Figure::new(sheet.draw()))
}

/// The multiples of 0.05 between which all values lie.
fn twentieths(tables: &[&[Option<f64>]]) -> (f64, f64) {
    let values = || tables.iter().copied().flatten().copied().flatten();
    let (low, high) = (values().fold(1.0, f64::min), values().fold(0.0, f64::max));
    let low = (low * 20.0).floor();
    let high = (high * 20.0).ceil().max(low + 1.0);
    (low / 20.0, high / 20.0)
}
