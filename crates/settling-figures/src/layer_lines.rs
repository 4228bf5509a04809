use std::collections::BTreeSet;

use settling_core::Component;
use settling_records::Record;

use crate::error::Error;
use crate::figure::Figure;
use crate::key::Key;
use crate::note;
use crate::panel::{LABEL_SIZE, Mark};
use crate::series::{COMPONENTS, Quantity, by_layer, layers, shown};
use crate::stroke::Stroke;
use crate::training::Training;

/// The layers of one model over training, one line each, from the first (dark) to the last (light):
/// CKA with the last checkpoint, PER of the weights, PER of the gradients.
///
/// Two rows (Attention, MLP) of three columns. The CKA is the debiased one, or the biased one if
/// there is no other; the title says which. Only records of whole layers (no head) of `model` are
/// looked at. A line is interrupted where the layer has no defined value; the note counts the
/// undefined values.
///
/// # Errors
///
/// As [`main_figure`](crate::main_figure).
///
/// # Example
///
/// ```
/// use settling_figures::layer_lines;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol
/// 1,pythia-70m,0,0,mlp,write,,weight,per,0.97,512,2048,,attainable,corrected
/// 1,pythia-70m,0,1,mlp,write,,weight,per,0.96,512,2048,,attainable,corrected
/// ";
/// let figure = layer_lines(&read_records(csv.as_bytes())?, "pythia-70m")?;
/// assert!(figure.svg().contains("layer 1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn layer_lines(records: &[Record], model: &str) -> Result<Figure, Error> {
    let of_model: Vec<Record> =
        records.iter().filter(|record| record.model == model).cloned().collect();
    let quantities = [Quantity::cka(&of_model), Quantity::WeightPer, Quantity::GradientPer];
    let used = shown(&of_model, &quantities, &format!("the figure of the layers of `{model}`"))?;
    let depths: BTreeSet<usize> = used.iter().map(|record| record.site.layer).collect();
    let depths: Vec<usize> = depths.into_iter().collect();
    let names: Vec<String> = depths.iter().map(|layer| format!("layer {layer}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let numbers: Vec<&str> = names.iter().map(|name| &name["layer ".len()..]).collect();

    let panel = |component, quantity| {
        let lines = by_layer(&layers(&used, model, component, quantity)?);
        let line = |(layer, points): (usize, Vec<(u64, Option<f64>)>)| Mark::Curve {
            series: depths.binary_search(&layer).unwrap_or_default(),
            stroke: Stroke::Thin,
            points: points.into_iter().map(|(step, value)| (step as f64, value)).collect(),
        };
        Ok(lines.into_iter().map(line).collect())
    };
    let columns = quantities.into_iter().map(|quantity| {
        let panels = Component::ALL.iter().map(|&component| panel(component, quantity));
        Ok((quantity.title().to_owned(), panels.collect::<Result<_, Error>>()?))
    });
    let meaning = format!(
        "{model}. CKA: similarity of the activations to those of the last checkpoint. PER: proportional effective rank."
    );
    let title = format!("The layers of {model} over training");
    let training = Training {
        title: &title,
        notes: vec![meaning, note::source(&used)],
        series: &names,
        key: Key::bar("Layer", &numbers, LABEL_SIZE),
        rows: &COMPONENTS,
        columns: columns.collect::<Result<_, Error>>()?,
        shared_values: false,
    };
    Ok(Figure::new(training.draw()))
}
