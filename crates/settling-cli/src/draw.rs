//! Every figure of the program: what is drawn of tables, and the names of the files.

use std::path::{Path, PathBuf};

use settling::Protocol;
use settling::figures::{self, Error, Report, ReportFigure};
use settling::records::{MccRow, Record};

/// Draws the main figure of every protocol into `out`: main.svg and main.png, or of several
/// protocols main-<protocol>.svg and .png. Returns where the SVGs are.
#[cfg_attr(not(feature = "capture"), expect(dead_code, reason = "only a study draws it alone"))]
pub(crate) fn main_figures(
    records: &[Record],
    protocols: &[Protocol],
    out: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let mut written = Vec::new();
    for protocol in protocols {
        let records: Vec<Record> =
            records.iter().filter(|record| record.protocol == protocol.name).cloned().collect();
        let stem = match protocols.len() {
            1 => "main".to_owned(),
            _ => format!("main-{}", protocol.name),
        };
        figures::main_figure(&records)?.save(out.join(&stem))?;
        written.push(out.join(stem + ".svg"));
    }
    Ok(written)
}

/// Draws the table of MCCs.
pub(crate) fn mcc(rows: &[MccRow], stem: &Path) -> Result<(), Error> {
    figures::mcc_figure(rows)?.save(stem)
}

/// Draws the PER of weights.
pub(crate) fn weights(records: &[Record], stem: &Path) -> Result<(), Error> {
    figures::weight_figure(records)?.save(stem)
}

/// What a report is made of.
pub(crate) struct Contents<'a> {
    pub(crate) title: &'a str,
    pub(crate) records: &'a [Record],
    pub(crate) mcc: &'a [MccRow],
    pub(crate) manifest: Option<&'a str>,
    pub(crate) audit: Option<&'a str>,
    pub(crate) more: &'a [ReportFigure],
}

impl Contents<'_> {
    fn report(&self) -> Report<'_> {
        Report {
            title: self.title,
            records: self.records,
            mcc: self.mcc,
            manifest: self.manifest,
            audit: self.audit,
            more: self.more,
        }
    }

    pub(crate) fn html(&self) -> Result<String, Error> {
        self.report().html()
    }

    pub(crate) fn figures(&self) -> Result<Vec<ReportFigure>, Error> {
        self.report().figures()
    }
}
