//! How lines are drawn.

use crate::plot::svg::{Path, Svg};

/// How a curve is drawn, from the foreground to the background.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Stroke {
    /// A line with a marker at each measured step.
    Solid,
    /// A line without markers: one of many.
    Thin,
    Dashed,
    Dotted,
}

impl Stroke {
    pub(crate) const fn width(self) -> f64 {
        match self {
            Self::Solid => 1.7,
            Self::Thin | Self::Dashed => 1.2,
            Self::Dotted => 1.3,
        }
    }

    const fn dashes(self) -> &'static str {
        match self {
            Self::Solid | Self::Thin => "none",
            Self::Dashed => "5 3",
            Self::Dotted => "1.2 2.6",
        }
    }

    const fn opacity(self) -> f64 {
        match self {
            Self::Solid | Self::Thin | Self::Dashed => 1.0,
            Self::Dotted => 0.9,
        }
    }

    pub(crate) fn draw(self, svg: &mut Svg, line: &Path, color: &str) {
        svg.element(
            "path",
            &[
                ("d", line),
                ("fill", &"none"),
                ("stroke", &color),
                ("stroke-width", &self.width()),
                ("stroke-dasharray", &self.dashes()),
                ("stroke-opacity", &self.opacity()),
                ("stroke-linejoin", &"round"),
            ],
        );
    }
}
