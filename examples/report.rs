//! One document with everything that the tables of a study say: figures, tables, definitions, and
//! what the numbers do not support.
//!
//! Needs: a folder with records.csv, as `study` and `demo` write it, or anybody's with its columns
//!        (docs of settling-records); with mcc.csv, manifest.json and stored spectra if they are
//!        there. Nothing of libtorch itself (the examples are one package, and its others do). Run:
//!        cargo run --release --example report -- FOLDER [--out DIR] [--spectra
//!        layer3.mlp.write.weight] Gives: report.html, which loads nothing else, and every figure
//!        of it as SVG and PNG in figures/.

#[macro_use]
#[path = "support/print.rs"]
mod print;
#[path = "support/report.rs"]
mod files;
#[path = "support/terminal.rs"]
#[allow(dead_code, reason = "it is done before a bar could be seen")]
mod terminal;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Makes one document with everything that the tables of a study say.
#[derive(Parser)]
struct Args {
    /// Folder with records.csv
    folder: PathBuf,
    /// Folder for report.html and figures/ [default: FOLDER]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Stored spectra to draw of every model, by site and signal [default: the MLP's weight in the
    /// middle of each model]
    #[arg(long)]
    spectra: Vec<String>,
    /// What the document is called [default: the name of the folder]
    #[arg(long)]
    title: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => terminal::fail(error.as_ref()),
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let written = files::Written::read(&args.folder, args.title.as_deref(), &args.spectra)?;
    let report = written.report();
    let figures = report.figures()?;

    let out = args.out.as_ref().unwrap_or(&args.folder);
    let pictures = out.join("figures");
    fs::create_dir_all(&pictures).map_err(|error| files::no_output(&pictures, &error))?;
    for drawn in &figures {
        drawn.figure.save(pictures.join(&drawn.name))?;
    }
    let (document, bytes) = files::write_html(&report, out)?;
    println!("wrote {} ({} KiB)", document.display(), bytes.div_ceil(1024));
    println!("wrote {} figures in {}, as SVG and PNG", figures.len(), pictures.display());
    Ok(())
}
