//! The page: its width, and the paragraphs below a figure.

use crate::plot::palette::QUIET;
use crate::plot::svg::{Anchor, Svg};
use crate::plot::text;

/// How wide most figures are: two columns of a paper.
pub(crate) const WIDTH: f64 = 1000.0;
pub(crate) const TITLE_SIZE: f64 = 15.0;
pub(crate) const NOTE_SIZE: f64 = 11.0;
const NOTE_LINE: f64 = 15.0;

/// The paragraphs below a figure.
pub(crate) struct Notes {
    lines: Vec<String>,
}

impl Notes {
    /// Breaks `notes` into lines no wider than `available`.
    pub(crate) fn new(notes: &[impl AsRef<str>], available: f64) -> Self {
        let lines = |note: &_| text::lines(AsRef::<str>::as_ref(note), NOTE_SIZE, available);
        Self { lines: notes.iter().flat_map(lines).collect() }
    }

    pub(crate) fn height(&self) -> f64 {
        self.lines.len() as f64 * NOTE_LINE
    }

    /// Draws the lines centered around `middle`, downwards from `top`.
    pub(crate) fn draw(&self, svg: &mut Svg, middle: f64, top: f64) {
        for (index, line) in self.lines.iter().enumerate() {
            let at = (middle, top + (index as f64 + 0.8) * NOTE_LINE);
            svg.text(at, Anchor::Middle, NOTE_SIZE, QUIET, line);
        }
    }
}
