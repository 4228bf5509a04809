use std::collections::BTreeSet;

use settling_core::Component;
use settling_records::Record;

use crate::axis::count_label;
use crate::error::Error;
use crate::figure::Figure;
use crate::note;
use crate::series::{COMPONENTS, Layers, Quantity, layers, shown};
use crate::table::{Sheet, Table};

/// One number of every layer of `model` at every checkpoint, as colours: layers from the bottom up,
/// checkpoints from left to right, Attention beside MLP.
///
/// Every checkpoint has a column of the same width: columns are not to the scale of training. The
/// colour of a CKA runs from 0 (dark) to 1 (light) and no further; that of a PER spans the values
/// of the figure, from and to a multiple of 0.05. A cell without a defined value is left white,
/// with a dash where there is room; the note counts them. Only records of whole layers (no head)
/// are looked at.
///
/// # Errors
///
/// As [`main_figure`](crate::main_figure).
///
/// # Example
///
/// ```
/// use settling_figures::{Quantity, layer_heat_map};
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol
/// 1,pythia-70m,0,0,mlp,write,,weight,per,0.97,512,2048,,attainable,corrected
/// 1,pythia-70m,143000,0,mlp,write,,weight,per,0.88,512,2048,,attainable,corrected
/// ";
/// let records = read_records(csv.as_bytes())?;
/// let figure = layer_heat_map(&records, "pythia-70m", Quantity::WeightPer)?;
/// assert!(figure.svg().contains("143k") && figure.svg().contains("0.88"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn layer_heat_map(
    records: &[Record],
    model: &str,
    quantity: Quantity,
) -> Result<Figure, Error> {
    let of_model: Vec<Record> =
        records.iter().filter(|record| record.model == model).cloned().collect();
    let used = shown(&of_model, &[quantity], &format!("the heat map of the layers of `{model}`"))?;
    let steps: BTreeSet<u64> = used.iter().map(|record| record.step.0).collect();
    let depth = used.iter().map(|record| record.site.layer + 1).max().unwrap_or(1);

    let columns: Vec<String> = steps.iter().map(|&step| count_label(step)).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<String> = (0..depth).map(|layer| layer.to_string()).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let cells = |layers: &Layers| -> Vec<Option<f64>> {
        let at = |layer: usize, step: &u64| layers.get(step)?.get(&layer).copied().flatten();
        let row = |layer| steps.iter().map(move |step| at(layer, step));
        (0..depth).flat_map(row).collect()
    };
    let [attention, mlp] =
        Component::ALL.map(|component| Ok(cells(&layers(&used, model, component, quantity)?)));
    let (attention, mlp): (Vec<_>, Vec<_>) = (attention?, mlp?);

    let (range, scale) = match quantity {
        Quantity::WeightPer | Quantity::GradientPer => {
            (twentieths(&[&attention, &mlp]), "The colours span the values of this figure.")
        }
        _ => ((0.0, 1.0), "The colours span 0 to 1, and values below 0 have that of 0."),
    };
    let table = |title, values| Table {
        title,
        row_title: "Layer",
        column_title: "Checkpoint (training step, not to scale)",
        rows: &rows,
        columns: &columns,
        values,
        framed: None,
        absent: "no data",
    };
    let title = format!("{} of the layers of {model} over training", quantity.title());
    let sheet = Sheet {
        title: &title,
        notes: vec![format!("{model}: {}. {scale}", quantity.phrase()), note::source(&used)],
        tables: vec![table(COMPONENTS[0], &attention), table(COMPONENTS[1], &mlp)],
        across: 2,
        least_width: 0.0,
        size: (385.0, (280.0 / depth as f64).clamp(7.0, 30.0)),
        range,
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
