//! A bar that shows how far a command is.

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on a terminal, nothing elsewhere.
pub(crate) fn bar(doing: &'static str) -> ProgressBar {
    // The template is fixed and valid; the default style is the fallback.
    let style = ProgressStyle::with_template("{prefix} {bar:32} {pos}/{len}  {eta} left  {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_prefix(doing)
}
