//! Writing HTML: the only place where text from records becomes markup.

use crate::plot::text::reorders;

/// The id, the title and the markup of a section.
pub(super) type Section = (String, String, String);

/// `text` with what HTML would read as markup written as characters, fit for content and for quoted
/// attributes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(char),
            char if char.is_control() || reorders(char) => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
    out
}

/// A paragraph of plain text.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// A list of plain texts.
pub(super) fn list(items: &[&str]) -> String {
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<ul>\n{items}</ul>\n")
}

/// A table of plain texts; the columns from `numbers` on are aligned on the right.
pub(super) fn table(caption: &str, head: &[&str], rows: &[Vec<String>], numbers: usize) -> String {
    let line = |cells: Vec<(usize, String)>, tag: &str| {
        let cell = |(index, text): (usize, String)| {
            let class = if index >= numbers { " class=\"n\"" } else { "" };
            let text = escape(&text);
            // In full where it is cut off.
            let full = if text.len() > LONG { format!(" title=\"{text}\"") } else { String::new() };
            format!("<{tag}{class}{full}>{text}</{tag}>")
        };
        format!("<tr>{}</tr>\n", cells.into_iter().map(cell).collect::<String>())
    };
    let head = head.iter().map(|&text| text.to_owned()).enumerate().collect();
    let body: String =
        rows.iter().map(|row| line(row.iter().cloned().enumerate().collect(), "td")).collect();
    format!(
        "<div class=\"wide\"><table>\n<caption>{}</caption>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n",
        escape(caption),
        line(head, "th")
    )
}

/// From this many bytes on a cell may be cut off.
const LONG: usize = 40;

/// A whole document: `title` is plain text, `body` is markup.
pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

const STYLE: &str = "\
:root { color-scheme: light; }
body { margin: 0 auto; padding: 1.5rem; max-width: 62rem; background: #fff; color: #222;
  font: 16px/1.5 \"DejaVu Sans\", \"Helvetica Neue\", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; }
h2 { font-size: 1.3rem; margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1.05rem; margin-bottom: 0.3rem; }
h1, h2, h3, p, li, dd, caption, figcaption { overflow-wrap: anywhere; }
p, li { max-width: 46rem; }
nav ol { padding-left: 2.5rem; }
@media (min-width: 60rem) {
  nav ol { columns: 2; column-gap: 3.5rem; }
  nav li { break-inside: avoid; margin-left: 0.5rem; }
}
a { color: #1f4e79; }
body { counter-reset: figure; }
figure { counter-increment: figure; margin: 1rem 0 1.5rem; }
figure svg { max-width: 100%; height: auto; }
figcaption { font-size: 0.9rem; }
figcaption::before { content: \"Figure \" counter(figure) \". \"; font-weight: bold; }
.absent { color: #555; border-left: 3px solid #bbb; padding-left: 0.8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; margin: 1rem 0; }
caption { text-align: left; padding-bottom: 0.4rem; color: #555; }
th, td { padding: 0.15rem 0.6rem; text-align: left; border-bottom: 1px solid #ddd; }
th { vertical-align: bottom; }
td { white-space: nowrap; max-width: 18rem; overflow: hidden; text-overflow: ellipsis; }
td.t { white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { font-size: 0.75rem; overflow-x: auto; background: #f6f6f6; padding: 0.8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print {
  body { padding: 0; max-width: none; font-size: 10pt; }
  figure, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  a { color: inherit; text-decoration: none; }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_html_would_read_as_markup() {
        let hostile = "</td><script>alert('1')</script>&\"\u{0}";
        let shown = "&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}";
        assert_eq!(escape(hostile), shown);
        for made in [
            paragraph(hostile),
            list(&[hostile]),
            table(hostile, &[hostile], &[vec![hostile.to_owned()]], 0),
            document(hostile, ""),
        ] {
            assert!(made.contains(shown) && !made.contains("<script"), "{made}");
        }
    }
}
