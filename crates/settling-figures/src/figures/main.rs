//! The main figure: averages over layers.

use settling_analysis::{Quantity, Tables};
use settling_core::Component;
use settling_records::SummaryRow;

use super::note::{self, Count};
use super::{COMPONENTS, title};
use crate::error::Error;
use crate::figure::Figure;
use crate::plot::key::Key;
use crate::plot::page;
use crate::plot::panel::{LABEL_SIZE, Mark};
use crate::plot::stroke::Stroke;
use crate::plot::training::{Column, Training};

/// The paper's main figure: how the layers of each model converge, and how many directions their
/// weights and gradients use.
///
/// Two rows (Attention, MLP) of three columns over the training step, with one line per model. A
/// point is a row of [`Tables::summary`], and so of `summary.csv`: the average (mean or median),
/// the sites it is over, and the steps that are shown are those of the protocol.
///
/// 1. CKA of the activations with those of the last checkpoint. The line is the estimator by which
///    the protocol decides, and the title names it; the other estimator is dashed and the floor
///    dotted where they were recorded.
/// 2. PER, the proportional effective rank, of the weights. The note says what it is over.
/// 3. PER of the gradients.
///
/// The models keep the order in which the records name them first. A line is interrupted at a step
/// where no layer has a defined value, and its marker is outlined where only some have: the average
/// is over fewer layers than elsewhere. What has no number at all, a model, a row or a column, is
/// not drawn and named in the note below the figure, which counts the undefined values and says why
/// they are.
///
/// # Errors
///
/// [`ErrorKind::NoData`](crate::ErrorKind::NoData) if no row has a value.
///
/// # Example
///
/// ```
/// use settling_analysis::{Rules, Tables};
/// use settling_figures::main_figure;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.25,2048,512,last,debiased,corrected
/// 1,pythia-70m,512,0,mlp,write,,activation,cka,0.75,2048,512,last,debiased,corrected
/// 1,pythia-70m,143000,0,mlp,write,,activation,cka,1.0,2048,512,last,debiased,corrected
/// ";
/// let tables = Tables::new(&read_records(csv.as_bytes())?, &Rules::corrected())?;
/// let figure = main_figure(&tables)?;
/// assert!(figure.svg().contains("pythia-70m") && figure.svg().contains("Mean CKA (debiased)"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn main_figure(tables: &Tables) -> Result<Figure, Error> {
    let rules = &tables.rules;
    let deciding = Quantity::deciding(rules);
    let lines = [
        (deciding, Stroke::Solid),
        (other_cka(deciding), Stroke::Dashed),
        (Quantity::CkaFloor, Stroke::Dotted),
        (Quantity::WeightPer, Stroke::Solid),
        (Quantity::GradientPer, Stroke::Solid),
    ];
    let count = Count::from_averages(&tables.summary);
    count.check(
        "the main figure",
        &lines.map(|line| line.0),
        note::records(tables),
        rules,
        &tables.layers,
    )?;
    let models = models_of(tables, &lines.map(|line| line.0));
    let panel = |component, lines: &[(Quantity, Stroke)]| -> Vec<Mark> {
        let mut marks = Vec::new();
        // The background first.
        for &(quantity, stroke) in lines.iter().rev() {
            marks.extend(averages(tables, &models, component, quantity, stroke));
        }
        marks
    };
    let drawn = |quantity| rows(tables, quantity).any(|row| row.value.is_some());
    let similarity: Vec<_> = lines[..3].iter().copied().filter(|line| drawn(line.0)).collect();
    let strokes = similarity.iter().map(|&(cka, stroke)| (stroke, explanation(cka)));
    // A solid line alone is what the title says.
    let alone = similarity.iter().all(|&(cka, _)| cka == deciding);
    let strokes: Vec<_> = if alone { Vec::new() } else { strokes.collect() };
    let average = note::average_title(rules);
    let columns = [
        (deciding, &lines[..3]),
        (Quantity::WeightPer, &lines[3..4]),
        (Quantity::GradientPer, &lines[4..]),
    ];
    let column = |(quantity, lines): (Quantity, &[(Quantity, Stroke)])| Column {
        title: format!("{average} {}", title(quantity)),
        whole: quantity == deciding,
        panels: Component::ALL.map(|component| panel(component, lines)).into(),
    };

    let estimators = tables
        .summary
        .iter()
        .filter_map(|row| Some((Quantity::from_summary(row)?, row.estimator.as_str())));
    let meaning = format!(
        "{} CKA: similarity of the activations to those of the last checkpoint. {}{}{}",
        note::averages(rules),
        note::per(estimators),
        note::left_out(rules),
        note::outlined(any_partial(&tables.summary))
    );
    let training = Training {
        title: "Convergence of layers and effective rank over training",
        notes: vec![meaning, note::source_of_averages(tables, &Quantity::ALL, count, &models)],
        series: &models,
        key: Key::new(&models, &strokes, LABEL_SIZE, page::WIDTH - 28.0),
        rows: &COMPONENTS,
        columns: columns.into_iter().map(column).collect(),
        step_axis: rules.summary.step_axis,
        shared_values: false,
    };
    Ok(Figure::new(training.draw()))
}

/// The rows of the summary that average `quantity`.
pub(super) fn rows(tables: &Tables, quantity: Quantity) -> impl Iterator<Item = &SummaryRow> {
    tables.summary.iter().filter(move |row| Quantity::from_summary(row) == Some(quantity))
}

/// The models that have a value of an average of any of `quantities`.
pub(super) fn models_of<'a>(tables: &'a Tables, quantities: &[Quantity]) -> Vec<&'a str> {
    let has = |model: &&str| {
        let has = |row: &SummaryRow| row.model == **model && row.value.is_some();
        quantities.iter().any(|&one| rows(tables, one).any(has))
    };
    tables.models.iter().map(|row| row.model.as_str()).filter(has).collect()
}

/// One curve per model of the averages of a component; none where there are no rows. Of the lines
/// with markers, those of averages over [some of the layers](partial) are outlined.
fn averages(
    tables: &Tables,
    models: &[&str],
    component: Component,
    quantity: Quantity,
    stroke: Stroke,
) -> Vec<Mark> {
    let curve = |(series, model): (usize, &&str)| {
        let points = points(tables, model, component, quantity);
        let partial = match stroke {
            Stroke::Solid => partial(tables, model, component, quantity),
            _ => Vec::new(),
        };
        let curve = Mark::Curve { series, stroke, points };
        [curve, Mark::Outlined { series, points: partial }]
    };
    models.iter().enumerate().flat_map(curve).collect()
}

/// The rows of one model and component that average `quantity`.
fn of_component<'a>(
    tables: &'a Tables,
    model: &'a str,
    component: Component,
    quantity: Quantity,
) -> impl Iterator<Item = &'a SummaryRow> {
    rows(tables, quantity).filter(move |row| row.model == model && row.component == component)
}

/// Whether an average is over fewer layers than others.
pub(super) fn any_partial<'a>(rows: impl IntoIterator<Item = &'a SummaryRow>) -> bool {
    rows.into_iter().any(|row| row.value.is_some() && row.undefined > 0)
}

/// The averages of which some of the values are undefined: they are over fewer than others.
pub(super) fn partial(
    tables: &Tables,
    model: &str,
    component: Component,
    quantity: Quantity,
) -> Vec<(f64, f64)> {
    of_component(tables, model, component, quantity)
        .filter(|row| row.undefined > 0)
        .filter_map(|row| Some((row.step.0 as f64, row.value?)))
        .collect()
}

/// Steps and averages, of one model and component.
pub(super) fn points(
    tables: &Tables,
    model: &str,
    component: Component,
    quantity: Quantity,
) -> Vec<(f64, Option<f64>)> {
    let rows = of_component(tables, model, component, quantity);
    rows.map(|row| (row.step.0 as f64, row.value)).collect()
}

/// The estimator of CKA that does not decide.
fn other_cka(deciding: Quantity) -> Quantity {
    if deciding == Quantity::BiasedCka { Quantity::DebiasedCka } else { Quantity::BiasedCka }
}

fn explanation(cka: Quantity) -> &'static str {
    match cka {
        Quantity::DebiasedCka => "CKA, debiased",
        Quantity::BiasedCka => "CKA, biased",
        _ => "floor: biased CKA of independent features",
    }
}
