//! `settling report`: one document of everything that the tables of a study say.

use std::fs;
use std::path::PathBuf;

use crate::exit::{Exit, Failure, Outcome};
use crate::places::Inputs;
use crate::unique::unique;
use crate::written::Written;

/// Makes one document of everything that the tables of a study say.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: a folder with records.csv, as `settling study` writes it, or anybody's with its columns;
       with manifest.json and stored spectra if they are there.
Gives: report.html with figures, tables, definitions and what the numbers do not support, which
       loads nothing else; and every figure of it as SVG and PNG in figures/.")]
pub(crate) struct Args {
    /// Folder with records.csv
    folder: PathBuf,
    /// Folder for report.html and figures/ [default: FOLDER]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Stored spectra to draw of every model, by site and signal [default: the MLP's weight in the
    /// middle of each model]
    #[arg(long)]
    spectra: Vec<String>,
    /// The file of a protocol of the records, if it is neither built in nor in manifest.json
    #[arg(long, value_name = "FILE.toml")]
    protocol: Vec<PathBuf>,
    /// What the document is called [default: the name of the folder]
    #[arg(long)]
    title: Option<String>,
}

pub(crate) fn run(args: Args) -> Outcome {
    let spelled: Vec<String> =
        args.protocol.iter().map(|file| file.display().to_string()).collect();
    unique("--protocol", &spelled)?;
    unique("--spectra", &args.spectra)?;
    let written =
        Written::read(&args.folder, args.title.as_deref(), &args.spectra, &args.protocol)?;
    let figures = written.report().figures()?;

    let out = args.out.as_ref().unwrap_or(&args.folder);
    let pictures = out.join("figures");
    let files = figures
        .iter()
        .flat_map(|drawn| ["svg", "png"].map(|end| pictures.join(format!("{}.{end}", drawn.name))));
    let read = ["records.csv", "manifest.json"].map(|name| args.folder.join(name));
    let inputs = Inputs::new().files(read).files(&args.protocol);
    inputs.keep("--out", files.chain([out.join("report.html")]))?;
    fs::create_dir_all(&pictures).map_err(|error| Failure::output(&pictures, &error))?;
    for drawn in &figures {
        drawn.figure.save(pictures.join(&drawn.name))?;
    }
    let (document, bytes) = written.write_html(out)?;
    println!("wrote {} ({} KiB)", document.display(), bytes.div_ceil(1024));
    let plural = if figures.len() == 1 { "figure" } else { "figures" };
    println!("wrote {} {plural} in {}, as SVG and PNG", figures.len(), pictures.display());
    Ok(Exit::Done)
}
