//! A figure of the report with its name and its caption.

use crate::figure::Figure;

/// A figure of a [`Report`](crate::Report).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReportFigure {
    /// Fit for the name of a file, without an extension: ASCII letters, digits, `-`, `_` and `.`,
    /// where the report made it.
    pub name: String,
    /// What it shows, as plain text.
    pub caption: String,
    /// The picture.
    pub figure: Figure,
}
