//! How wide a text is in the embedded font, and where it breaks.

use std::borrow::Cow;

use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider};

use crate::plot::codes;
use crate::plot::font::font;

/// `number` with this many decimals, a minus that is one, and no minus before a zero.
pub(crate) fn decimals(number: f64, decimals: usize) -> String {
    let written = format!("{number:.decimals$}");
    match written.strip_prefix('-') {
        Some(zero) if zero.chars().all(|char| "0.".contains(char)) => zero.to_owned(),
        Some(digits) => format!("\u{2212}{digits}"),
        None => written,
    }
}

/// `1 layer`, `2 layers`.
pub(crate) fn counted(count: impl Into<u128>, of: &str) -> String {
    let count = count.into();
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}

/// A p-value.
pub(crate) fn p_value(p: f64) -> String {
    if p < 5e-4 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// Whether `char` changes the order of what comes after it, be it of another text.
pub(crate) fn reorders(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How wide each character of `text` is in the embedded font at `size` pixels, without kerning. One
/// that it does not have is as wide as its [code](codes).
fn widths(text: &str, size: f64) -> impl Iterator<Item = f64> {
    let font = FontRef::new(font()).expect("the embedded font is a font");
    let width = move |char, size: f64| {
        let glyphs = GlyphMetrics::new(&font, Size::new(size as f32), LocationRef::default());
        let glyph = font.charmap().map(char)?;
        Some(f64::from(glyphs.advance_width(glyph).unwrap_or(0.0)))
    };
    text.chars().map(move |char| {
        width(char, size).unwrap_or_else(|| {
            let small = codes::SIZE * size;
            codes::code(char).chars().filter_map(|one| width(one, small)).sum()
        })
    })
}

/// How wide `text` is in the embedded font at `size` pixels, without kerning.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    widths(text, size).sum()
}

/// `text`, or its two ends around an ellipsis where it is wider than `available`.
pub(crate) fn shortened(text: &str, size: f64, available: f64) -> Cow<'_, str> {
    // More characters never fit than as many of an eighth of the size; what takes no room, as
    // combining marks do, is cut too.
    let most = (8.0 * available / size).max(0.0) as usize;
    if text.chars().nth(most).is_none() && width(text, size) <= available {
        return Cow::Borrowed(text);
    }
    let chars: Vec<char> = text.chars().collect();
    let widths: Vec<f64> = widths(text, size).collect();
    let mut room = available - width("…", size);
    let (mut head, mut tail) = (0, chars.len());
    // One from the front, one from the back.
    while head < tail && head < most {
        let front = head <= chars.len() - tail;
        let next = if front { widths[head] } else { widths[tail - 1] };
        // All of it does not fit.
        if room < next || tail - head == 1 {
            break;
        }
        room -= next;
        if front { head += 1 } else { tail -= 1 }
    }
    Cow::Owned(chars[..head].iter().chain(&['…']).chain(&chars[tail..]).collect())
}

/// A name as part of a sentence or a heading: of any length it leaves room for other words.
pub(crate) fn short_name(name: &str) -> Cow<'_, str> {
    const SIZE: f64 = 12.0;
    if name.trim().is_empty() { "(no name)".into() } else { shortened(name, SIZE, 40.0 * SIZE) }
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
        // What it lacks is as wide as what stands for it.
        assert_eq!(width("a\u{6a21}", 10.0), width("a", 10.0) + width("[6A21]", 5.0));
    }

    #[test]
    fn numbers_have_a_minus_only_where_something_is_below_zero() {
        let written = [-0.001, -0.0, 0.0, -0.25, 1.0].map(|number| decimals(number, 2));
        assert_eq!(written, ["0.00", "0.00", "0.00", "\u{2212}0.25", "1.00"]);
        let counts = [0_u32, 1, 2].map(|count| counted(count, "layer"));
        assert_eq!(counts, ["0 layers", "1 layer", "2 layers"]);
        assert_eq!([0.0004, 0.0006, 0.25].map(p_value), ["<0.001", "0.001", "0.250"]);
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
