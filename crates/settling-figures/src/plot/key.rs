//! What the colors, markers, strokes and areas of a figure mean.

use crate::plot::palette::{self, INK};
use crate::plot::panel::BASELINE;
use crate::plot::stroke::Stroke;
use crate::plot::svg::{Anchor, Path, Svg, rect};
use crate::plot::text;

/// What the colors, markers, strokes and areas of a figure mean.
pub(crate) struct Key<'a> {
    parts: Part<'a>,
    size: f64,
}

enum Part<'a> {
    /// Entries on as many lines as they need.
    Lines(Vec<Line<'a>>),
    /// Names that have an order, by color alone: too many for lines.
    Bar { title: &'a str, names: &'a [&'a str] },
}

struct Line<'a> {
    entries: Vec<Entry<'a>>,
    /// The width from the first entry to the end of the longest line that this one is aligned with.
    width: f64,
}

struct Entry<'a> {
    sample: Sample,
    label: &'a str,
    /// The width from the sample to the end of the label, or of the widest label in this column of
    /// a wrapped legend.
    width: f64,
}

enum Sample {
    /// A line, with the marker of this series if there is one.
    Line {
        stroke: Stroke,
        color: String,
        marker: Option<usize>,
    },
    Area(&'static str),
}

const SAMPLE: f64 = 30.0;
const SAMPLE_GAP: f64 = 7.0;
const ENTRY_GAP: f64 = 24.0;
const LINE_HEIGHT: f64 = 20.0;
/// Names wider than this are shortened, so that one long name leaves the others their columns.
const MOST_LABEL: f64 = 310.0;
const STROKE_COLOR: &str = "#444";

const BAR_WIDTH: f64 = 420.0;
const BAR_HEIGHT: f64 = 12.0;
/// The bar, and its labels below.
const BAR_LINES: f64 = 38.0;

impl<'a> Key<'a> {
    /// The series by color and marker, then what the strokes mean.
    pub(crate) fn new(
        series: &[&'a str],
        strokes: &[(Stroke, &'a str)],
        size: f64,
        available: f64,
    ) -> Self {
        let series = series.iter().enumerate().map(|(index, name)| {
            let color = palette::color(index, series.len());
            (Sample::Line { stroke: Stroke::Solid, color, marker: Some(index) }, *name)
        });
        let strokes = strokes.iter().map(|&(stroke, name)| {
            let color = STROKE_COLOR.to_owned();
            (Sample::Line { stroke, color, marker: None }, name)
        });
        Self::of([series.collect(), strokes.collect()], size, available)
    }

    /// Areas by their fill, and the one series that is drawn on them.
    pub(crate) fn areas(
        areas: &[(&'static str, &'a str)],
        series: &'a str,
        size: f64,
        available: f64,
    ) -> Self {
        let line = Sample::Line { stroke: Stroke::Thin, color: palette::color(0, 1), marker: None };
        let areas = areas.iter().map(|&(fill, name)| (Sample::Area(fill), name));
        Self::of([areas.chain([(line, series)]).collect(), Vec::new()], size, available)
    }

    /// A bar of the colors of the series `names`.
    pub(crate) fn bar(title: &'a str, names: &'a [&'a str], size: f64) -> Self {
        Self { parts: Part::Bar { title, names }, size }
    }

    fn of(groups: [Vec<(Sample, &'a str)>; 2], size: f64, available: f64) -> Self {
        let entry = |(sample, label): (Sample, &'a str)| {
            let label = if label.trim().is_empty() { "(no name)" } else { label };
            let most = (available - SAMPLE - SAMPLE_GAP).min(MOST_LABEL);
            let shown = text::width(&text::shortened(label, size, most), size);
            let width = SAMPLE + SAMPLE_GAP + shown;
            Entry { sample, label, width }
        };
        let wrap = |group: Vec<_>| wrapped(group.into_iter().map(entry).collect(), available);
        Self { parts: Part::Lines(groups.into_iter().flat_map(wrap).collect()), size }
    }

    pub(crate) fn height(&self) -> f64 {
        match &self.parts {
            Part::Lines(lines) => lines.len() as f64 * LINE_HEIGHT,
            Part::Bar { .. } => BAR_LINES,
        }
    }

    /// Draws it centered around `middle`, downwards from `top`.
    pub(crate) fn draw(&self, svg: &mut Svg, middle: f64, top: f64) {
        match &self.parts {
            Part::Lines(lines) => self.draw_lines(svg, lines, middle, top),
            Part::Bar { title, names } => self.draw_bar(svg, title, names, (middle, top)),
        }
    }

    fn draw_lines(&self, svg: &mut Svg, lines: &[Line<'_>], middle: f64, top: f64) {
        for (index, line) in lines.iter().enumerate() {
            let y = top + (index as f64 + 0.5) * LINE_HEIGHT;
            let mut x = middle - line.width / 2.0;
            for entry in &line.entries {
                match &entry.sample {
                    Sample::Area(fill) => rect(svg, (x, y - 6.0), (SAMPLE, 12.0), fill),
                    Sample::Line { stroke, color, marker } => {
                        let mut sample = Path::default();
                        sample.polyline(&[(x, y), (x + SAMPLE, y)]);
                        stroke.draw(svg, &sample, color);
                        if let Some(series) = *marker {
                            let mut marker = Path::default();
                            palette::marker(&mut marker, series, (x + SAMPLE / 2.0, y));
                            svg.element("path", &[("d", &marker), ("fill", color)]);
                        }
                    }
                }
                let at = (x + SAMPLE + SAMPLE_GAP, y + BASELINE * self.size);
                let room = entry.width - SAMPLE - SAMPLE_GAP + 0.01;
                svg.name(at, Anchor::Start, (self.size, room), INK, entry.label);
                x += entry.width + ENTRY_GAP;
            }
        }
    }

    fn draw_bar(&self, svg: &mut Svg, title: &str, names: &[&str], (middle, top): (f64, f64)) {
        let cell = BAR_WIDTH / names.len() as f64;
        let left = middle - BAR_WIDTH / 2.0;
        let at = (left - 10.0, top + BAR_HEIGHT / 2.0 + BASELINE * self.size);
        svg.text(at, Anchor::End, self.size, INK, title);
        for index in 0..names.len() {
            let corner = (left + index as f64 * cell, top);
            rect(svg, corner, (cell, BAR_HEIGHT), &palette::color(index, names.len()));
        }
        let widest = names.iter().map(|name| text::width(name, self.size)).fold(0.0, f64::max);
        let every = ((widest + 8.0) / cell).ceil().max(1.0) as usize;
        for (index, name) in names.iter().enumerate().step_by(every) {
            let at = (left + (index as f64 + 0.5) * cell, top + BAR_HEIGHT + 15.0);
            svg.text(at, Anchor::Middle, self.size, INK, name);
        }
    }
}

/// One line if there is room; else as few as possible, in columns of equal width.
fn wrapped(mut entries: Vec<Entry<'_>>, available: f64) -> Vec<Line<'_>> {
    if entries.is_empty() {
        return Vec::new();
    }
    let gaps = |entries: usize| (entries - 1) as f64 * ENTRY_GAP;
    let width = entries.iter().map(|entry| entry.width).sum::<f64>() + gaps(entries.len());
    if width <= available {
        return vec![Line { entries, width }];
    }
    let widest = entries.iter().map(|entry| entry.width).fold(0.0, f64::max);
    let most = ((available + ENTRY_GAP) / (widest + ENTRY_GAP)).floor().max(1.0) as usize;
    let columns = entries.len().div_ceil(entries.len().div_ceil(most));
    let width = columns as f64 * widest + gaps(columns);
    let mut lines = Vec::new();
    while !entries.is_empty() {
        let rest = entries.split_off(columns.min(entries.len()));
        entries.iter_mut().for_each(|entry| entry.width = widest);
        lines.push(Line { entries, width });
        entries = rest;
    }
    lines
}
