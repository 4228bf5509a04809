//! Settling steps by depth.

use std::collections::BTreeSet;

use settling_analysis::{Quantity, SettlingState, Tables};
use settling_core::Component;
use settling_records::SettlingRow;

use super::note::{self, Count};
use super::{COMPONENTS, phrase};
use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::plot::axis::Axis;
use crate::plot::grid::{Column, Grid};
use crate::plot::key::Key;
use crate::plot::page;
use crate::plot::panel::{HEIGHT, LABEL_SIZE, Mark};
use crate::plot::stroke::Stroke;
use crate::plot::text::counted;

/// The axis reaches at least down to here.
const LEAST_SHARE: f64 = 0.01;

/// When each layer settles, by its depth: from which share of training on its CKA with the last
/// checkpoint reaches a threshold, at every measured step.
///
/// One row of panels for each of `thresholds`, a column for Attention and one for the MLP, one line
/// per model. A point is a row of [`Tables::settling`], and so of `settling.csv`; the thresholds
/// are among those of this table, and are compared as the protocol says (at least, or above). Depth
/// runs from 0, the first layer, to 1, the last, so that models of different depth can be compared.
/// The settling step is a measured one: the true one lies between it and the measured step before.
/// The axis of shares is logarithmic, with a place of its own for layers that are settled at step
/// 0.
///
/// A layer that reaches the threshold only at the last step, where its CKA is 1 by definition, or
/// not even there, is not settled: it is an outlined marker above the axis, and interrupts the
/// line. A layer of which it is not known is not drawn. The note counts both, and says why it is
/// not known.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if no layer has a CKA, of none it is known when it settles, or the table
/// has no row of a threshold.
///
/// # Panics
///
/// If a threshold is NaN.
///
/// # Example
///
/// ```
/// use settling_analysis::{Rules, Tables};
/// use settling_figures::settling_figure;
/// use settling_records::read_records;
///
/// // At least 0.5 from step 100 of 1000 on: 10 % of training.
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,mine,0,0,mlp,write,,activation,cka,0.1,4096,512,last,debiased,corrected
/// 1,mine,100,0,mlp,write,,activation,cka,0.6,4096,512,last,debiased,corrected
/// 1,mine,1000,0,mlp,write,,activation,cka,1.0,4096,512,last,debiased,corrected
/// ";
/// let tables = Tables::new(&read_records(csv.as_bytes())?, &Rules::corrected())?;
/// let figure = settling_figure(&tables, &[0.5, 0.9])?;
/// assert!(figure.svg().contains("Not settled at 0.9: 1 of 1 layer."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn settling_figure(tables: &Tables, thresholds: &[f64]) -> Result<Figure, Error> {
    assert!(thresholds.iter().all(|threshold| !threshold.is_nan()), "a threshold is NaN");
    let cka = Quantity::deciding(&tables.rules);
    let used = || tables.layers.iter().filter(|row| row.quantity == cka);
    let numbers = Count::from_layers(used());
    let records = note::records(tables);
    numbers.check("the figure of settling steps", &[cka], records, &tables.rules, used())?;
    let models = tables.models.iter().map(|row| row.model.as_str());
    let known = |row: &SettlingRow| SettlingState::from_row(row) != SettlingState::Unknown;
    let drawn = tables.settling.iter().filter(|row| thresholds.contains(&row.threshold));
    let drawn: BTreeSet<&str> =
        drawn.filter(|row| known(row)).map(|row| row.model.as_str()).collect();
    let models: Vec<&str> = models.filter(|model| drawn.contains(model)).collect();

    let mut columns = Component::ALL.map(|_| Vec::new());
    let mut notes = vec![format!(
        "From which share of training on the {} with the last checkpoint is {} the threshold. \
         Outlined: not settled before the last step.",
        phrase(cka),
        note::compared(tables.rules.early.cka)
    )];
    for &threshold in thresholds {
        let rows = rows(tables, threshold)?;
        let of_models = || rows.iter().copied();
        for (component, column) in Component::ALL.into_iter().zip(&mut columns) {
            let mut marks = Vec::new();
            for (series, &model) in models.iter().enumerate() {
                let layers = of_models().filter(|row| row.model == model);
                let layers = layers.filter(|row| row.component == component).collect::<Vec<_>>();
                marks.extend(marks_of(series, &layers));
            }
            column.push(marks);
        }
        notes.push(count(threshold, of_models()));
    }
    if models.is_empty() {
        let message = format!(
            "no number to draw: of no layer it is known when it settles. {}",
            notes[1..].join(" ")
        );
        return Err(Error::new(ErrorKind::NoData, message));
    }
    notes.push(note::source(tables, used(), numbers) + &note::without(tables, &models));

    let marks = || columns.iter().flatten().flatten();
    let shares =
        Axis::shares(marks().flat_map(Mark::up).chain([LEAST_SHARE, 1.0])).with_lane("not settled");
    let label = |&threshold: &f64| {
        format!("CKA {}", note::reached(tables.rules.early.cka.with_number(threshold)))
    };
    let rows: Vec<String> = thresholds.iter().map(label).collect();
    notes[0] += &format!(" Shares on a {} axis.", shares.scale());
    let grid = Grid {
        title: "When layers settle, by depth",
        notes,
        series: &models,
        key: Key::new(&models, &[], LABEL_SIZE, page::WIDTH - 28.0),
        rows: rows.iter().map(String::as_str).collect(),
        columns: COMPONENTS
            .into_iter()
            .zip(columns)
            .map(|(title, panels)| Column {
                title: title.to_owned(),
                values: shares.clone(),
                panels,
            })
            .collect(),
        x: Axis::values([-0.04, 1.04], (-0.04, 1.04)),
        x_title: "Depth (0: first layer, 1: last)",
        panel_height: HEIGHT,
        shared_values: true,
    };
    Ok(Figure::new(grid.draw()))
}

/// The rows of `threshold`.
fn rows(tables: &Tables, threshold: f64) -> Result<Vec<&SettlingRow>, Error> {
    let of = |row: &&SettlingRow| row.threshold.total_cmp(&threshold).is_eq();
    let rows: Vec<&SettlingRow> = tables.settling.iter().filter(of).collect();
    if rows.is_empty() {
        let mut known: Vec<f64> = tables.settling.iter().map(|row| row.threshold).collect();
        known.sort_by(f64::total_cmp);
        known.dedup();
        let message = format!(
            "no number to draw: expected a threshold of the table of settling steps ({}), found \
             {threshold}",
            note::listed(known)
        );
        return Err(Error::new(ErrorKind::NoData, message));
    }
    Ok(rows)
}

/// The layers of one component of a model, as a line of those that are settled and a lane of those
/// that are not.
fn marks_of(series: usize, layers: &[&SettlingRow]) -> [Mark; 2] {
    let deepest = layers.iter().map(|row| row.layer).max().unwrap_or_default().max(1);
    let depth = |row: &SettlingRow| row.layer as f64 / deepest as f64;
    let points = layers.iter().map(|row| match SettlingState::from_row(row) {
        SettlingState::Settled { share, .. } => (depth(row), Some(share)),
        SettlingState::Not | SettlingState::Unknown => (depth(row), None),
    });
    let not = layers.iter().filter(|row| SettlingState::from_row(row) == SettlingState::Not);
    [
        Mark::Curve { series, stroke: Stroke::Solid, points: points.collect() },
        Mark::Lane { series, at: not.map(|row| depth(row)).collect() },
    ]
}

/// How many layers are not drawn as points.
fn count<'a>(threshold: f64, rows: impl Iterator<Item = &'a SettlingRow>) -> String {
    let (mut layers, mut not, mut unknown) = (0_u64, 0, 0);
    let mut reasons: Vec<String> = Vec::new();
    for row in rows {
        layers += 1;
        match SettlingState::from_row(row) {
            SettlingState::Settled { .. } => {}
            SettlingState::Not => not += 1,
            SettlingState::Unknown => {
                unknown += 1;
                let reason = row.settled.as_ref().err().filter(|known| !reasons.contains(known));
                reasons.extend(reason.cloned());
            }
        }
    }
    let threshold = note::number(threshold);
    let mut note = format!("Not settled at {threshold}: {not} of {}.", counted(layers, "layer"));
    if unknown > 0 {
        note += &format!(" Unknown: {unknown}.{}", note::because(&reasons));
    }
    note
}
