use crate::axis::{StepAxis, ValueAxis};
use crate::legend::Legend;
use crate::palette::{INK, QUIET};
use crate::panel::{self, Curve, LABEL_SIZE, Panel};
use crate::stroke::Stroke;
use crate::svg::{Anchor, Svg, coord};
use crate::text;

/// Panels of curves over training: the rows share the axis of steps, the panels of a column share the axis of values.
pub(crate) struct Grid<'a> {
    pub(crate) title: &'a str,
    /// What is drawn and from which numbers; paragraphs below the legend.
    pub(crate) notes: Vec<String>,
    /// In the order of their colours.
    pub(crate) models: &'a [&'a str],
    pub(crate) rows: Vec<&'a str>,
    pub(crate) columns: Vec<Column>,
    /// What the strokes mean, where there are several.
    pub(crate) strokes: Vec<(Stroke, &'a str)>,
}

pub(crate) struct Column {
    pub(crate) title: String,
    /// The axis does not go beyond these unless a value does.
    pub(crate) limits: (f64, f64),
    /// The curves of each row; later ones are drawn on top.
    pub(crate) panels: Vec<Vec<Curve>>,
}

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const COLUMN_GAP: f64 = 54.0;
const ROW_GAP: f64 = 18.0;
/// From the last row of panels to the legend: tick labels and the axis title.
const AXIS_HEIGHT: f64 = 52.0;
const NOTE_LINE: f64 = 15.0;

const TITLE_SIZE: f64 = 15.0;
const NOTE_SIZE: f64 = 11.0;

impl Grid<'_> {
    pub(crate) fn draw(&self) -> String {
        let legend = Legend::new(self.models, &self.strokes, LABEL_SIZE, WIDTH - 2.0 * RIGHT);
        let row_top = |row: usize| TOP + row as f64 * (panel::HEIGHT + ROW_GAP);
        let panels_end = row_top(self.rows.len()) - ROW_GAP;
        let legend_top = panels_end + AXIS_HEIGHT;
        let note_top = legend_top + legend.height() + 4.0;
        let lines = |note: &String| text::lines(note, NOTE_SIZE, WIDTH - 2.0 * RIGHT);
        let notes: Vec<String> = self.notes.iter().flat_map(lines).collect();
        let height = note_top + notes.len() as f64 * NOTE_LINE + 6.0;

        let mut svg = Svg::new(WIDTH, height, self.title, &self.notes.join(" "));
        let curves = self.columns.iter().flat_map(|column| column.panels.iter().flatten());
        let steps = StepAxis::new(curves.flat_map(|curve| curve.points.keys().copied()));
        let columns = self.columns.len() as f64;
        let width = (WIDTH - LEFT - RIGHT - (columns - 1.0) * COLUMN_GAP) / columns;
        for (index, column) in self.columns.iter().enumerate() {
            let left = LEFT + index as f64 * (width + COLUMN_GAP);
            let middle = left + width / 2.0;
            svg.text((middle, TOP - 13.0), Anchor::Middle, TITLE_SIZE, INK, &column.title);
            let curves = column.panels.iter().flatten();
            let values = curves.flat_map(|curve| curve.points.values().copied().flatten());
            let values = ValueAxis::new(values, column.limits);
            for (row, curves) in column.panels.iter().enumerate() {
                let panel = Panel { left, top: row_top(row), width, steps: &steps, values };
                panel.draw_axes(&mut svg, row + 1 == column.panels.len());
                panel.draw_curves(&mut svg, curves, self.models);
            }
            let under = (middle, panels_end + 39.0);
            svg.text(under, Anchor::Middle, LABEL_SIZE, INK, "Training step");
        }
        for (row, label) in self.rows.iter().enumerate() {
            let middle = coord(row_top(row) + panel::HEIGHT / 2.0);
            svg.open("g", &[("transform", &format!("translate(22 {middle}) rotate(-90)"))]);
            svg.text((0.0, 0.0), Anchor::Middle, TITLE_SIZE, INK, label);
            svg.close("g");
        }
        legend.draw(&mut svg, WIDTH / 2.0, legend_top);
        for (index, line) in notes.iter().enumerate() {
            let at = (WIDTH / 2.0, note_top + (index as f64 + 0.8) * NOTE_LINE);
            svg.text(at, Anchor::Middle, NOTE_SIZE, QUIET, line);
        }
        svg.finish()
    }
}
