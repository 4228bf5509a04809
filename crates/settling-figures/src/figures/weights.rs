//! PER of the weights of one checkpoint, layer by layer.

use std::collections::BTreeSet;

use settling_core::{Component, Signal, View};
use settling_records::Record;

use super::note;
use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::plot::axis::Axis;
use crate::plot::key::Key;
use crate::plot::page::Notes;
use crate::plot::palette::{self, INK, RULE};
use crate::plot::panel::{BASELINE, LABEL_SIZE};
use crate::plot::stroke::Stroke;
use crate::plot::svg::{Anchor, Path, Svg};
use crate::plot::text::{counted, short_name};

const WIDTH: f64 = 700.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 686.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 320.0;

/// What is drawn, in the order of the colors.
const SERIES: [&str; 3] = ["Attention, write", "MLP, write", "output-value circuit of a head"];

/// The estimator of the records that are drawn as the yardstick.
const RANDOM: &str = "marchenko_pastur";

/// PER of the weights of one checkpoint, layer by layer: the matrices that write to the residual
/// stream as lines, the output-value circuits of single heads as dots.
///
/// Records of signal `weight` and metric `per` are drawn: view `write` of whole layers, view `ov`
/// of heads. Those with the estimator `marchenko_pastur`, what a random matrix of the shape has,
/// are dotted. The rest is ignored. The note says what the PERs are over. Undefined values are left
/// out, and counted below.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if none of these records holds a defined value;
/// [`ErrorKind::InvalidRecords`] if they are of several models or steps.
///
/// # Example
///
/// ```
/// use settling_figures::weight_figure;
/// use settling_records::read_records;
///
/// let csv = "\
/// schema,model,step,layer,component,view,head,signal,metric,value,n,width,positions,estimator,\
/// protocol
/// 1,mine,0,0,mlp,write,,weight,per,0.91,512,2048,,attainable,none
/// 1,mine,0,0,mlp,write,,weight,per,0.966,512,2048,,marchenko_pastur,none
/// ";
/// let figure = weight_figure(&read_records(csv.as_bytes())?)?;
/// assert!(figure.svg().contains("MLP, write"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn weight_figure(records: &[Record]) -> Result<Figure, Error> {
    let used: Vec<(usize, &Record)> =
        records.iter().filter_map(|record| Some((series(record)?, record))).collect();
    let sources: BTreeSet<_> =
        used.iter().map(|(_, record)| (&record.model, record.step)).collect();
    let values: Vec<f64> =
        used.iter().filter_map(|(_, record)| record.value.as_ref().ok().copied()).collect();
    let (Some((model, step)), false) = (sources.first(), values.is_empty()) else {
        let message = "no number to draw: the weight figure shows records of signal `weight` and metric `per`, of view \
                       `write` without a head or of view `ov` with one";
        return Err(Error::new(ErrorKind::NoData, message));
    };
    if sources.len() > 1 {
        let message = "the weight figure shows one step of one model; pass the records of one";
        return Err(Error::new(ErrorKind::InvalidRecords, message));
    }

    let layers = used.iter().map(|(_, record)| record.site.layer + 1).max().unwrap_or(1);
    let axis = Axis::values(values.iter().copied(), (0.0, 1.0));
    let x = |layer: usize| LEFT + (layer as f64 + 0.5) / layers as f64 * (RIGHT - LEFT);
    let y = |value: f64| BOTTOM - axis.place(value) * (BOTTOM - TOP);

    // What has no value is not in the key.
    let defined = || used.iter().filter(|(_, record)| record.value.is_ok());
    let drawn: Vec<usize> =
        (0..SERIES.len()).filter(|series| defined().any(|(of, _)| of == series)).collect();
    let names: Vec<&str> = drawn.iter().map(|&series| SERIES[series]).collect();
    let random = defined().any(|(_, record)| record.estimator == RANDOM);
    let strokes = [(Stroke::Dotted, "a random matrix of the shape")];
    let strokes = if random { &strokes[..] } else { &[] };
    let key = Key::new(&names, strokes, LABEL_SIZE, WIDTH - 28.0);
    let note_top = BOTTOM + 50.0 + key.height();
    let undefined = used.len() - values.len();
    let source = match undefined {
        0 => format!("{}, step {step}.", short_name(model)),
        _ => format!(
            "{}, step {step}. Undefined and left out: {}.{}",
            short_name(model),
            counted(undefined as u64, "value"),
            note::because(&reasons(&used))
        ),
    };
    let notes = [divisors(&used, &drawn), source];
    let lines = Notes::new(&notes, WIDTH - 28.0);
    let title = "Proportional effective rank of the weights";
    let mut svg = Svg::new(WIDTH, note_top + lines.height() + 6.0, title, &notes.join(" "));
    let middle = (LEFT + RIGHT) / 2.0;
    svg.text((middle, TOP - 16.0), Anchor::Middle, 15.0, INK, title);
    for tick in axis.ticks() {
        svg.line((LEFT, y(tick.at)), (RIGHT, y(tick.at)), RULE, 0.8);
        let at = (LEFT - 7.0, y(tick.at) + BASELINE * LABEL_SIZE);
        svg.text(at, Anchor::End, LABEL_SIZE, INK, &tick.label);
    }
    for layer in (0..layers).step_by(layers.div_ceil(16)) {
        let at = (x(layer), BOTTOM + 18.0);
        svg.text(at, Anchor::Middle, LABEL_SIZE, INK, &layer.to_string());
    }
    svg.line((LEFT, TOP), (LEFT, BOTTOM), INK, 0.9);
    svg.line((LEFT, BOTTOM), (RIGHT, BOTTOM), INK, 0.9);
    svg.text((middle, BOTTOM + 38.0), Anchor::Middle, LABEL_SIZE, INK, "Layer");

    for (index, &series) in drawn.iter().enumerate() {
        let color = palette::color(index, drawn.len());
        let points = |random: bool| {
            let mut points: Vec<(usize, f64)> = used
                .iter()
                .filter(|(of, record)| *of == series && (record.estimator == RANDOM) == random)
                .filter_map(|(_, record)| Some((record.site.layer, *record.value.as_ref().ok()?)))
                .collect();
            points.sort_by_key(|(layer, _)| *layer);
            points
        };
        let place = |points: &[(usize, f64)]| -> Vec<(f64, f64)> {
            points.iter().map(|&(layer, value)| (x(layer), y(value))).collect()
        };
        let mut yardstick = Path::default();
        yardstick.polyline(&place(&points(true)));
        if !yardstick.is_empty() {
            Stroke::Dotted.draw(&mut svg, &yardstick, &color);
        }

        let points = points(false);
        let mut markers = Path::default();
        place(&points).into_iter().for_each(|at| palette::marker(&mut markers, index, at));
        if series < 2 {
            // A layer without a value is not bridged.
            for piece in points.chunk_by(|a, b| a.0 + 1 == b.0) {
                let mut line = Path::default();
                line.polyline(&place(piece));
                Stroke::Solid.draw(&mut svg, &line, &color);
            }
        }
        if !markers.is_empty() {
            svg.element("path", &[("d", &markers), ("fill", &color), ("fill-opacity", &0.8)]);
        }
    }
    key.draw(&mut svg, WIDTH / 2.0, BOTTOM + 50.0);
    lines.draw(&mut svg, WIDTH / 2.0, note_top);
    Ok(Figure::new(svg.finish()))
}

/// The different reasons why values are undefined.
fn reasons(used: &[(usize, &Record)]) -> Vec<String> {
    let reasons: BTreeSet<&String> =
        used.iter().filter_map(|(_, record)| record.value.as_ref().err()).collect();
    reasons.into_iter().cloned().collect()
}

/// What the PERs of the `drawn` series are over.
fn divisors(used: &[(usize, &Record)], drawn: &[usize]) -> String {
    let of = |series: usize| {
        let records =
            used.iter().filter(|(of, record)| *of == series && record.estimator != RANDOM);
        note::divisors(records.map(|(_, record)| record.estimator.as_str()))
    };
    let over: Vec<String> = drawn.iter().map(|&series| of(series)).collect();
    let known: Vec<&String> = over.iter().filter(|over| !over.is_empty()).collect();
    match known[..] {
        [] => String::new(),
        [first, ..] if known.iter().all(|one| *one == first) => format!("PER over {first}."),
        _ => {
            let said = drawn.iter().zip(&over).filter(|(_, over)| !over.is_empty());
            let said = said.map(|(&series, over)| format!("{}: over {over}", SERIES[series]));
            format!("PER of {}.", said.collect::<Vec<_>>().join("; of "))
        }
    }
}

/// The place in [`SERIES`] of a record that is drawn.
fn series(record: &Record) -> Option<usize> {
    let site = record.site;
    if (record.signal, record.metric.as_str()) != (Signal::Weight, "per") {
        return None;
    }
    match (site.view, site.head, site.component) {
        (View::Write, None, Component::Attention) => Some(0),
        (View::Write, None, Component::Mlp) => Some(1),
        (View::Ov, Some(_), _) => Some(2),
        _ => None,
    }
}
