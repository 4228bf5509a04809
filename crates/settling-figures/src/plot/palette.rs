//! Colors and markers.

use crate::plot::svg::{Path, Svg};

/// Text and axes.
pub(crate) const INK: &str = "#222";
/// Text beside the point.
pub(crate) const QUIET: &str = "#666";
/// Minor ticks.
pub(crate) const MINOR: &str = "#aaa";
/// The grid.
pub(crate) const RULE: &str = "#e4e4e4";

/// Stops of viridis, up to where it would become too pale for a line on white paper. Its lightness
/// rises evenly, so that the order of the models survives color blindness and grayscale printing.
const STOPS: [[f64; 3]; 8] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [158.0, 210.0, 40.0],
];

/// The color of the model `index` of `count`, as `#rrggbb`: first dark, last light.
pub(crate) fn color(index: usize, count: usize) -> String {
    // The fewer models, the less of the pale end is needed to tell them apart.
    let reach = count as f64 / (count + 1) as f64;
    shade(reach * index as f64 / count.saturating_sub(1).max(1) as f64)
}

/// The color of `value`, from dark at 0 and below to light at 1 and above, as `#rrggbb`.
pub(crate) fn shade(value: f64) -> String {
    between(&STOPS, value)
}

/// The color at `value`, from the first of `stops` at 0 and below to the last at 1 and above.
fn between(stops: &[[f64; 3]], value: f64) -> String {
    let at = value.clamp(0.0, 1.0);
    let place = at * (stops.len() - 1) as f64;
    let below = (place as usize).min(stops.len() - 2);
    let [r, g, b] = [0, 1, 2].map(|channel| {
        let (low, high) = (stops[below][channel], stops[below + 1][channel]);
        (low + (high - low) * (place - below as f64)).round() as u8
    });
    format!("#{r:02x}{g:02x}{b:02x}")
}

/// The ends and the middle of the colors of numbers with a sign: blue, gray, red. They are told
/// apart by readers who see fewer colors, and the ends are equally dark.
const SIGNED: [[f64; 3]; 3] = [[33.0, 82.0, 156.0], [222.0, 222.0, 222.0], [173.0, 55.0, 26.0]];

/// The color of a number with a sign, as `#rrggbb`: `value` runs from 0 (the least, as far from
/// zero as the largest) to 1; zero, at 0.5, is the lightest.
pub(crate) fn signed_shade(value: f64) -> String {
    between(&SIGNED, value)
}

/// How far a marker reaches from its center.
const RADIUS: f64 = 2.8;

/// Adds the marker of the model `index` at `at`; the shapes repeat after six models.
pub(crate) fn marker(path: &mut Path, index: usize, at: (f64, f64)) {
    sized_marker(path, index, at, RADIUS);
}

/// The same, smaller: on lines of the background.
pub(crate) fn small_marker(path: &mut Path, index: usize, at: (f64, f64)) {
    sized_marker(path, index, at, 0.75 * RADIUS);
}

fn sized_marker(path: &mut Path, index: usize, at: (f64, f64), radius: f64) {
    // Factors that give the shapes the visual weight of the circle.
    match index % 6 {
        0 => path.circle(at, radius * 0.95),
        1 => path.polygon(&regular(at, 4, 45.0, radius * 1.2)),
        2 => path.polygon(&regular(at, 3, 0.0, radius * 1.3)),
        3 => path.polygon(&regular(at, 4, 0.0, radius * 1.25)),
        4 => path.polygon(&regular(at, 3, 180.0, radius * 1.3)),
        _ => path.polygon(&star(at, radius * 1.5)),
    }
}

/// Draws `markers` as outlines: they stand for what has no number.
pub(crate) fn hollow(svg: &mut Svg, markers: &Path, color: &str) {
    svg.element(
        "path",
        &[("d", markers), ("fill", &"#fff"), ("stroke", &color), ("stroke-width", &1.1)],
    );
}

/// The corners of a regular polygon, the first one `degrees` clockwise from the top.
fn regular(at: (f64, f64), corners: usize, degrees: f64, radius: f64) -> Vec<(f64, f64)> {
    let turn = |corner| degrees + 360.0 * corner as f64 / corners as f64;
    (0..corners).map(|corner| polar(at, turn(corner), radius)).collect()
}

fn star(at: (f64, f64), radius: f64) -> Vec<(f64, f64)> {
    let reach = |corner| if corner % 2 == 0 { radius } else { radius * 0.45 };
    (0..10).map(|corner| polar(at, f64::from(corner) * 36.0, reach(corner))).collect()
}

fn polar((x, y): (f64, f64), degrees: f64, radius: f64) -> (f64, f64) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    (x + radius * sin, y - radius * cos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_of_a_figure_have_different_colors() {
        for count in 1..=40 {
            let mut colors: Vec<String> = (0..count).map(|index| color(index, count)).collect();
            colors.sort();
            colors.dedup();
            assert_eq!(colors.len(), count);
        }
        assert_eq!(color(0, 5), "#440154");
    }

    #[test]
    fn shades_run_from_dark_to_light_and_no_further() {
        assert_eq!((shade(-0.1), shade(1.1)), (shade(0.0), shade(1.0)));
        assert_eq!((shade(0.0), shade(1.0)), ("#440154".to_owned(), "#9ed228".to_owned()));
    }

    #[test]
    fn signs_differ_in_color_and_distance_from_zero_in_lightness() {
        assert_eq!(signed_shade(0.5), "#dedede");
        assert_eq!((signed_shade(0.0), signed_shade(1.0)), ("#21529c".into(), "#ad371a".into()));
        let lightness = |value: f64| {
            let color = signed_shade(value);
            let channel = |at: usize| u32::from_str_radix(&color[at..at + 2], 16).unwrap();
            2126 * channel(1) + 7152 * channel(3) + 722 * channel(5)
        };
        for step in 0_u8..10 {
            let (near, far) = (f64::from(step) / 20.0, f64::from(step + 1) / 20.0);
            assert!(lightness(0.5 + near) > lightness(0.5 + far));
            assert!(lightness(0.5 - near) > lightness(0.5 - far));
        }
    }

    #[test]
    fn neighbouring_markers_differ_in_shape() {
        let shapes = (0..6).map(|index| {
            let mut path = Path::default();
            marker(&mut path, index, (0.0, 0.0));
            path.to_string()
        });
        let shapes: std::collections::BTreeSet<String> = shapes.collect();
        assert_eq!(shapes.len(), 6);
    }
}
