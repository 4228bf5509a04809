//! Figures of a settling study, from its records alone: SVG and PNG, and one self-contained report.
//!
//! # Should you use this crate?
//!
//! Yes, to draw the paper's figures from a study's `records.csv`, or from numbers of your own in
//! the same form. It needs no model, no network, no Python and no installed font. To read and write
//! records, see `settling-records`; to compute them, `settling`. This is not a plotting library: a
//! figure shows what it is meant to show, and has no options.
//!
//! # Example
//!
//! ```no_run
//! use std::fs::File;
//!
//! let records = settling_records::read_records(File::open("study/records.csv")?)?;
//! let figure = settling_figures::main_figure(&records)?;
//! figure.save("study/main")?; // study/main.svg and study/main.png
//!
//! let rows = settling_records::read_mcc(File::open("study/mcc.csv")?)?;
//! settling_figures::mcc_figure(&rows)?.save("study/mcc")?;
//!
//! let report = settling_figures::Report { records: &records, mcc: &rows, ..Default::default() };
//! std::fs::write("study/report.html", report.html()?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | question | figure |
//! |---|---|
//! | How do models converge, and how many directions do they use? | [`main_figure`]: means over layers |
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
//! - The same records give the same SVG, byte for byte, and text in a PNG never depends on the
//!   fonts of the machine.
//! - An undefined value is never drawn, bridged or replaced: it is left out of a mean and counted
//!   in the note below the figure, and a line is interrupted where nothing is left.
//! - Models differ in lightness and in marker, and what has an order in lightness, so that figures
//!   can be read without colour.
//! - Names in the records are text, in a figure as in a report, whatever they contain.
#![forbid(unsafe_code)]

mod axis;
mod error;
mod estimator_figure;
mod figure;
mod grid;
mod heat_map;
mod key;
mod layer_heat_map;
mod layer_lines;
mod main_figure;
mod mcc_figure;
mod note;
mod page;
mod palette;
mod panel;
mod percentile_figure;
mod quantile;
mod report;
mod series;
mod settling_figure;
mod spectra_figure;
mod stroke;
mod surface;
mod surface_figure;
mod svg;
mod table;
mod text;
mod training;
mod weight_figure;

pub use error::{Error, ErrorKind};
pub use estimator_figure::estimator_figure;
pub use figure::Figure;
pub use heat_map::{HeatMap, heat_map};
pub use layer_heat_map::layer_heat_map;
pub use layer_lines::layer_lines;
pub use main_figure::main_figure;
pub use mcc_figure::mcc_figure;
pub use percentile_figure::percentile_figure;
pub use quantile::quantile;
pub use report::{Report, ReportFigure};
pub use series::Quantity;
pub use settling_figure::settling_figure;
pub use spectra_figure::spectra_figure;
pub use surface_figure::surface_figure;
pub use weight_figure::weight_figure;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
