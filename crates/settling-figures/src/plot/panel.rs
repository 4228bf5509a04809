//! One pair of axes and what is drawn in it.

use crate::plot::axis::{Axis, Tick};
use crate::plot::palette::{self, INK, MINOR, QUIET, RULE};
use crate::plot::stroke::Stroke;
use crate::plot::svg::{Anchor, Path, Svg};
use crate::plot::text;

/// The height of a panel among others.
pub(crate) const HEIGHT: f64 = 186.0;
pub(crate) const LABEL_SIZE: f64 = 13.0;

/// The distance from the middle of a line of text to its baseline, in units of its size.
pub(crate) const BASELINE: f64 = 0.36;

/// A label of the vertical axis this close to its low end is above labels of the horizontal one,
/// which then begin no farther before the panel than this.
const CORNER: f64 = 10.0;
const BEFORE_CORNER: f64 = 4.0;

/// The least space between two labels of the horizontal axis.
const LABEL_GAP: f64 = 5.0;

/// Numbers along the horizontal axis, `None` where there is none.
pub(crate) type Points<T> = Vec<(f64, Option<T>)>;

/// Something drawn in a panel, in the units of its axes.
pub(crate) enum Mark {
    /// The numbers of one series, interrupted where there is none.
    Curve { series: usize, stroke: Stroke, points: Points<f64> },
    /// What lies between two curves, from the lower to the upper.
    Band { fill: &'static str, points: Points<(f64, f64)> },
    /// Points of a curve whose markers are outlined: they stand for less than the others.
    Outlined { series: usize, points: Vec<(f64, f64)> },
    /// Members of a series that have no number, in the lane of the vertical axis.
    Lane { series: usize, at: Vec<f64> },
}

impl Mark {
    /// Every number along the horizontal axis.
    pub(crate) fn across(&self) -> Vec<f64> {
        match self {
            Self::Curve { points, .. } => points.iter().map(|&(x, _)| x).collect(),
            Self::Band { points, .. } => points.iter().map(|&(x, _)| x).collect(),
            Self::Outlined { points, .. } => points.iter().map(|&(x, _)| x).collect(),
            Self::Lane { at, .. } => at.clone(),
        }
    }

    /// Every number along the vertical axis.
    pub(crate) fn up(&self) -> Vec<f64> {
        match self {
            Self::Curve { points, .. } => points.iter().filter_map(|&(_, y)| y).collect(),
            Self::Band { points, .. } => {
                points.iter().filter_map(|&(_, y)| y).flat_map(|(low, high)| [low, high]).collect()
            }
            Self::Outlined { points, .. } => points.iter().map(|&(_, y)| y).collect(),
            Self::Lane { .. } => Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Lane { at, .. } => at.is_empty(),
            Self::Curve { .. } | Self::Band { .. } | Self::Outlined { .. } => self.up().is_empty(),
        }
    }
}

/// One pair of axes at its place on the page.
pub(crate) struct Panel<'a> {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// How far labels of the horizontal axis may reach beyond it on either side.
    pub(crate) beside: f64,
    pub(crate) x: &'a Axis,
    pub(crate) y: &'a Axis,
}

impl Panel<'_> {
    fn x(&self, number: f64) -> f64 {
        self.left + self.x.place(number) * self.width
    }

    fn y(&self, number: f64) -> f64 {
        self.bottom() - self.y.place(number) * self.height
    }

    fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Draws grid and axes, with labels below where `label_x` and on the left where `label_y`.
    pub(crate) fn draw_axes(&self, svg: &mut Svg, label_x: bool, label_y: bool) {
        let (left, right, bottom) = (self.left, self.left + self.width, self.bottom());
        let label = |svg: &mut Svg, y: f64, label: &str| {
            let at = (left - 7.0, y + BASELINE * LABEL_SIZE);
            svg.text(at, Anchor::End, LABEL_SIZE, INK, label);
        };
        let mut minor = Path::default();
        for tick in self.y.ticks() {
            let y = self.y(tick.at);
            if tick.label.is_empty() {
                minor.polyline(&[(left - 2.5, y), (left, y)]);
                continue;
            }
            svg.line((left, y), (right, y), RULE, 0.8);
            svg.line((left - 4.0, y), (left, y), INK, 0.9);
            if label_y {
                label(svg, y, &tick.label);
            }
        }
        let mut ticks = self.x.ticks();
        self.drop_wide_ends(&mut ticks, label_y);
        let every = self.labels_with_room(&ticks);
        let mut index = 0;
        for tick in ticks {
            let x = self.x(tick.at);
            if tick.label.is_empty() {
                minor.polyline(&[(x, bottom), (x, bottom + 2.5)]);
                continue;
            }
            svg.line((x, self.top), (x, bottom), RULE, 0.8);
            svg.line((x, bottom), (x, bottom + 4.5), INK, 0.9);
            if label_x && index % every == 0 {
                svg.text((x, bottom + 18.0), Anchor::Middle, LABEL_SIZE, INK, &tick.label);
            }
            index += 1;
        }
        if !minor.is_empty() {
            svg.element("path", &[("d", &minor), ("stroke", &MINOR), ("stroke-width", &0.7)]);
        }
        svg.line((left, self.top), (left, bottom), INK, 0.9);
        svg.line((left, bottom), (right, bottom), INK, 0.9);
        if let Some((lane, name)) = self.y.lane() {
            let y = bottom - lane * self.height;
            let edge = bottom - (2.0 * lane - 1.0) * self.height;
            svg.line((left, edge), (right, edge), QUIET, 0.7);
            if label_y {
                label(svg, y, name);
            }
        }
        if let Some(gap) = self.x.gap() {
            let x = left + gap * self.width;
            svg.line((x - 2.5, bottom), (x + 2.5, bottom), "#fff", 2.0);
            for side in [x - 2.5, x + 2.5] {
                svg.line((side - 2.0, bottom + 4.0), (side + 2.0, bottom - 4.0), INK, 0.9);
            }
        }
        if let Some(gap) = self.y.gap() {
            let y = bottom - gap * self.height;
            svg.line((left, y - 2.5), (left, y + 2.5), "#fff", 2.0);
            for side in [y - 2.5, y + 2.5] {
                svg.line((left - 4.0, side + 2.0), (left + 4.0, side - 2.0), INK, 0.9);
            }
        }
    }

    /// Takes away labels that would reach into what is beside the panel, unless one is all there
    /// is.
    fn drop_wide_ends(&self, ticks: &mut [Tick], label_y: bool) {
        let mut labeled: Vec<&mut Tick> =
            ticks.iter_mut().filter(|tick| !tick.label.is_empty()).collect();
        if labeled.len() < 2 {
            return;
        }
        // A label of the other axis in the corner.
        let low = |tick: &Tick| !tick.label.is_empty() && self.bottom() - self.y(tick.at) < CORNER;
        let corner = label_y && self.y.ticks().iter().any(low);
        let beside = if corner { BEFORE_CORNER } else { self.beside };
        for tick in &mut labeled {
            let (x, half) = (self.x(tick.at), text::width(&tick.label, LABEL_SIZE) / 2.0);
            let room = (self.left - beside, self.left + self.width + self.beside);
            if x - half < room.0 || x + half > room.1 {
                tick.label.clear();
            }
        }
    }

    /// All labels of the horizontal axis have room if every this many is written.
    fn labels_with_room(&self, ticks: &[Tick]) -> usize {
        let ends: Vec<(f64, f64)> = ticks
            .iter()
            .filter(|tick| !tick.label.is_empty())
            .map(|tick| {
                let (x, half) = (self.x(tick.at), text::width(&tick.label, LABEL_SIZE) / 2.0);
                (x - half, x + half)
            })
            .collect();
        let fits = |every: usize| {
            let written: Vec<&(f64, f64)> = ends.iter().step_by(every).collect();
            written.windows(2).all(|pair| pair[0].1 + LABEL_GAP <= pair[1].0)
        };
        (1..ends.len()).find(|&every| fits(every)).unwrap_or(ends.len().max(1))
    }

    /// Draws `marks`, later ones on top, or says that there is nothing to draw. `series` are their
    /// names.
    pub(crate) fn draw_marks(&self, svg: &mut Svg, marks: &[Mark], series: &[&str]) {
        let mut nothing = true;
        for mark in marks.iter().filter(|mark| !mark.is_empty()) {
            nothing = false;
            match mark {
                Mark::Band { fill, points } => self.draw_band(svg, fill, points),
                Mark::Curve { series: index, stroke, points } => {
                    svg.open("g", &[("data-series", &series[*index])]);
                    self.draw_curve(svg, *index, *stroke, points, series.len());
                    svg.close("g");
                }
                Mark::Outlined { series: index, points } => {
                    let mut markers = Path::default();
                    let places = points.iter().map(|&(x, y)| (self.x(x), self.y(y)));
                    let places: Vec<(f64, f64)> = places.collect();
                    spaced(&places).for_each(|at| palette::marker(&mut markers, *index, at));
                    svg.open("g", &[("data-outlined", &series[*index])]);
                    palette::hollow(svg, &markers, &palette::color(*index, series.len()));
                    svg.close("g");
                }
                Mark::Lane { series: index, at } => {
                    svg.open("g", &[("data-series", &series[*index])]);
                    self.draw_lane(svg, *index, at, series.len());
                    svg.close("g");
                }
            }
        }
        if nothing {
            let middle = (self.left + self.width / 2.0, self.top + self.height / 2.0);
            svg.text(middle, Anchor::Middle, LABEL_SIZE, QUIET, "no data");
        }
    }

    fn draw_curve(
        &self,
        svg: &mut Svg,
        index: usize,
        stroke: Stroke,
        points: &Points<f64>,
        series: usize,
    ) {
        let color = palette::color(index, series);
        let (mut line, mut markers) = (Path::default(), Path::default());
        // Undefined values split a curve: what they separate is never joined.
        for piece in points.split(|(_, y)| y.is_none()) {
            let piece = piece.iter().filter_map(|&(x, y)| Some((self.x(x), self.y(y?))));
            let piece: Vec<(f64, f64)> = piece.collect();
            line.polyline(&piece);
            match (stroke, &piece[..]) {
                (Stroke::Solid, piece) => {
                    spaced(piece).for_each(|at| palette::marker(&mut markers, index, at));
                }
                // Lines of the background are told apart by the same shapes, now and then.
                (Stroke::Dashed | Stroke::Dotted, piece) if series > 1 => {
                    let phase = index as f64 / series as f64;
                    sparse(piece, phase)
                        .for_each(|at| palette::small_marker(&mut markers, index, at));
                }
                // A line of one point would not show.
                (stroke, &[alone]) => markers.circle(alone, 1.2 * stroke.width()),
                _ => {}
            }
        }
        stroke.draw(svg, &line, &color);
        if !markers.is_empty() {
            svg.element("path", &[("d", &markers), ("fill", &color)]);
        }
    }

    fn draw_band(&self, svg: &mut Svg, fill: &str, points: &Points<(f64, f64)>) {
        let mut area = Path::default();
        for piece in points.split(|(_, y)| y.is_none()) {
            let piece: Vec<(f64, f64, f64)> = piece
                .iter()
                .filter_map(|&(x, y)| y.map(|(low, high)| (self.x(x), self.y(low), self.y(high))))
                .collect();
            match piece[..] {
                [] => {}
                // A band of one point would not show.
                [(x, low, high)] => area.polygon(&[
                    (x - ALONE, low),
                    (x - ALONE, high),
                    (x + ALONE, high),
                    (x + ALONE, low),
                ]),
                _ => {
                    let there = piece.iter().map(|&(x, _, high)| (x, high));
                    let back = piece.iter().rev().map(|&(x, low, _)| (x, low));
                    area.polygon(&there.chain(back).collect::<Vec<_>>());
                }
            }
        }
        svg.element("path", &[("d", &area), ("fill", &fill)]);
    }

    fn draw_lane(&self, svg: &mut Svg, index: usize, at: &[f64], series: usize) {
        let Some((lane, _)) = self.y.lane() else { return };
        // Several series at the same place stay apart.
        let spread = 14.0 * (index as f64 + 0.5) / series as f64 - 7.0;
        let y = self.bottom() - lane * self.height + spread;
        let mut markers = Path::default();
        let places: Vec<(f64, f64)> = at.iter().map(|&x| (self.x(x), y)).collect();
        spaced(&places).for_each(|at| palette::marker(&mut markers, index, at));
        palette::hollow(svg, &markers, &palette::color(index, series));
    }
}

/// Markers are thinned from this many points on, so that they do not merge into a band.
const CROWDED: usize = 60;
/// How far apart markers are then.
const APART: f64 = 8.0;

/// The points of a line that have a marker: all of few, and of many the first, and those that are
/// apart from the one before.
fn spaced(piece: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let least = if piece.len() >= CROWDED { APART } else { 0.0 };
    let mut before: Option<(f64, f64)> = None;
    piece.iter().copied().filter(move |&(x, y)| {
        let shown = before.is_none_or(|(a, b)| (x - a).hypot(y - b) >= least);
        if shown {
            before = Some((x, y));
        }
        shown
    })
}

/// How far apart the markers of a line of the background are.
const FAR: f64 = 60.0;

/// A few points of a line; those of other lines, at another `phase` within 0 and 1, are elsewhere.
fn sparse(piece: &[(f64, f64)], phase: f64) -> impl Iterator<Item = (f64, f64)> {
    let last = piece.last().map_or(0.0, |&(x, _)| x);
    // Of a short line too.
    let mut next = piece.first().map_or(0.0, |&(x, _)| (x + FAR * phase).min(last));
    piece.iter().copied().filter(move |&(x, _)| {
        let shown = x >= next;
        if shown {
            next = x + FAR;
        }
        shown
    })
}

/// Half the width of a band at a step that has no neighbor.
const ALONE: f64 = 3.0;
