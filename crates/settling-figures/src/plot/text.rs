//! How wide a text is in the embedded font, and where it breaks.

use std::borrow::Cow;

use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

/// The only font in which figures are measured and rasterized.
pub(crate) fn font() -> &'static [u8] {
    dejavu::sans::regular()
}

/// How wide `text` is in the embedded font at `size` pixels, without kerning.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let font = FontRef::new(font()).expect("the embedded font is a font");
    let glyphs = GlyphMetrics::new(&font, Size::new(size as f32), LocationRef::default());
    let glyph = |char| font.charmap().map(char).unwrap_or_default();
    text.chars().map(|char| f64::from(glyphs.advance_width(glyph(char)).unwrap_or(0.0))).sum()
}

/// `text`, or its two ends around an ellipsis where it is wider than `available`.
pub(crate) fn shortened(text: &str, size: f64, available: f64) -> Cow<'_, str> {
    if width(text, size) <= available {
        return Cow::Borrowed(text);
    }
    let chars: Vec<char> = text.chars().collect();
    let with = |kept: usize| {
        let (head, tail) = (&chars[..kept.div_ceil(2)], &chars[chars.len() - kept / 2..]);
        head.iter().chain(['…'].iter()).chain(tail).collect::<String>()
    };
    // More characters never fit than as many of an eighth of the size; what takes no room, as
    // combining marks do, is cut too.
    let most = (8.0 * available / size).max(0.0) as usize;
    let kept = (0..chars.len().min(most)).rev().find(|&kept| width(&with(kept), size) <= available);
    Cow::Owned(with(kept.unwrap_or(0)))
}

/// `text` in lines no wider than `available`, broken at spaces; a longer word is shortened.
pub(crate) fn lines(text: &str, size: f64, available: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (lines.last_mut(), longer) {
            (Some(line), Some(longer)) if width(&longer, size) <= available => *line = longer,
            _ => lines.push(shortened(word, size, available).into_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        // DejaVu Sans has 2048 units an em; a digit advances by 1303 of them, an `l` by 569.
        assert!((width("00", 2048.0) - 2606.0).abs() < 0.01);
        assert!((width("l", 2048.0) - 569.0).abs() < 0.01);
    }

    #[test]
    fn only_what_is_too_wide_is_shortened() {
        assert_eq!(shortened("pythia-70m", 13.0, 100.0), "pythia-70m");
        let short = shortened("a-name-that-will-not-fit-70m", 13.0, 100.0);
        assert!(width(&short, 13.0) <= 100.0, "{short}");
        assert!(short.starts_with("a-na") && short.ends_with("-70m") && short.contains('…'));
        assert_eq!(shortened("wide", 13.0, 0.0), "…");
        // Whatever its length: at once.
        let long = "long-".repeat(200_000);
        let short = shortened(&long, 13.0, 100.0);
        assert!(width(&short, 13.0) <= 100.0 && short.starts_with("long-") && short.ends_with('-'));
    }

    #[test]
    fn lines_break_at_spaces_and_lose_nothing() {
        let text = "Means over layers. PER: proportional effective rank.";
        let lines = lines(text, 11.0, 150.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| width(line, 11.0) <= 150.0), "{lines:?}");
        assert_eq!(lines.join(" "), text);
    }
}
