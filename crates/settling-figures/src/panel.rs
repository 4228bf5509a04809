use crate::axis::{StepAxis, ValueAxis};
use crate::palette::{self, INK, MINOR, QUIET, RULE};
use crate::series::Points;
use crate::stroke::Stroke;
use crate::svg::{Anchor, Path, Svg};

pub(crate) const HEIGHT: f64 = 186.0;
pub(crate) const LABEL_SIZE: f64 = 13.0;

/// From the middle of a line of text to its baseline, in units of its size.
pub(crate) const BASELINE: f64 = 0.36;

/// The numbers of one model, and how they are drawn.
pub(crate) struct Curve {
    /// The index among the models of the figure.
    pub(crate) model: usize,
    pub(crate) stroke: Stroke,
    pub(crate) points: Points,
}

/// One pair of axes at its place on the page.
pub(crate) struct Panel<'a> {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) steps: &'a StepAxis,
    pub(crate) values: ValueAxis,
}

impl Panel<'_> {
    fn x(&self, step: u64) -> f64 {
        self.left + self.steps.place(step) * self.width
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom() - self.values.place(value) * HEIGHT
    }

    fn bottom(&self) -> f64 {
        self.top + HEIGHT
    }

    /// Draws grid and axes; the steps are labelled where `label_steps`.
    pub(crate) fn draw_axes(&self, svg: &mut Svg, label_steps: bool) {
        let (left, right, bottom) = (self.left, self.left + self.width, self.bottom());
        for tick in self.values.ticks() {
            let y = self.y(tick.at);
            svg.line((left, y), (right, y), RULE, 0.8);
            svg.line((left - 4.0, y), (left, y), INK, 0.9);
            let at = (left - 7.0, y + BASELINE * LABEL_SIZE);
            svg.text(at, Anchor::End, LABEL_SIZE, INK, &tick.label);
        }
        for tick in self.steps.ticks() {
            let x = self.x(tick.at);
            if tick.label.is_empty() {
                svg.line((x, bottom), (x, bottom + 2.5), MINOR, 0.7);
                continue;
            }
            svg.line((x, self.top), (x, bottom), RULE, 0.8);
            svg.line((x, bottom), (x, bottom + 4.5), INK, 0.9);
            if label_steps {
                svg.text((x, bottom + 18.0), Anchor::Middle, LABEL_SIZE, INK, &tick.label);
            }
        }
        svg.line((left, self.top), (left, bottom), INK, 0.9);
        svg.line((left, bottom), (right, bottom), INK, 0.9);
        if let Some(gap) = self.steps.gap() {
            let x = left + gap * self.width;
            svg.line((x - 2.5, bottom), (x + 2.5, bottom), "#fff", 2.0);
            for side in [x - 2.5, x + 2.5] {
                svg.line((side - 2.0, bottom + 4.0), (side + 2.0, bottom - 4.0), INK, 0.9);
            }
        }
    }

    /// Draws `curves`, later ones on top, or says that there is nothing to draw.
    pub(crate) fn draw_curves(&self, svg: &mut Svg, curves: &[Curve], models: &[&str]) {
        let defined = |curve: &&Curve| curve.points.values().any(Option::is_some);
        let mut nothing = true;
        for curve in curves.iter().filter(defined) {
            nothing = false;
            svg.open("g", &[("data-model", &models[curve.model])]);
            self.draw_curve(svg, curve, &palette::color(curve.model, models.len()));
            svg.close("g");
        }
        if nothing {
            let middle = (self.left + self.width / 2.0, self.top + HEIGHT / 2.0);
            svg.text(middle, Anchor::Middle, LABEL_SIZE, QUIET, "no data");
        }
    }

    fn draw_curve(&self, svg: &mut Svg, curve: &Curve, color: &str) {
        let (mut line, mut markers) = (Path::default(), Path::default());
        let points: Vec<(u64, Option<f64>)> =
            curve.points.iter().map(|(&step, &value)| (step, value)).collect();
        // Undefined values split a curve: what they separate is never joined.
        for piece in points.split(|(_, value)| value.is_none()) {
            let piece =
                piece.iter().filter_map(|&(step, value)| Some((self.x(step), self.y(value?))));
            let piece: Vec<(f64, f64)> = piece.collect();
            line.polyline(&piece);
            match (curve.stroke, &piece[..]) {
                (Stroke::Solid, piece) => {
                    piece.iter().for_each(|&at| palette::marker(&mut markers, curve.model, at));
                }
                // A line of one point would not show.
                (stroke, &[alone]) => markers.circle(alone, 1.2 * stroke.width()),
                _ => {}
            }
        }
        curve.stroke.draw(svg, &line, color);
        if !markers.is_empty() {
            svg.element("path", &[("d", &markers), ("fill", &color)]);
        }
    }
}
