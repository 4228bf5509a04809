//! The table of correlations with its uncertainty.

use std::collections::BTreeSet;

use settling_records::MccRow;

use super::component_name;
use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::plot::palette::{self, INK, QUIET, RULE};
use crate::plot::panel::BASELINE;
use crate::plot::svg::{Anchor, Path, Svg, rect};
use crate::plot::text::{self, counted};

/// The paper's table with its uncertainty: one line for each row of `mcc.csv`, with the 2x2 table,
/// the Matthews correlation and its interval drawn from -1 to 1, and Fisher's exact p.
///
/// Where the correlation is undefined the line says why. A row without an interval has a point
/// alone. Models keep the order of the rows.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if there are no rows; [`ErrorKind::InvalidRecords`] if a correlation or an
/// interval is not within -1 and 1, or its ends are in the wrong order.
///
/// # Example
///
/// ```
/// use settling_figures::mcc_figure;
/// use settling_records::read_mcc;
///
/// let csv = "\
/// schema,model,component,view,predictor,n,tp,fp,fn,tn,mcc,ci_low,ci_high,p_exact,status,protocol
/// 1,pythia-70m,attention,write,weight_per,6,2,0,0,4,1.0,0.394,1.0,0.0667,ok,corrected
/// 1,pythia-70m,mlp,write,weight_per,6,0,0,6,0,,,,1.0,no layer has a large PER,corrected
/// ";
/// let figure = mcc_figure(&read_mcc(csv.as_bytes())?)?;
/// assert!(figure.svg().contains("0.39 to 1.00"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn mcc_figure(rows: &[MccRow]) -> Result<Figure, Error> {
    if rows.is_empty() {
        let message = "no row to draw: expected the rows of an mcc.csv, found none".to_owned();
        return Err(Error::new(ErrorKind::NoData, message));
    }
    rows.iter().try_for_each(check)?;
    let mut models: Vec<&str> = Vec::new();
    for row in rows {
        if !models.contains(&row.model.as_str()) {
            models.push(&row.model);
        }
    }

    let end = TOP + rows.len() as f64 * LINE;
    let note_top = end + 42.0;
    let notes: Vec<String> =
        notes(rows).iter().flat_map(|note| text::lines(note, NOTE_SIZE, WIDTH - 28.0)).collect();
    let height = note_top + notes.len() as f64 * NOTE_LINE + 6.0;
    let mut svg = Svg::new(WIDTH, height, TITLE, &notes.join(" "));

    draw_axis(&mut svg, end);
    for (label, x, anchor) in [
        ("model", MODEL, Anchor::Start),
        ("component", COMPONENT, Anchor::Start),
        ("predictor", PREDICTOR, Anchor::Start),
        ("tp", COUNTS[0], Anchor::End),
        ("fp", COUNTS[1], Anchor::End),
        ("fn", COUNTS[2], Anchor::End),
        ("tn", COUNTS[3], Anchor::End),
        ("MCC", VALUE, Anchor::End),
        ("interval", INTERVAL, Anchor::End),
        ("p", P, Anchor::End),
    ] {
        svg.text((x, TOP - 10.0), anchor, SIZE, QUIET, label);
    }
    for (index, row) in rows.iter().enumerate() {
        let top = TOP + index as f64 * LINE;
        let first = index == 0 || rows[index - 1].model != row.model;
        if first {
            svg.line((MODEL, top), (WIDTH - 14.0, top), RULE, 1.0);
        }
        let model = models.iter().position(|&model| model == row.model).unwrap_or_default();
        draw_row(&mut svg, row, top + LINE / 2.0, first, (model, models.len()));
    }
    for (index, line) in notes.iter().enumerate() {
        let at = (WIDTH / 2.0, note_top + (index as f64 + 0.8) * NOTE_LINE);
        svg.text(at, Anchor::Middle, NOTE_SIZE, QUIET, line);
    }
    Ok(Figure::new(svg.finish()))
}

const TITLE: &str = "Early convergence and large effective rank over layers";
const WIDTH: f64 = 1000.0;
const TOP: f64 = 34.0;
const LINE: f64 = 22.0;
const SIZE: f64 = 12.0;
const NOTE_SIZE: f64 = 11.0;
const NOTE_LINE: f64 = 15.0;

// Where the columns are: texts begin or end here.
const MODEL: f64 = 14.0;
const COMPONENT: f64 = 190.0;
const PREDICTOR: f64 = 268.0;
const COUNTS: [f64; 4] = [412.0, 444.0, 476.0, 508.0];
const AXIS: (f64, f64) = (536.0, 780.0);
const VALUE: f64 = 836.0;
const INTERVAL: f64 = 936.0;
const P: f64 = 986.0;
/// The room for a reason in the place of a correlation.
const REASON: f64 = P - AXIS.0 - 4.0;

fn x(mcc: f64) -> f64 {
    AXIS.0 + (mcc + 1.0) / 2.0 * (AXIS.1 - AXIS.0)
}

fn draw_axis(svg: &mut Svg, end: f64) {
    for (tick, label) in
        [(-1.0, "\u{2212}1"), (-0.5, "\u{2212}0.5"), (0.0, "0"), (0.5, "0.5"), (1.0, "1")]
    {
        svg.line((x(tick), TOP), (x(tick), end), if tick == 0.0 { QUIET } else { RULE }, 0.8);
        svg.line((x(tick), end), (x(tick), end + 4.5), INK, 0.9);
        svg.text((x(tick), end + 18.0), Anchor::Middle, SIZE, INK, label);
    }
    svg.line((AXIS.0, end), (AXIS.1, end), INK, 0.9);
    let middle = f64::midpoint(AXIS.0, AXIS.1);
    svg.text((middle, TOP - 10.0), Anchor::Middle, SIZE, QUIET, "Matthews correlation");
}

fn draw_row(
    svg: &mut Svg,
    row: &MccRow,
    middle: f64,
    first: bool,
    (model, models): (usize, usize),
) {
    let base = middle + BASELINE * SIZE;
    if first {
        let size = (SIZE, COMPONENT - MODEL - 8.0);
        svg.name((MODEL, base), Anchor::Start, size, INK, &row.model);
    }
    svg.text((COMPONENT, base), Anchor::Start, SIZE, INK, component(row));
    let size = (SIZE, COUNTS[0] - PREDICTOR - 36.0);
    svg.name((PREDICTOR, base), Anchor::Start, size, INK, predictor(row));
    let counts = [row.true_positives, row.false_positives, row.false_negatives, row.true_negatives];
    for (count, place) in counts.into_iter().zip(COUNTS) {
        let count = count.to_string();
        let count = text::shortened(&count, SIZE, 30.0);
        svg.text((place, base), Anchor::End, SIZE, INK, &count);
    }
    let mcc = match &row.mcc {
        Ok(mcc) => *mcc,
        Err(reason) => {
            // No rule of the axis through the words.
            let reason = match reason.split_once(": ") {
                Some((start, _)) if is_long(reason) => format!("{start}: see below"),
                _ => reason.clone(),
            };
            let wide = text::width(&reason, SIZE).min(REASON);
            rect(svg, (AXIS.0 + 1.0, base - SIZE), (wide + 6.0, SIZE + 3.0), "#fff");
            svg.name((AXIS.0 + 4.0, base), Anchor::Start, (SIZE, REASON), QUIET, &reason);
            return;
        }
    };
    let color = palette::color(model, models);
    svg.open("g", &[("data-series", &row.model)]);
    if let Some((low, high)) = row.interval {
        svg.line((x(low), middle), (x(high), middle), &color, 2.0);
        for end in [low, high] {
            svg.line((x(end), middle - 4.0), (x(end), middle + 4.0), &color, 1.4);
        }
        let interval = interval((low, high));
        svg.text((INTERVAL, base), Anchor::End, SIZE, QUIET, &interval);
    }
    let mut marker = Path::default();
    palette::marker(&mut marker, model, (x(mcc), middle));
    svg.element("path", &[("d", &marker), ("fill", &color)]);
    svg.close("g");
    let value = text::decimals(mcc, 2);
    svg.text((VALUE, base), Anchor::End, SIZE, INK, &value);
    svg.text((P, base), Anchor::End, SIZE, INK, &text::p_value(row.p_exact));
}

fn component(row: &MccRow) -> &'static str {
    component_name(row.component)
}

fn predictor(row: &MccRow) -> &str {
    match row.predictor.as_str() {
        "weight_per" => "PER of weight",
        "gradient_per" => "PER of gradient",
        other => other,
    }
}

/// Whether a reason has no room in the place of a correlation.
fn is_long(reason: &str) -> bool {
    text::width(reason, SIZE) > REASON
}

/// The ends of an interval; one that has no width says so, as it is no statement about uncertainty.
pub(crate) fn interval((low, high): (f64, f64)) -> String {
    match low < high {
        true => format!("{} to {}", text::decimals(low, 2), text::decimals(high, 2)),
        false => format!("{}, no width", text::decimals(low, 2)),
    }
}

fn check(row: &MccRow) -> Result<(), Error> {
    let range = -1.0..=1.0;
    let value = row.mcc.as_ref().is_ok_and(|mcc| !range.contains(mcc));
    let ends = row
        .interval
        .is_some_and(|(low, high)| !range.contains(&low) || !range.contains(&high) || low > high);
    if value || ends {
        let message = format!(
            "model `{}`, {}, {}: expected a correlation and an interval within -1 and 1, found {:?} and {:?}",
            row.model, row.component, row.predictor, row.mcc, row.interval
        );
        return Err(Error::new(ErrorKind::InvalidRecords, message));
    }
    Ok(())
}

fn notes(rows: &[MccRow]) -> Vec<String> {
    let protocols: BTreeSet<&str> = rows.iter().map(|row| row.protocol.as_str()).collect();
    let protocols = protocols.into_iter().collect::<Vec<_>>().join(", ");
    let undefined = rows.iter().filter(|row| row.mcc.is_err()).count();
    let mut source = format!("Protocol: {protocols}.");
    if undefined > 0 {
        let all = counted(rows.len() as u64, "correlation");
        source += &format!(" Undefined: {undefined} of {all}.");
    }
    if rows.iter().any(|row| row.interval.is_some_and(|(low, high)| low >= high)) {
        source += " No width: the interval collapsed to a point, which says nothing about the uncertainty.";
    }
    let meaning = "Over the layers of a model: does a large PER (predicted) go with early convergence (actual)? Bars: the intervals of \
                   mcc.csv, 95 % profile likelihood where a study wrote them. p: Fisher's exact test, two-sided. Layers of one model \
                   are not independent observations: the true uncertainty is larger.";
    // In full what had no room above.
    let mut long: Vec<(&str, &str, String)> = Vec::new();
    for row in rows {
        let Some(reason) = row.mcc.as_ref().err().filter(|reason| is_long(reason)) else {
            continue;
        };
        let place = format!("{}, {}", component(row), predictor(row));
        match long.iter_mut().find(|known| (known.0, known.1) == (&row.model, reason)) {
            Some((.., places)) => *places += &format!("; {place}"),
            None => long.push((&row.model, reason, place)),
        }
    }
    let long = long.into_iter().map(|(model, reason, places)| {
        format!("{} ({places}): {reason}.", text::shortened(model, NOTE_SIZE, 200.0))
    });
    [meaning.to_owned(), source].into_iter().chain(long).collect()
}
