//! Panels in rows and columns that share axes.

use crate::plot::axis::Axis;
use crate::plot::key::Key;
use crate::plot::page::{self, Notes};
use crate::plot::palette::INK;
use crate::plot::panel::{LABEL_SIZE, Mark, Panel};
use crate::plot::svg::{Anchor, Svg, coord};
use crate::plot::text;

/// Panels that share their horizontal axis; the panels of a column share the axis of values, and
/// with `shared_values` all do.
pub(crate) struct Grid<'a> {
    pub(crate) title: &'a str,
    /// What is drawn and from which numbers; paragraphs below the legend.
    pub(crate) notes: Vec<String>,
    /// The names of what is drawn, in the order of their colors.
    pub(crate) series: &'a [&'a str],
    pub(crate) key: Key<'a>,
    pub(crate) rows: Vec<&'a str>,
    pub(crate) columns: Vec<Column>,
    pub(crate) x: Axis,
    pub(crate) x_title: &'a str,
    pub(crate) panel_height: f64,
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
/// The gap between columns that share their labels.
const NARROW_GAP: f64 = 20.0;
/// The height from the last row of panels to the legend: tick labels and the axis title.
const AXIS_HEIGHT: f64 = 52.0;
/// More columns than this go into a second block of rows; fewer do if their titles would not fit.
const MOST_COLUMNS: usize = 5;
/// Titles wider than this are shortened where there are many columns.
const MOST_TITLE: f64 = 300.0;
/// Columns are not wider than this times their height.
const WIDEST: f64 = 2.6;

impl Grid<'_> {
    /// The figure. Rows and columns without any number leave their place to the others, and are
    /// named in a note.
    pub(crate) fn draw(mut self) -> String {
        let has = |marks: &Vec<Mark>| marks.iter().any(|mark| !mark.is_empty());
        let has_row = |row: &usize| self.columns.iter().any(|column| has(&column.panels[*row]));
        let (rows, empty): (Vec<usize>, Vec<usize>) = (0..self.rows.len()).partition(has_row);
        let mut absent: Vec<String> = empty.iter().map(|&row| self.rows[row].to_owned()).collect();
        let all = std::mem::take(&mut self.columns);
        for mut column in all {
            if !column.panels.iter().any(has) {
                absent.push(column.title);
                continue;
            }
            let panels = column.panels.into_iter().enumerate();
            column.panels =
                panels.filter(|(row, _)| rows.contains(row)).map(|(_, marks)| marks).collect();
            self.columns.push(column);
        }
        self.rows = rows.into_iter().map(|row| self.rows[row]).collect();
        if !absent.is_empty() {
            self.notes.push(format!("Not drawn, as there is no number: {}.", absent.join(", ")));
        }
        self.draw_all()
    }

    fn draw_all(&self) -> String {
        let layout = self.layout();
        let Layout { left, width, gap, across } = layout;
        let blocks = self.columns.len().div_ceil(across).max(1);
        let row_top = |row: usize| TOP + row as f64 * (self.panel_height + ROW_GAP);
        let block_height = row_top(self.rows.len()) - ROW_GAP;
        let panels_end = blocks as f64 * (block_height + AXIS_HEIGHT);
        let note_top = panels_end + self.key.height() + 4.0;
        let notes = Notes::new(&self.notes, page::WIDTH - 2.0 * RIGHT);
        let height = note_top + notes.height() + 6.0;
        let mut svg = Svg::new(page::WIDTH, height, self.title, &self.notes.join(" "));

        for (index, column) in self.columns.iter().enumerate() {
            let (block, place) = (index / across, index % across);
            let offset = block as f64 * (block_height + AXIS_HEIGHT);
            let left = left + place as f64 * (width + gap);
            let middle = left + width / 2.0;
            let above = (middle, offset + TOP - 13.0);
            let size = (page::TITLE_SIZE, layout.title_room());
            svg.name(above, Anchor::Middle, size, INK, &column.title);
            for (row, marks) in column.panels.iter().enumerate() {
                let panel = Panel {
                    left,
                    top: offset + row_top(row),
                    width,
                    height: self.panel_height,
                    beside: gap / 2.0 - 1.0,
                    x: &self.x,
                    y: &column.values,
                };
                let last = row + 1 == column.panels.len();
                panel.draw_axes(&mut svg, last, place == 0 || !self.shared_values);
                panel.draw_marks(&mut svg, marks, self.series);
            }
            let under = (middle, offset + block_height + 39.0);
            svg.text(under, Anchor::Middle, LABEL_SIZE, INK, self.x_title);
        }
        for block in 0..blocks {
            for (row, label) in self.rows.iter().enumerate() {
                let offset = block as f64 * (block_height + AXIS_HEIGHT);
                let middle = coord(offset + row_top(row) + self.panel_height / 2.0);
                let x = coord(left - self.left_margin() + 22.0);
                svg.open("g", &[("transform", &format!("translate({x} {middle}) rotate(-90)"))]);
                svg.text((0.0, 0.0), Anchor::Middle, page::TITLE_SIZE, INK, label);
                svg.close("g");
            }
        }
        self.key.draw(&mut svg, page::WIDTH / 2.0, panels_end);
        notes.draw(&mut svg, page::WIDTH / 2.0, note_top);
        svg.finish()
    }

    /// The layout with as many columns side by side as leave room for their titles.
    fn layout(&self) -> Layout {
        let titles = self.columns.iter().map(|column| text::width(&column.title, page::TITLE_SIZE));
        // One title that fits nowhere does not take the place of all columns.
        let widest = titles.fold(0.0, f64::max).min(MOST_TITLE);
        let most = (2..=MOST_COLUMNS).rev();
        let mut layouts = most.map(|most| self.layout_of(most));
        let fits = |layout: &Layout| layout.title_room() >= widest;
        layouts.find(fits).unwrap_or_else(|| self.layout_of(2))
    }

    fn layout_of(&self, most: usize) -> Layout {
        let blocks = self.columns.len().div_ceil(most).max(1);
        let across = self.columns.len().div_ceil(blocks).max(1);
        let gap =
            if self.shared_values { NARROW_GAP } else { (self.label_width() + 20.0).max(54.0) };
        let gaps = (across as f64 - 1.0) * gap;
        let room = page::WIDTH - self.left_margin() - RIGHT - gaps;
        let width = (room / across as f64).min(WIDEST * self.panel_height);
        let unused = room - across as f64 * width;
        Layout { left: self.left_margin() + unused / 2.0, width, gap, across }
    }

    /// What the first column needs on its left: labels and the name of the row.
    fn left_margin(&self) -> f64 {
        (self.label_width() + 41.0).max(70.0)
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

/// The places of the columns.
struct Layout {
    /// The left end of the first panel.
    left: f64,
    /// The width of a panel.
    width: f64,
    gap: f64,
    across: usize,
}

impl Layout {
    /// How wide the title of a column may be.
    fn title_room(&self) -> f64 {
        self.width + self.gap - 12.0
    }
}
