//! The paper's main figure, and a report, from a records.csv of any tool.
//!
//! Needs: a records.csv, as `settling study` writes it, or with its columns.
//! Run:   cargo run -p settling-figures --example draw_records -- records.csv FOLDER
//! Gives: FOLDER/main.svg, main.png and report.html.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::fs::{self, File};
use std::path::Path;

use settling_analysis::{Rules, Tables};
use settling_figures::{Report, main_figure};
use settling_records::read_records;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [records, folder] = &arguments[..] else {
        return Err("expected a records.csv and a folder".into());
    };
    let records = read_records(File::open(records)?)?;
    // What is decided and averaged is decided by rules, and only then drawn.
    let protocol = records.first().map(|record| record.protocol.clone()).unwrap_or_default();
    let tables = Tables::new(&records, &Rules { protocol, ..Rules::corrected() })?;

    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    main_figure(&tables)?.save(folder.join("main"))?;
    let report = Report { title: "My records", tables: &[tables], ..Report::default() };
    fs::write(folder.join("report.html"), report.html()?)?;
    println!("wrote main.svg, main.png and report.html in {}", folder.display());
    Ok(())
}
