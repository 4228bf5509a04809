//! Biased and debiased CKA, and the floor.

use settling_analysis::{Quantity, Tables};
use settling_core::Component;

use super::COMPONENTS;
use super::main::{any_partial, models_of, partial, points, rows};
use super::note::{self, Count};
use crate::error::Error;
use crate::figure::Figure;
use crate::plot::key::Key;
use crate::plot::page;
use crate::plot::panel::{LABEL_SIZE, Mark};
use crate::plot::stroke::Stroke;
use crate::plot::training::{Column, Training};

/// The lines from back to front.
const ESTIMATORS: [(Quantity, &str); 3] = [
    (Quantity::CkaFloor, "floor: biased CKA of independent features"),
    (Quantity::BiasedCka, "biased CKA"),
    (Quantity::DebiasedCka, "debiased CKA"),
];

/// What the estimator does to the answer: the biased and the debiased CKA with the last checkpoint,
/// and the floor, what the biased one would be of independent features.
///
/// Two rows (Attention, MLP), one column per model, all on one axis of values. A point is a row of
/// [`Tables::summary`]: the protocol's average over layers at the steps that it shows. Where the
/// biased line follows the floor it shows the width of the model and the number of observations,
/// not a similarity.
///
/// A line is interrupted at a step where no layer has a defined value; the note counts the
/// undefined values.
///
/// # Errors
///
/// [`ErrorKind::NoData`](crate::ErrorKind::NoData) if no row has a value.
///
/// # Example
///
/// ```
/// use settling_analysis::{Rules, Tables};
/// use settling_figures::estimator_figure;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.01,128,512,last,debiased,corrected
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.81,128,512,last,biased,corrected
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.80,128,512,last,floor,corrected
/// ";
/// let tables = Tables::new(&read_records(csv.as_bytes())?, &Rules::corrected())?;
/// let figure = estimator_figure(&tables)?;
/// assert!(figure.svg().contains("floor"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn estimator_figure(tables: &Tables) -> Result<Figure, Error> {
    let all = ESTIMATORS.map(|(estimator, _)| estimator);
    let count = Count::from_averages(all.iter().flat_map(|&estimator| rows(tables, estimator)));
    let records = note::records(tables);
    count.check("the figure of estimators", &all, records, &tables.rules, &tables.layers)?;
    let models = models_of(tables, &all);
    // What was not recorded is not in the key.
    let recorded =
        ESTIMATORS.iter().filter(|(of, _)| rows(tables, *of).any(|row| row.value.is_some()));
    let (estimators, names): (Vec<Quantity>, Vec<&str>) = recorded.copied().unzip();

    let panel = |model: &str, component| -> Vec<Mark> {
        let curve = |(series, &estimator): (usize, &Quantity)| {
            let partial = partial(tables, model, component, estimator);
            let points = points(tables, model, component, estimator);
            [
                Mark::Curve { series, stroke: Stroke::Solid, points },
                Mark::Outlined { series, points: partial },
            ]
        };
        estimators.iter().enumerate().flat_map(curve).collect()
    };
    let column = |&model: &&str| Column {
        title: model.to_owned(),
        whole: true,
        panels: Component::ALL.map(|component| panel(model, component)).into(),
    };
    let meaning = format!(
        "CKA with the last checkpoint. {} The floor depends on the number of observations and on \
         how many directions the features use, not on how similar they are.{}",
        note::averages(&tables.rules),
        note::outlined(any_partial(all.iter().flat_map(|&estimator| rows(tables, estimator))))
    );
    let training = Training {
        title: "Biased and debiased CKA, and the floor of the biased one",
        notes: vec![meaning, note::source_of_averages(tables, &all, count, &models)],
        series: &names,
        key: Key::new(&names, &[], LABEL_SIZE, page::WIDTH - 28.0),
        rows: &COMPONENTS,
        columns: models.iter().map(column).collect(),
        step_axis: tables.rules.summary.step_axis,
        shared_values: true,
    };
    Ok(Figure::new(training.draw()))
}
