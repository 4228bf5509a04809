use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::palette::{INK, QUIET, shade};
use crate::svg::{Anchor, Svg, coord};
use crate::text;

/// A table of similarities, to be drawn as colours: every layer of one model with every layer of another, say.
///
/// # Example
///
/// ```
/// use settling_figures::{HeatMap, heat_map};
///
/// let figure = heat_map(&HeatMap {
///     title: "CKA of step 1000 and the last step",
///     note: "Debiased, 4096 rows.",
///     row_title: "step 1000",
///     column_title: "last step",
///     rows: &["0", "1"],
///     columns: &["0", "1", "2"],
///     values: &[Some(0.9), Some(0.5), Some(-0.01), Some(0.4), Some(0.8), None],
/// })?;
/// assert!(figure.svg().contains("0.90"));
/// # Ok::<(), settling_figures::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeatMap<'a> {
    /// Above the table, and what the picture is called.
    pub title: &'a str,
    /// Below it: what the numbers are.
    pub note: &'a str,
    /// What the rows are.
    pub row_title: &'a str,
    /// What the columns are.
    pub column_title: &'a str,
    /// The names of the rows, from the bottom up.
    pub rows: &'a [&'a str],
    /// The names of the columns, from left to right.
    pub columns: &'a [&'a str],
    /// Row by row; `None` where there is no value.
    pub values: &'a [Option<f64>],
}

const LEFT: f64 = 84.0;
const TOP: f64 = 34.0;
const RIGHT: f64 = 70.0;
const BELOW: f64 = 46.0;
const NOTE_LINE: f64 = 15.0;
const TITLE_SIZE: f64 = 15.0;
const LABEL_SIZE: f64 = 12.0;
const NOTE_SIZE: f64 = 11.0;
/// The table is about this wide, and cells are square.
const SIDE: f64 = 560.0;
/// Cells below this have no room for a number.
const NUMBERED: f64 = 30.0;

/// Draws a table of similarities. The colour runs from 0 (dark) to 1 (light) and no further: the debiased CKA of unrelated
/// features may be below 0, and has the colour of 0. Cells have their number in them where there is room; a cell without a value is left
/// white, with a dash.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if there are no rows, no columns or no values at all; [`ErrorKind::InvalidRecords`] if a value is not
/// finite.
///
/// # Panics
///
/// If there are not as many values as rows times columns.
#[track_caller]
pub fn heat_map(map: &HeatMap<'_>) -> Result<Figure, Error> {
    let (rows, columns) = (map.rows.len(), map.columns.len());
    assert_eq!(map.values.len(), rows * columns, "{rows} rows of {columns} values are needed");
    if map.values.iter().all(Option::is_none) {
        return Err(Error::new(ErrorKind::NoData, "the table has no values".to_owned()));
    }
    if let Some(at) = map.values.iter().position(|v| v.is_some_and(|v| !v.is_finite())) {
        let (row, column) = (map.rows[at / columns], map.columns[at % columns]);
        let message =
            format!("the value at row {row}, column {column} is not finite: leave it out");
        return Err(Error::new(ErrorKind::InvalidRecords, message));
    }

    let cell = (SIDE / rows.max(columns) as f64).clamp(10.0, 56.0);
    let (wide, high) = (cell * columns as f64, cell * rows as f64);
    let width = LEFT + wide.max(240.0) + RIGHT;
    let notes = text::lines(map.note, NOTE_SIZE, width - 28.0);
    let height = TOP + high + BELOW + notes.len() as f64 * NOTE_LINE + 6.0;
    let mut svg = Svg::new(width, height, map.title, map.note);
    svg.text((LEFT + wide / 2.0, TOP - 13.0), Anchor::Middle, TITLE_SIZE, INK, map.title);

    let top = |row: usize| TOP + high - (row + 1) as f64 * cell;
    for (at, value) in map.values.iter().enumerate() {
        let (row, column) = (at / columns, at % columns);
        let (left, top) = (LEFT + column as f64 * cell, top(row));
        if let Some(value) = value {
            rect(&mut svg, (left, top), (cell, cell), &shade(*value));
        }
        let middle = (left + cell / 2.0, top + cell / 2.0 + 4.0);
        match value {
            None => svg.text(middle, Anchor::Middle, NOTE_SIZE, QUIET, "–"),
            Some(value) if cell >= NUMBERED => {
                let ink = if *value > 0.6 { INK } else { "#fff" };
                svg.text(middle, Anchor::Middle, NOTE_SIZE, ink, &format!("{value:.2}"));
            }
            Some(_) => {}
        }
    }
    // Of many names, every second, third ... one.
    let every = (18.0 / cell).ceil() as usize;
    for (row, name) in map.rows.iter().enumerate().step_by(every) {
        let at = (LEFT - 6.0, top(row) + cell / 2.0 + 4.0);
        svg.text(at, Anchor::End, LABEL_SIZE, INK, name);
    }
    for (column, name) in map.columns.iter().enumerate().step_by(every) {
        let at = (LEFT + (column as f64 + 0.5) * cell, TOP + high + 16.0);
        svg.text(at, Anchor::Middle, LABEL_SIZE, INK, name);
    }
    let under = (LEFT + wide / 2.0, TOP + high + 36.0);
    svg.text(under, Anchor::Middle, LABEL_SIZE, INK, map.column_title);
    let middle = coord(TOP + high / 2.0);
    svg.open("g", &[("transform", &format!("translate(22 {middle}) rotate(-90)"))]);
    svg.text((0.0, 0.0), Anchor::Middle, LABEL_SIZE, INK, map.row_title);
    svg.close("g");

    scale(&mut svg, LEFT + wide + 18.0, high);
    for (index, line) in notes.iter().enumerate() {
        let at = (width / 2.0, TOP + high + BELOW + (index as f64 + 0.8) * NOTE_LINE);
        svg.text(at, Anchor::Middle, NOTE_SIZE, QUIET, line);
    }
    Ok(Figure::new(svg.finish()))
}

/// The colours from 0 at the bottom to 1 at the top.
fn scale(svg: &mut Svg, left: f64, high: f64) {
    const STEPS: u32 = 32;
    let step = high / f64::from(STEPS);
    for index in 0..STEPS {
        let value = (f64::from(index) + 0.5) / f64::from(STEPS);
        let top = TOP + high - f64::from(index + 1) * step;
        rect(svg, (left, top), (10.0, step), &shade(value));
    }
    for (value, label) in [(0.0, "0"), (1.0, "1")] {
        let at = (left + 15.0, TOP + high * (1.0 - value) + 4.0);
        svg.text(at, Anchor::Start, NOTE_SIZE, INK, label);
    }
}

fn rect(svg: &mut Svg, at: (f64, f64), size: (f64, f64), fill: &str) {
    svg.element(
        "rect",
        &[
            ("x", &coord(at.0)),
            ("y", &coord(at.1)),
            ("width", &coord(size.0)),
            ("height", &coord(size.1)),
            ("fill", &fill),
        ],
    );
}
