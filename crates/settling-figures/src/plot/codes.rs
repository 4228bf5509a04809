//! What stands in a PNG for characters that the embedded font does not have.
//!
//! An SVG keeps them, as whoever shows it may have a font that has them. A PNG shows the same on
//! every machine: their code points, small, in brackets, instead of boxes that all look alike.

use std::fmt::Write;

use skrifa::{FontRef, MetadataProvider};

use crate::plot::font::font;

/// The size of a code, in units of the size of the text.
pub(crate) const SIZE: f64 = 0.5;

/// What stands for `char`.
pub(crate) fn code(char: char) -> String {
    format!("[{:04X}]", u32::from(char))
}

/// `svg`, as [`Svg`](crate::plot::svg::Svg) writes it, with codes in the place of characters that
/// the embedded font does not have.
pub(crate) fn with_codes(svg: &str) -> String {
    let font = FontRef::new(font()).expect("the embedded font is a font");
    let map = font.charmap();
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some((before, from)) = rest.find("<text ").map(|at| rest.split_at(at)) {
        let start = from.find('>').map_or(from.len(), |at| at + 1);
        let (tag, from) = from.split_at(start);
        let (content, after) = from.split_at(from.find("</text>").unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(tag);
        for char in content.chars() {
            if char.is_ascii() || map.map(char).is_some() {
                out.push(char);
            } else {
                let size = SIZE * font_size(tag);
                write!(out, "<tspan font-size=\"{size}\">{}</tspan>", code(char))
                    .expect("a String takes all that is written to it");
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn font_size(tag: &str) -> f64 {
    let after = tag.split_once("font-size=\"").map_or("", |(_, after)| after);
    after.split('"').next().and_then(|size| size.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_the_font_lacks_are_codes_in_texts_alone() {
        let svg = "<desc>\u{6a21}</desc>\n<text x=\"1\" font-size=\"10\" fill=\"#222\">a\u{6a21}\u{e9}\u{1f680}</text>\n";
        let expected = "<desc>\u{6a21}</desc>\n<text x=\"1\" font-size=\"10\" fill=\"#222\">a<tspan font-size=\"5\">[6A21]</tspan>\u{e9}<tspan font-size=\"5\">[1F680]</tspan></text>\n";
        assert_eq!(with_codes(svg), expected);
    }
}
