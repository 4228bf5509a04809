//! SVG, element by element: all text is escaped here.

use std::fmt::{Display, Write};

use crate::plot::text;

/// Writes an SVG document, element by element. All text and every attribute is escaped here.
pub(crate) struct Svg {
    out: String,
}

/// The place of a text relative to its x coordinate.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// A white page with an accessible name and description.
    pub(crate) fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        let mut svg = Self { out: String::new() };
        let view_box = format!("0 0 {} {}", coord(width), coord(height));
        svg.open(
            "svg",
            &[
                ("xmlns", &"http://www.w3.org/2000/svg"),
                ("width", &coord(width)),
                ("height", &coord(height)),
                ("viewBox", &view_box),
                ("role", &"img"),
                ("font-family", &r#""DejaVu Sans", "Helvetica", Arial, sans-serif"#),
            ],
        );
        for (name, content) in [("title", title), ("desc", description)] {
            svg.tag(name, &[], Some(content));
        }
        svg.element(
            "rect",
            &[("width", &coord(width)), ("height", &coord(height)), ("fill", &"#fff")],
        );
        svg
    }

    pub(crate) fn finish(mut self) -> String {
        self.close("svg");
        self.out
    }

    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.start(name, attributes);
        self.out.push_str(">\n");
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push_str(">\n");
    }

    pub(crate) fn element(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.tag(name, attributes, None);
    }

    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str, width: f64) {
        let attributes: [(&str, &dyn Display); 6] = [
            ("x1", &coord(from.0)),
            ("y1", &coord(from.1)),
            ("x2", &coord(to.0)),
            ("y2", &coord(to.1)),
            ("stroke", &stroke),
            ("stroke-width", &width),
        ];
        self.element("line", &attributes);
    }

    /// A text on the baseline `at.1`.
    pub(crate) fn text(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        size: f64,
        fill: &str,
        content: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let attributes: [(&str, &dyn Display); 5] = [
            ("x", &coord(at.0)),
            ("y", &coord(at.1)),
            ("text-anchor", &anchor),
            ("font-size", &size),
            ("fill", &fill),
        ];
        self.tag("text", &attributes, Some(content));
    }

    /// A name of any length on the baseline `at.1`: where it is wider than `available` it is
    /// shortened, and shown in full to whoever points at it.
    pub(crate) fn name(
        &mut self,
        at: (f64, f64),
        anchor: Anchor,
        (size, available): (f64, f64),
        fill: &str,
        name: &str,
    ) {
        let name = if name.trim().is_empty() { "(no name)" } else { name };
        let shown = text::shortened(name, size, available);
        if shown == name {
            self.text(at, anchor, size, fill, name);
            return;
        }
        self.open("g", &[]);
        self.tag("title", &[], Some(name));
        self.text(at, anchor, size, fill, &shown);
        self.close("g");
    }

    fn start(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            self.escape(&value.to_string());
            self.out.push('"');
        }
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &dyn Display)], content: Option<&str>) {
        self.start(name, attributes);
        match content {
            None => self.out.push_str("/>\n"),
            Some(content) => {
                self.out.push('>');
                self.escape(content);
                self.close(name);
            }
        }
    }

    fn escape(&mut self, text: &str) {
        for char in text.chars() {
            match char {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                // XML 1.0 has no way to write these at all, not even escaped.
                '\u{fffe}' | '\u{ffff}' => self.out.push('\u{fffd}'),
                char if text::reorders(char) => self.out.push('\u{fffd}'),
                char if char.is_control() => self.out.push('\u{fffd}'),
                char => self.out.push(char),
            }
        }
    }
}

pub(crate) fn rect(svg: &mut Svg, at: (f64, f64), size: (f64, f64), fill: &str) {
    svg.element(
        "rect",
        &[
            ("x", &coord(at.0)),
            ("y", &coord(at.1)),
            ("width", &coord(size.0)),
            ("height", &coord(size.1)),
            ("fill", &fill),
            // Neighbors meet without a seam.
            ("shape-rendering", &"crispEdges"),
        ],
    );
}

/// `x` to two decimals: a hundredth of a pixel, and the same digits on every machine.
pub(crate) fn coord(x: f64) -> f64 {
    // `+ 0.0` turns -0 into 0.
    (x * 100.0).round() / 100.0 + 0.0
}

/// The `d` of an SVG path.
#[derive(Default)]
pub(crate) struct Path(String);

impl Path {
    pub(crate) fn polyline(&mut self, points: &[(f64, f64)]) {
        for (index, &point) in points.iter().enumerate() {
            self.push(if index == 0 { 'M' } else { 'L' }, point);
        }
    }

    pub(crate) fn polygon(&mut self, corners: &[(f64, f64)]) {
        self.polyline(corners);
        self.0.push('Z');
    }

    pub(crate) fn circle(&mut self, (x, y): (f64, f64), radius: f64) {
        self.push('M', (x - radius, y));
        for end in [x + radius, x - radius] {
            let r = coord(radius);
            write!(self.0, "A{r} {r} 0 0 1 {} {}", coord(end), coord(y))
                .expect("a String takes all that is written to it");
        }
        self.0.push('Z');
    }

    pub(crate) fn rect(&mut self, at: (f64, f64), size: (f64, f64)) {
        self.push('M', at);
        let (left, right, bottom) = (coord(at.0), coord(at.0 + size.0), coord(at.1 + size.1));
        write!(self.0, "H{right}V{bottom}H{left}Z")
            .expect("a String takes all that is written to it");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push(&mut self, command: char, (x, y): (f64, f64)) {
        write!(self.0, "{command}{} {}", coord(x), coord(y))
            .expect("a String takes all that is written to it");
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let hostile = "<&>\"\u{1}\u{ffff}\n";
        let mut svg = Svg::new(10.0, 10.0, hostile, "");
        svg.element("g", &[("data-model", &hostile)]);
        let svg = svg.finish();
        let document = roxmltree::Document::parse(&svg).expect("well-formed XML");
        let title = document.descendants().find(|node| node.has_tag_name("title"));
        let group = document.descendants().find(|node| node.has_tag_name("g"));
        let shown = "<&>\"\u{fffd}\u{fffd}\u{fffd}";
        assert_eq!(title.and_then(|title| title.text()), Some(shown));
        assert_eq!(group.and_then(|group| group.attribute("data-model")), Some(shown));
    }

    #[test]
    fn coordinates_have_two_decimals_and_no_negative_zero() {
        let mut path = Path::default();
        path.polyline(&[(-0.001, 1.0 / 3.0), (2.0, -12.346)]);
        assert_eq!(path.to_string(), "M0 0.33L2 -12.35");
    }
}
