//! Figures of a settling study, from its tables alone: SVG and PNG, and one self-contained report.
//!
//! # Should you use this crate?
//!
//! Yes, to draw the paper's figures from a study's `records.csv`, or from numbers of your own in
//! the same form. It needs no model, no network, no Python and no installed font. To read and write
//! records, see `settling-records`; to make tables of them, `settling-analysis`; to compute them,
//! `settling`. This is not a plotting library: a figure shows what it is meant to show, and has no
//! options.
//!
//! What a figure shows is rows of the tables of `settling-analysis`, made under the rules of a
//! protocol: its averages, estimator, views, windows and thresholds. Nothing is averaged or decided
//! here.
//!
//! # Example
//!
//! ```no_run
//! use std::fs::File;
//!
//! use settling_analysis::{Rules, Tables};
//!
//! let records = settling_records::read_records(File::open("study/records.csv")?)?;
//! let tables = Tables::new(&records, &Rules::corrected())?;
//! let figure = settling_figures::main_figure(&tables)?;
//! figure.save("study/main")?; // study/main.svg and study/main.png
//! settling_figures::mcc_figure(&tables.mcc)?.save("study/mcc")?;
//!
//! let report = settling_figures::Report { tables: &[tables], ..Default::default() };
//! std::fs::write("study/report.html", report.html()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | question | figure |
//! |---|---|
//! | How do models converge, and how many directions do they use? | [`main_figure`]: averages over layers |
//! | Do all layers do the same? | [`percentile_figure`]; of one model [`layer_lines`] and [`layer_heat_map`] |
//! | Is it similarity, or width and few observations? | [`estimator_figure`]: biased and debiased CKA, and the floor |
//! | When does each layer settle? | [`settling_figure`], by depth |
//! | Does a large rank go with early convergence? | [`mcc_figure`]; under other thresholds [`surface_figure`] |
//! | How are singular values spread? | [`spectra_figure`] over training, [`weight_figure`] over layers |
//! | How similar is every layer to every other? | [`heat_map`], of a table of your own |
//!
//! [`Report`] puts all of it into one HTML document, with definitions and with what the numbers do
//! and do not support.
//!
//! # What can be relied on
//!
//! - The same tables give the same SVG, byte for byte, and text in a PNG never depends on the
//!   fonts of the machine.
//! - A point is a row of a table, and has its value: `summary.csv`, `settling.csv`, `mcc.csv` say
//!   what the figures of the same study draw.
//! - An undefined value is never drawn, bridged or replaced: it is left out of an average and
//!   counted in the note below the figure, with its reason, and a line is interrupted where nothing
//!   is left.
//! - Models differ in lightness and in marker, and what has an order in lightness, so that figures
//!   can be read without color.
//! - Names in the tables are text, in a figure as in a report, whatever they contain.
#![forbid(unsafe_code)]

mod error;
mod figure;
mod figures;
mod plot;
mod report;
mod stem;

pub use error::{Error, ErrorKind};
pub use figure::Figure;
pub use figures::{
    HeatMap, estimator_figure, heat_map, layer_heat_map, layer_lines, main_figure, mcc_figure,
    percentile_figure, settling_figure, spectra_figure, surface_figure, weight_figure,
};
pub use report::{Report, ReportFigure};
pub use stem::figure_stem;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
