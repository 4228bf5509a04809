//! Percentiles over layers.

use settling_analysis::{BandRow, Quantiles, Quantity, Tables};
use settling_core::Component;

use super::note::{self, Count};
use super::{COMPONENTS, phrase};
use crate::error::Error;
use crate::figure::Figure;
use crate::plot::key::Key;
use crate::plot::page;
use crate::plot::panel::{LABEL_SIZE, Mark};
use crate::plot::stroke::Stroke;
use crate::plot::training::{Column, Training};

/// A band: its ends, a gray that stays apart from the next in print, and its name.
type Band = (fn(&Quantiles) -> (f64, f64), &'static str, &'static str);

/// The bands from back to front.
const BANDS: [Band; 2] = [
    (|at| (at.p10, at.p90), "#d3d5e3", "10th to 90th percentile of the layers"),
    (|at| (at.p25, at.p75), "#9da3c6", "25th to 75th"),
];

/// How the layers of each model spread around their median while they converge: CKA with the last
/// checkpoint, as bands of percentiles.
///
/// Two rows (Attention, MLP), one column per model, all on one axis of values. Light: from the 10th
/// to the 90th percentile over layers. Darker: from the 25th to the 75th. Line: the median. They
/// are rows of [`Tables::bands`], of the estimator by which the protocol decides: percentiles of
/// the layers that have a defined value, so those of few layers are interpolated between few
/// numbers.
///
/// A band is interrupted at a step where no layer has a defined value, and the median has a marker
/// where only some have; the note counts the undefined values.
///
/// # Errors
///
/// [`ErrorKind::NoData`](crate::ErrorKind::NoData) if no layer has a value.
///
/// # Example
///
/// ```
/// use settling_analysis::{Rules, Tables};
/// use settling_figures::percentile_figure;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,pythia-70m,0,0,mlp,write,,activation,cka,0.25,2048,512,last,debiased,corrected
/// 1,pythia-70m,0,1,mlp,write,,activation,cka,0.0,2048,512,last,debiased,corrected
/// ";
/// let tables = Tables::new(&read_records(csv.as_bytes())?, &Rules::corrected())?;
/// let figure = percentile_figure(&tables)?;
/// assert!(figure.svg().contains("25th to 75th"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn percentile_figure(tables: &Tables) -> Result<Figure, Error> {
    let cka = Quantity::deciding(&tables.rules);
    let layers = || tables.layers.iter().filter(|row| row.quantity == cka);
    let count = Count::from_layers(layers());
    let records = note::records(tables);
    count.check("the figure of percentiles", &[cka], records, &tables.rules, layers())?;
    let bands = || tables.bands.iter().filter(|row| row.quantity == cka);
    let models = tables.models.iter().map(|row| row.model.as_str());
    let has = |row: &BandRow, model: &str| row.model == model && row.quantiles.is_some();
    let models: Vec<&str> = models.filter(|model| bands().any(|row| has(row, model))).collect();
    let median = ["median"];

    let panel = |model: &str, component| -> Vec<Mark> {
        let rows: Vec<&BandRow> =
            bands().filter(|row| row.model == model && row.component == component).collect();
        let at = |row: &BandRow| row.step.0 as f64;
        let bands = BANDS.map(|(ends, fill, _)| {
            let between = |row: &&BandRow| (at(row), row.quantiles.as_ref().map(ends));
            Mark::Band { fill, points: rows.iter().map(between).collect() }
        });
        let median = |row: &&BandRow| (at(row), row.quantiles.as_ref().map(|of| of.median));
        let points: Vec<(f64, Option<f64>)> = rows.iter().map(median).collect();
        let partial = points.iter().zip(&rows).filter(|(_, row)| row.undefined > 0);
        let partial = partial.filter_map(|(&(x, y), _)| Some((x, y?))).collect();
        let median = Mark::Curve { series: 0, stroke: Stroke::Thin, points };
        let partial = Mark::Outlined { series: 0, points: partial };
        bands.into_iter().chain([median, partial]).collect()
    };
    let column = |model: &str| Column {
        title: model.to_owned(),
        whole: true,
        panels: Component::ALL.map(|component| panel(model, component)).into(),
    };
    let partial = bands().any(|row| row.undefined > 0 && row.quantiles.is_some());
    let meaning = format!(
        "Similarity to the last checkpoint, {}: percentiles over the layers of a model, by linear \
         interpolation between ranks.{}",
        phrase(cka),
        note::outlined(partial)
    );
    // A band of one layer has no width.
    let wide = |ends: fn(&Quantiles) -> (f64, f64)| {
        bands().filter_map(|row| row.quantiles.as_ref().map(ends)).any(|(low, high)| low < high)
    };
    let areas: Vec<(&str, &str)> =
        BANDS.iter().filter(|band| wide(band.0)).map(|&(_, fill, name)| (fill, name)).collect();
    let training = Training {
        title: "Convergence of layers: percentiles over layers",
        notes: vec![
            meaning,
            note::source(tables, layers(), count) + &note::without(tables, &models),
        ],
        series: &median,
        key: Key::areas(&areas, median[0], LABEL_SIZE, page::WIDTH - 28.0),
        rows: &COMPONENTS,
        columns: models.iter().copied().map(column).collect(),
        step_axis: tables.rules.summary.step_axis,
        shared_values: true,
    };
    Ok(Figure::new(training.draw()))
}
