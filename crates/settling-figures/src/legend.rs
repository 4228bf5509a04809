use std::borrow::Cow;

use crate::palette::{self, INK};
use crate::panel::BASELINE;
use crate::stroke::Stroke;
use crate::svg::{Anchor, Path, Svg};
use crate::text;

/// The models by colour and marker, then what the strokes mean; as many lines as they need.
pub(crate) struct Legend<'a> {
    lines: Vec<Line<'a>>,
    size: f64,
}

struct Line<'a> {
    entries: Vec<Entry<'a>>,
    /// From the first entry to the end of the longest line that this one is aligned with.
    width: f64,
}

struct Entry<'a> {
    stroke: Stroke,
    color: String,
    /// The model whose marker is shown.
    marker: Option<usize>,
    label: Cow<'a, str>,
    /// From the sample to the end of the label, or of the widest label in this column of a wrapped legend.
    width: f64,
}

const SAMPLE: f64 = 30.0;
const SAMPLE_GAP: f64 = 7.0;
const ENTRY_GAP: f64 = 24.0;
const LINE_HEIGHT: f64 = 20.0;
const STROKE_COLOR: &str = "#444";

impl<'a> Legend<'a> {
    pub(crate) fn new(
        models: &[&'a str],
        strokes: &[(Stroke, &'a str)],
        size: f64,
        available: f64,
    ) -> Self {
        let entry = |stroke, color, marker, label| {
            let label = text::shortened(label, size, available - SAMPLE - SAMPLE_GAP);
            let width = SAMPLE + SAMPLE_GAP + text::width(&label, size);
            Entry { stroke, color, marker, label, width }
        };
        let models = models.iter().enumerate().map(|(index, model)| {
            entry(Stroke::Solid, palette::color(index, models.len()), Some(index), *model)
        });
        let strokes = strokes
            .iter()
            .map(|&(stroke, label)| entry(stroke, STROKE_COLOR.to_owned(), None, label));
        let mut lines = wrapped(models, available);
        lines.extend(wrapped(strokes, available));
        Self { lines, size }
    }

    pub(crate) fn height(&self) -> f64 {
        self.lines.len() as f64 * LINE_HEIGHT
    }

    /// Draws the lines centred around `middle`, downwards from `top`.
    pub(crate) fn draw(&self, svg: &mut Svg, middle: f64, top: f64) {
        for (index, line) in self.lines.iter().enumerate() {
            let y = top + (index as f64 + 0.5) * LINE_HEIGHT;
            let mut x = middle - line.width / 2.0;
            for entry in &line.entries {
                let mut sample = Path::default();
                sample.polyline(&[(x, y), (x + SAMPLE, y)]);
                entry.stroke.draw(svg, &sample, &entry.color);
                if let Some(model) = entry.marker {
                    let mut marker = Path::default();
                    palette::marker(&mut marker, model, (x + SAMPLE / 2.0, y));
                    svg.element("path", &[("d", &marker), ("fill", &entry.color)]);
                }
                let at = (x + SAMPLE + SAMPLE_GAP, y + BASELINE * self.size);
                svg.text(at, Anchor::Start, self.size, INK, &entry.label);
                x += entry.width + ENTRY_GAP;
            }
        }
    }
}

/// One line if there is room; else as few as possible, in columns of equal width.
fn wrapped<'a>(entries: impl Iterator<Item = Entry<'a>>, available: f64) -> Vec<Line<'a>> {
    let mut entries: Vec<Entry<'a>> = entries.collect();
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
