//! A table of similarities of your own.

use crate::error::{Error, ErrorKind};
use crate::figure::Figure;
use crate::plot::table::{Sheet, Table};

/// A table of similarities, to be drawn as colors: every layer of one model with every layer of
/// another, say.
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

/// A table is about this wide, and cells are square.
const SIDE: f64 = 560.0;

/// Numbers below 0 are noise of an estimate down to here.
const NOISE: f64 = -0.1;

/// Draws a table of similarities. The color runs from 0 (dark) to 1, or the largest value if that
/// is larger (light). The debiased CKA of unrelated features may be a little below 0, and has the
/// color of 0; if a value is below -0.1, colors run from blue (negative) by gray (0) to red
/// (positive) instead, as far to one side as to the other. Cells have their number in them where
/// there is room; a cell without a value is left white, with a dash where there is room for one.
///
/// # Errors
///
/// [`ErrorKind::NoData`] if there are no rows, no columns or no values at all;
/// [`ErrorKind::InvalidRecords`] if a value is not finite.
///
/// # Panics
///
/// If there are not as many values as rows times columns.
#[track_caller]
pub fn heat_map(map: &HeatMap<'_>) -> Result<Figure, Error> {
    let (rows, columns) = (map.rows.len(), map.columns.len());
    assert_eq!(map.values.len(), rows * columns, "{rows} rows of {columns} values are needed");
    if map.values.iter().all(Option::is_none) {
        return Err(Error::new(ErrorKind::NoData, "the table has no values"));
    }
    if let Some(at) = map.values.iter().position(|v| v.is_some_and(|v| !v.is_finite())) {
        let (row, column) = (map.rows[at / columns], map.columns[at % columns]);
        let message =
            format!("the value at row {row}, column {column} is not finite: leave it out");
        return Err(Error::new(ErrorKind::InvalidRecords, message));
    }

    let values = || map.values.iter().copied().flatten();
    let (least, most) = (values().fold(0.0, f64::min), values().fold(1.0, f64::max));
    let signed = least < NOISE;
    let most = if signed { most.max(-least) } else { most };
    let cell = (SIDE / rows.max(columns) as f64).clamp(10.0, 56.0);
    let sheet = Sheet {
        title: map.title,
        notes: vec![map.note.to_owned()],
        tables: vec![Table {
            title: map.title,
            row_title: map.row_title,
            column_title: map.column_title,
            rows: map.rows,
            columns: map.columns,
            values: map.values,
            framed: None,
            absent: "",
        }],
        across: 1,
        least_width: 394.0,
        size: (cell * columns as f64, cell),
        range: (if signed { -most } else { 0.0 }, most),
        signed,
        border: false,
    };
    Ok(Figure::new(sheet.draw()))
}
