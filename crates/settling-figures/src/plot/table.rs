//! Tables of numbers as colors.

use std::collections::BTreeMap;

use crate::plot::page::{self, NOTE_SIZE, Notes};
use crate::plot::palette::{INK, QUIET, shade, signed_shade};
use crate::plot::svg::{Anchor, Path, Svg, coord, rect};
use crate::plot::text;

/// Numbers as colors.
pub(crate) struct Table<'a> {
    pub(crate) title: &'a str,
    pub(crate) row_title: &'a str,
    pub(crate) column_title: &'a str,
    /// The names of the rows, from the bottom up.
    pub(crate) rows: &'a [&'a str],
    pub(crate) columns: &'a [&'a str],
    /// Row by row; `None` where there is no value.
    pub(crate) values: &'a [Option<f64>],
    /// The row and the column of a cell with a frame.
    pub(crate) framed: Option<(usize, usize)>,
    /// What is said in the place of a table without any value.
    pub(crate) absent: &'a str,
}

/// Tables with one scale of colors.
pub(crate) struct Sheet<'a> {
    pub(crate) title: &'a str,
    pub(crate) notes: Vec<String>,
    pub(crate) tables: Vec<Table<'a>>,
    /// How many tables are side by side.
    pub(crate) across: usize,
    /// The least width of the page.
    pub(crate) least_width: f64,
    /// How large a table is and its cells are: (width of a table, height of a cell).
    pub(crate) size: (f64, f64),
    /// The numbers that have the darkest and the lightest color.
    pub(crate) range: (f64, f64),
    /// Whether the numbers have a sign, and 0 in the middle of the range: colors are those of
    /// signs.
    pub(crate) signed: bool,
    /// Whether the border between numbers above 0 and others is drawn, instead of numbers and
    /// dashes.
    pub(crate) border: bool,
}

const TOP: f64 = 34.0;
const RIGHT: f64 = 74.0;
const BELOW: f64 = 50.0;
const GAP: f64 = 22.0;
const LABEL_SIZE: f64 = 12.0;
/// Cells smaller than this have no room for a number, or for a dash.
const NUMBERED: (f64, f64) = (30.0, 15.0);
const DASHED: (f64, f64) = (8.0, 10.0);
/// Row names wider than this are shortened.
const MOST_LABEL: f64 = 150.0;

impl Sheet<'_> {
    pub(crate) fn draw(&self) -> String {
        let (wide, cell_height) = self.size;
        let label = |name: &&str| text::width(name, LABEL_SIZE).min(MOST_LABEL);
        let labels = self.tables.iter().flat_map(|table| table.rows.iter().map(label));
        let left = 46.0 + labels.fold(0.0, f64::max);
        let table_height = |table: &Table<'_>| cell_height * table.rows.len() as f64;
        let heights: Vec<f64> = self
            .tables
            .chunks(self.across)
            .map(|tables| tables.iter().map(table_height).fold(0.0, f64::max))
            .collect();
        let pitch = left + wide + GAP;
        let used = pitch * self.across as f64 - GAP + RIGHT;
        let width = used.max(self.least_width);
        let tables_end: f64 = heights.iter().map(|height| TOP + height + BELOW).sum();
        let notes = Notes::new(&self.notes, width - 28.0);
        let height = tables_end + notes.height() + 6.0;
        let mut svg = Svg::new(width, height, self.title, &self.notes.join(" "));

        let mut top = TOP;
        for (tables, height) in self.tables.chunks(self.across).zip(&heights) {
            for (place, table) in tables.iter().enumerate() {
                let at = (place as f64 * pitch + left, top);
                // What a title has to itself; that of a lone table has the page.
                let room = if self.across == 1 { width - 28.0 } else { pitch - 12.0 };
                let shown = text::width(table.title, page::TITLE_SIZE).min(room);
                let half = shown / 2.0 + 14.0;
                let middle = (at.0 + wide / 2.0).min(width - half).max(half);
                let middle = if self.across == 1 { middle } else { at.0 + wide / 2.0 };
                let above = (middle, top - 13.0);
                svg.name(above, Anchor::Middle, (page::TITLE_SIZE, room), INK, table.title);
                let cell = (wide / table.columns.len().max(1) as f64, cell_height);
                self.draw_table(&mut svg, table, at, cell);
                let mark = (place as f64 * pitch + 18.0, coord(top + table_height(table) / 2.0));
                let turn = format!("translate({} {}) rotate(-90)", coord(mark.0), mark.1);
                let room = (table_height(table) + TOP).max(90.0);
                svg.open("g", &[("transform", &turn)]);
                svg.name((0.0, 0.0), Anchor::Middle, (LABEL_SIZE, room), INK, table.row_title);
                svg.close("g");
            }
            let scale_left = (tables.len() - 1) as f64 * pitch + left + wide + 18.0;
            self.draw_scale(&mut svg, (scale_left, top), *height);
            top += height + BELOW + TOP;
        }
        notes.draw(&mut svg, width / 2.0, tables_end);
        svg.finish()
    }

    /// How light the color of a value is, in percent: finer than the eye, and few enough that
    /// cells share their colors.
    fn shade(&self, value: f64) -> u8 {
        let (low, high) = self.range;
        (100.0 * ((value - low) / (high - low)).clamp(0.0, 1.0)).round() as u8
    }

    /// The color at a share of the range.
    fn color(&self, share: f64) -> String {
        if self.signed { signed_shade(share) } else { shade(share) }
    }

    fn draw_table(&self, svg: &mut Svg, table: &Table<'_>, at: (f64, f64), cell: (f64, f64)) {
        let (rows, columns) = (table.rows.len(), table.columns.len());
        let high = cell.1 * rows as f64;
        // The left upper corner.
        let corner = |row: usize, column: usize| {
            (at.0 + column as f64 * cell.0, at.1 + high - (row + 1) as f64 * cell.1)
        };
        let value = |row: usize, column: usize| table.values[row * columns + column];
        let fill = |row, column| value(row, column).map(|value| self.shade(value));

        // Neighbors of one color are one piece, and all pieces of a color are one path.
        let mut fills: BTreeMap<u8, Path> = BTreeMap::new();
        for row in 0..rows {
            let mut start = 0;
            while start < columns {
                let shade = fill(row, start);
                let same = (start..columns).take_while(|&column| fill(row, column) == shade);
                let end = start + same.count();
                if let Some(shade) = shade {
                    let (left, top) = corner(row, start);
                    let size = (corner(row, end).0 - left, cell.1);
                    fills.entry(shade).or_default().rect((left, top), size);
                }
                start = end;
            }
        }
        svg.open("g", &[("shape-rendering", &"crispEdges")]);
        for (&percent, path) in &fills {
            let fill = self.color(f64::from(percent) / 100.0);
            svg.element("path", &[("d", path), ("fill", &fill)]);
        }
        svg.close("g");
        rect_outline(svg, at, (cell.0 * columns as f64, high), "#aaa", 0.8);
        if fills.is_empty() {
            let middle = (at.0 + cell.0 * columns as f64 / 2.0, at.1 + high / 2.0 + 4.0);
            let room = cell.0 * columns as f64 - 12.0;
            svg.name(middle, Anchor::Middle, (LABEL_SIZE, room), QUIET, table.absent);
        } else if !self.border {
            self.draw_numbers(svg, table, &corner, cell);
        }
        if self.border {
            draw_border(svg, (rows, columns), &value, &corner, cell);
        }
        if let Some((row, column)) = table.framed {
            rect_outline(svg, corner(row, column), cell, "#fff", 3.4);
            rect_outline(svg, corner(row, column), cell, "#000", 1.6);
        }

        // Of many names, every second, third ... one.
        let every = (18.0 / cell.1).ceil() as usize;
        for (row, name) in table.rows.iter().enumerate().step_by(every) {
            let place = (at.0 - 6.0, corner(row, 0).1 + cell.1 / 2.0 + 4.0);
            svg.name(place, Anchor::End, (LABEL_SIZE, MOST_LABEL), INK, name);
        }
        let widest = table.columns.iter().map(|name| text::width(name, LABEL_SIZE));
        let most = (cell.0 * columns as f64).min(MOST_LABEL);
        let every = ((widest.fold(0.0, f64::max).min(most) + 6.0) / cell.0).ceil().max(1.0);
        for (column, name) in table.columns.iter().enumerate().step_by(every as usize) {
            let place = (at.0 + (column as f64 + 0.5) * cell.0, at.1 + high + 16.0);
            svg.name(place, Anchor::Middle, (LABEL_SIZE, most), INK, name);
        }
        let under = (at.0 + cell.0 * columns as f64 / 2.0, at.1 + high + 36.0);
        let room = cell.0 * columns as f64 + 60.0;
        svg.name(under, Anchor::Middle, (LABEL_SIZE, room), INK, table.column_title);
    }

    fn draw_numbers(
        &self,
        svg: &mut Svg,
        table: &Table<'_>,
        corner: &impl Fn(usize, usize) -> (f64, f64),
        cell: (f64, f64),
    ) {
        let room = |least: (f64, f64)| cell.0 >= least.0 && cell.1 >= least.1;
        let (low, high) = self.range;
        for (index, value) in table.values.iter().enumerate() {
            let (left, top) = corner(index / table.columns.len(), index % table.columns.len());
            let middle = (left + cell.0 / 2.0, top + cell.1 / 2.0 + 4.0);
            match value {
                None if room(DASHED) => {
                    svg.text(middle, Anchor::Middle, NOTE_SIZE, QUIET, "–");
                }
                Some(value) if room(NUMBERED) => {
                    let share = (value - low) / (high - low);
                    let light = if self.signed { (share - 0.5).abs() < 0.3 } else { share > 0.6 };
                    let ink = if light { INK } else { "#fff" };
                    let number = text::decimals(*value, 2);
                    svg.text(middle, Anchor::Middle, NOTE_SIZE, ink, &number);
                }
                _ => {}
            }
        }
    }

    /// The colors from the low end at the bottom to the high end at the top.
    fn draw_scale(&self, svg: &mut Svg, (left, top): (f64, f64), high: f64) {
        const STEPS: u32 = 32;
        let step = high / f64::from(STEPS);
        for index in 0..STEPS {
            let share = (f64::from(index) + 0.5) / f64::from(STEPS);
            let at = (left, top + high - f64::from(index + 1) * step);
            rect(svg, at, (10.0, step), &self.color(share));
        }
        let (least, most) = self.range;
        for number in [least, f64::midpoint(least, most), most] {
            let share = (number - least) / (most - least);
            let at = (left + 15.0, top + high * (1.0 - share) + 4.0);
            svg.text(at, Anchor::Start, NOTE_SIZE, INK, &scale_label(number));
        }
    }
}

/// The number with as many decimals as it needs, up to three.
fn scale_label(number: f64) -> String {
    let label = text::decimals(number, 3);
    label.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The border between numbers above 0 and numbers that are not.
fn draw_border(
    svg: &mut Svg,
    (rows, columns): (usize, usize),
    value: &impl Fn(usize, usize) -> Option<f64>,
    corner: &impl Fn(usize, usize) -> (f64, f64),
    cell: (f64, f64),
) {
    let differ =
        |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| (a > 0.0) != (b > 0.0));
    let mut border = Path::default();
    for row in 0..rows {
        for column in 0..columns {
            let (left, top) = corner(row, column);
            let right = left + cell.0;
            if column + 1 < columns && differ(value(row, column), value(row, column + 1)) {
                border.polyline(&[(right, top), (right, top + cell.1)]);
            }
            if row + 1 < rows && differ(value(row, column), value(row + 1, column)) {
                border.polyline(&[(left, top), (right, top)]);
            }
        }
    }
    if !border.is_empty() {
        for (color, width, dashes) in [("#fff", 3.6, "none"), ("#000", 1.8, "4 2.5")] {
            svg.element(
                "path",
                &[
                    ("d", &border),
                    ("fill", &"none"),
                    ("stroke", &color),
                    ("stroke-width", &width),
                    ("stroke-dasharray", &dashes),
                ],
            );
        }
    }
}

fn rect_outline(svg: &mut Svg, at: (f64, f64), size: (f64, f64), stroke: &str, width: f64) {
    let mut path = Path::default();
    path.rect(at, size);
    svg.element(
        "path",
        &[("d", &path), ("fill", &"none"), ("stroke", &stroke), ("stroke-width", &width)],
    );
}
