//! Every figure of the program: what is drawn of tables, and the names of the files.

use std::path::Path;

use settling::figures::{self, Error};
use settling::records::{MccRow, Record};

#[cfg(feature = "capture")]
pub(crate) use of_study::main_figures;

/// Draws the table of MCCs.
pub(crate) fn mcc(rows: &[MccRow], stem: &Path) -> Result<(), Error> {
    figures::mcc_figure(rows)?.save(stem)
}

/// Draws the PER of weights.
pub(crate) fn weights(records: &[Record], stem: &Path) -> Result<(), Error> {
    figures::weight_figure(records)?.save(stem)
}

#[cfg(feature = "capture")]
mod of_study {
    //! What only a study draws.

    use std::path::{Path, PathBuf};

    use settling::analysis::Tables;
    use settling::figures::{self, Error, figure_stem};

    /// Draws the main figure of every protocol into `out`: main.svg and main.png, or of several
    /// protocols main-<protocol>.svg and .png. Returns where the SVGs are.
    pub(crate) fn main_figures(tables: &[Tables], out: &Path) -> Result<Vec<PathBuf>, Error> {
        let names: Vec<&str> = tables.iter().map(|table| table.rules.protocol.as_str()).collect();
        let mut written = Vec::new();
        for table in tables {
            let stem = figure_stem("main", &table.rules.protocol, &names);
            figures::main_figure(table)?.save(out.join(&stem))?;
            written.push(out.join(stem + ".svg"));
        }
        Ok(written)
    }
}
