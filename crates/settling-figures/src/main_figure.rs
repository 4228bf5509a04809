use std::collections::BTreeSet;

use settling_core::{Component, Signal};
use settling_records::Record;

use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::grid::{Column, Grid};
use crate::panel::Curve;
use crate::series::{Quantity, layer_means, models};
use crate::stroke::Stroke;

const fn cka(estimator: &'static str) -> Quantity {
    Quantity { signal: Signal::Activation, metric: "cka", estimator: Some(estimator) }
}

const fn per(signal: Signal) -> Quantity {
    Quantity { signal, metric: "per", estimator: None }
}

/// The paper's main figure: how the layers of each model converge, and how many directions their weights and gradients use.
///
/// Two rows (Attention, MLP) of three columns over the training step, with one line a model: the mean over the layers that have
/// a defined value.
///
/// 1. CKA of the activations with those of the last checkpoint: records of signal `activation` and metric `cka`. The line is the
///    estimator `debiased`; `biased` is dashed and `floor` dotted where there are such records. Without debiased records the line is
///    the biased one, and the title says so.
/// 2. PER, the proportional effective rank, of the weights: `weight`, `per`.
/// 3. PER of the gradients: `gradient`, `per`.
///
/// Only records of whole layers (view `write`, no head) are looked at; the rest is ignored, so all records of a study can be
/// passed. The models keep the order in which the records name them first. A line is interrupted at a step where no layer has a
/// defined value. The note below the figure counts the undefined values.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if none of these records holds a defined value; [`ErrorKind::InvalidRecords`] if two records give the
/// same number, as those of two protocols do, or if a value is not finite.
///
/// # Example
///
/// ```
/// use settling_figures::main_figure;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,protocol
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.25,2048,512,last,debiased,corrected
/// 1,pythia-70m,512,0,mlp,write,,activation,cka,0.75,2048,512,last,debiased,corrected
/// 1,pythia-70m,143000,0,mlp,write,,activation,cka,1.0,2048,512,last,debiased,corrected
/// ";
/// let figure = main_figure(&read_records(csv.as_bytes())?)?;
/// assert!(figure.svg().contains("pythia-70m"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn main_figure(records: &[Record]) -> Result<Figure, Error> {
    let measured = |quantity: Quantity| records.iter().any(|record| quantity.holds(record));
    let estimators = ["debiased", "biased"].into_iter().filter(|&name| measured(cka(name)));
    let mut similarity: Vec<_> = estimators.zip([Stroke::Solid, Stroke::Dashed]).collect();
    let cka_title = match similarity.first() {
        Some((main, _)) => format!("CKA ({main})"),
        None => "CKA".to_owned(),
    };
    if measured(cka("floor")) {
        similarity.push(("floor", Stroke::Dotted));
    }
    let strokes = similarity.iter().map(|&(name, stroke)| (stroke, explanation(name)));
    let strokes = if similarity.len() > 1 { strokes.collect() } else { Vec::new() };
    // The background first.
    let cka_curves = similarity.into_iter().rev().map(|(name, stroke)| (cka(name), stroke));
    let columns = [
        (cka_title, cka_curves.collect()),
        ("PER of weights".to_owned(), vec![(per(Signal::Weight), Stroke::Solid)]),
        ("PER of gradients".to_owned(), vec![(per(Signal::Gradient), Stroke::Solid)]),
    ];

    let shown = |record: &&Record| {
        columns.iter().flat_map(|(_, curves)| curves).any(|(quantity, _)| quantity.holds(record))
    };
    let used: Vec<&Record> = records.iter().filter(shown).collect();
    if used.iter().all(|record| record.value.is_err()) {
        return Err(no_data(records.len(), used.len()));
    }
    let models = models(&used);

    let panel = |component, curves: &[(Quantity, Stroke)]| {
        let mut panel = Vec::new();
        for &(quantity, stroke) in curves {
            let means = layer_means(&used, &models, component, quantity)?;
            panel.extend(means.into_iter().map(|(model, points)| Curve { model, stroke, points }));
        }
        Ok(panel)
    };
    let columns = columns.into_iter().map(|(title, curves)| {
        let panels = Component::ALL.iter().map(|&component| panel(component, &curves));
        Ok(Column { title, limits: (0.0, 1.0), panels: panels.collect::<Result<_, Error>>()? })
    });
    let grid = Grid {
        title: "Convergence of layers and effective rank over training",
        notes: notes(&used),
        models: &models,
        rows: vec!["Attention", "MLP"],
        columns: columns.collect::<Result<_, Error>>()?,
        strokes,
    };
    Ok(Figure::new(grid.draw()))
}

fn explanation(estimator: &str) -> &'static str {
    match estimator {
        "debiased" => "CKA, debiased",
        "biased" => "CKA, biased",
        _ => "floor: biased CKA of independent features",
    }
}

/// What the numbers are, and where they come from.
fn notes(used: &[&Record]) -> Vec<String> {
    let activations = used.iter().filter(|record| record.signal == Signal::Activation);
    let sizes: BTreeSet<usize> = activations.clone().map(|record| record.n).collect();
    let positions = activations.filter_map(|record| record.positions);
    let positions: BTreeSet<String> = positions.map(|positions| positions.to_string()).collect();
    let protocols: BTreeSet<&str> = used.iter().map(|record| record.protocol.as_str()).collect();
    let undefined = used.iter().filter(|record| record.value.is_err()).count();

    let mut source = format!("Protocol: {}.", listed(protocols));
    if !sizes.is_empty() {
        source += &format!(" Observations for CKA: {}", listed(sizes));
        if !positions.is_empty() {
            source += &format!(" (positions: {})", listed(positions));
        }
        source += ".";
    }
    if undefined > 0 {
        source += &format!(" Undefined and left out: {undefined} of {} values.", used.len());
    }
    let meaning = "Means over layers. CKA: similarity of the activations to those of the last checkpoint. \
                   PER: proportional effective rank.";
    vec![meaning.to_owned(), source]
}

fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn no_data(all: usize, undefined: usize) -> Error {
    let found = match undefined {
        0 => format!("none of the {all} records passed is one of these"),
        _ => format!("all {undefined} of these among the {all} records passed are undefined"),
    };
    let message = format!(
        "no number to draw: the main figure shows records of view `write` without a head, of signal `activation` with metric \
         `cka` (estimator `debiased`, `biased` or `floor`), or of signal `weight` or `gradient` with metric `per`; {found}"
    );
    Error::new(ErrorKind::NoData, message)
}
