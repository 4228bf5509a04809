use crate::axis::Axis;
use crate::key::Key;
use crate::page::{self, Notes};
use crate::palette::INK;
use crate::panel::{self, LABEL_SIZE, Mark, Panel};
use crate::svg::{Anchor, Svg, coord};
use crate::text;

/// Panels that share their horizontal axis; the panels of a column share the axis of values, and with `shared_values` all do.
pub(crate) struct Grid<'a> {
    pub(crate) title: &'a str,
    /// What is drawn and from which numbers; paragraphs below the legend.
    pub(crate) notes: Vec<String>,
    /// The names of what is drawn, in the order of their colours.
    pub(crate) series: &'a [&'a str],
    pub(crate) key: Key<'a>,
    pub(crate) rows: &'a [&'a str],
    pub(crate) columns: Vec<Column>,
    pub(crate) x: Axis,
    pub(crate) x_title: &'a str,
    pub(crate) shared_values: bool,
}

pub(crate) struct Column {
    pub(crate) title: String,
    pub(crate) values: Axis,
    /// What is drawn in each row; later marks are drawn on top.
    pub(crate) panels: Vec<Vec<Mark>>,
}

const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const ROW_GAP: f64 = 18.0;
/// Between columns that share their labels.
const NARROW_GAP: f64 = 20.0;
/// From the last row of panels to the legend: tick labels and the axis title.
const AXIS_HEIGHT: f64 = 52.0;
/// More columns than this go into a second block of rows.
const MOST_COLUMNS: usize = 5;

impl Grid<'_> {
    pub(crate) fn draw(&self) -> String {
        let blocks = self.columns.len().div_ceil(MOST_COLUMNS).max(1);
        let across = self.columns.len().div_ceil(blocks).max(1);
        let block_height = TOP + self.rows.len() as f64 * (panel::HEIGHT + ROW_GAP) - ROW_GAP;
        let row_top = |row: usize| TOP + row as f64 * (panel::HEIGHT + ROW_GAP);
        let panels_end = blocks as f64 * (block_height + AXIS_HEIGHT);
        let note_top = panels_end + self.key.height() + 4.0;
        let notes = Notes::new(&self.notes, page::WIDTH - 2.0 * RIGHT);
        let height = note_top + notes.height() + 6.0;
        let mut svg = Svg::new(page::WIDTH, height, self.title, &self.notes.join(" "));

        // Labels and the name of the row.
        let labels = self.label_width();
        let left = (labels + 41.0).max(70.0);
        let gap = if self.shared_values { NARROW_GAP } else { (labels + 20.0).max(54.0) };
        let width = (page::WIDTH - left - RIGHT - (across as f64 - 1.0) * gap) / across as f64;
        for (index, column) in self.columns.iter().enumerate() {
            let (block, place) = (index / across, index % across);
            let offset = block as f64 * (block_height + AXIS_HEIGHT);
            let left = left + place as f64 * (width + gap);
            let middle = left + width / 2.0;
            let title = text::shortened(&column.title, page::TITLE_SIZE, width + gap - 12.0);
            svg.text((middle, offset + TOP - 13.0), Anchor::Middle, page::TITLE_SIZE, INK, &title);
            for (row, marks) in column.panels.iter().enumerate() {
                let top = offset + row_top(row);
                let panel = Panel { left, top, width, x: &self.x, y: &column.values };
                let last = row + 1 == column.panels.len();
                panel.draw_axes(&mut svg, last, place == 0 || !self.shared_values);
                panel.draw_marks(&mut svg, marks, self.series);
            }
            let under = (middle, offset + block_height + 39.0);
            let x_title = text::shortened(self.x_title, LABEL_SIZE, width + gap - 8.0);
            svg.text(under, Anchor::Middle, LABEL_SIZE, INK, &x_title);
        }
        for block in 0..blocks {
            for (row, label) in self.rows.iter().enumerate() {
                let offset = block as f64 * (block_height + AXIS_HEIGHT);
                let middle = coord(offset + row_top(row) + panel::HEIGHT / 2.0);
                svg.open("g", &[("transform", &format!("translate(22 {middle}) rotate(-90)"))]);
                svg.text((0.0, 0.0), Anchor::Middle, page::TITLE_SIZE, INK, label);
                svg.close("g");
            }
        }
        self.key.draw(&mut svg, page::WIDTH / 2.0, panels_end);
        notes.draw(&mut svg, page::WIDTH / 2.0, note_top);
        svg.finish()
    }

    /// The widest label of a vertical axis.
    fn label_width(&self) -> f64 {
        let labels = self.columns.iter().flat_map(|column| {
            let lane = column.values.lane().map(|(_, label)| label.to_owned());
            column.values.ticks().into_iter().map(|tick| tick.label).chain(lane)
        });
        labels.map(|label| text::width(&label, LABEL_SIZE)).fold(0.0, f64::max)
    }
}
