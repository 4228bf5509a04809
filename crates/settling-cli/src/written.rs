//! What a study has written, and the report of it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use settling::analysis::Tables;
use settling::core::Step;
use settling::figures::{ErrorKind, Report, ReportFigure, spectra_figure};
use settling::records::{Record, read_records};
use settling::{Manifest, read_spectra};

use crate::exit::Failure;
use crate::protocols::Making;

/// What a study has written: records.csv, and manifest.json and stored spectra if they are there.
pub(crate) struct Written {
    title: String,
    /// Of every protocol of the records, under its own rules.
    pub(crate) tables: Vec<Tables>,
    making: Making,
    audit: Option<String>,
    spectra: Vec<ReportFigure>,
}

impl Written {
    /// Reads `folder`, with the spectra of these names, or if there are none of the MLP's weight in
    /// the middle of each model. The report is called after the folder unless it has a title.
    /// `protocols` are files of protocols that neither the program nor a manifest knows.
    pub(crate) fn read(
        folder: &Path,
        title: Option<&str>,
        wanted: &[String],
        protocols: &[PathBuf],
    ) -> Result<Self, Box<dyn Error>> {
        if !folder.is_dir() {
            let message = format!("{}: expected a folder with records.csv", folder.display());
            return Err(Failure::usage(message).into());
        }
        let path = folder.join("records.csv");
        let file = File::open(&path).map_err(|error| bad_input(&path, &error))?;
        let records = read_records(file).map_err(|error| bad_input(&path, &error))?;
        let making = Making::read(folder, protocols)?;
        let tables = making.protocols(&records)?.into_iter();
        let tables = tables.map(|protocol| Tables::new(&records, &protocol.rules()));
        let tables = tables.collect::<Result<_, _>>().map_err(|error| bad_input(&path, &error))?;
        let audit = making.manifest().and_then(audit);
        let spectra = spectra(folder, &records, wanted)?;
        let title = title.map_or_else(|| title_of(folder), ToOwned::to_owned);
        Ok(Self { title, tables, making, audit, spectra })
    }

    /// The report of it.
    pub(crate) fn report(&self) -> Report<'_> {
        Report {
            title: &self.title,
            tables: &self.tables,
            manifest: self.making.text(),
            audit: self.audit.as_deref(),
            more: &self.spectra,
        }
    }

    /// Writes `report.html` into `out`, and says where it is and how many bytes it has.
    pub(crate) fn write_html(&self, out: &Path) -> Result<(PathBuf, usize), Box<dyn Error>> {
        let html = self.report().html()?;
        let document = out.join("report.html");
        write_whole(&document, &html).map_err(|error| Failure::output(&document, &error))?;
        Ok((document, html.len()))
    }
}

fn title_of(folder: &Path) -> String {
    let name = folder.canonicalize().ok().and_then(|path| path.file_name().map(ToOwned::to_owned));
    name.map(|name| format!("Report of {}", name.to_string_lossy())).unwrap_or_default()
}

/// What a manifest says of the checkpoints of each model.
fn audit(manifest: &Manifest) -> Option<String> {
    let mut lines = Vec::new();
    for model in &manifest.models {
        let Some(audit) = &model.audit else { continue };
        lines.push(format!("{}: {}", model.model, audit.verdict));
        lines.extend(audit.findings.iter().map(|finding| format!("  {finding}")));
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Figures of the spectra that a study has stored beside its numbers. What was asked for by name
/// has to be there for one model at least.
fn spectra(
    folder: &Path,
    records: &[Record],
    wanted: &[String],
) -> Result<Vec<ReportFigure>, Box<dyn Error>> {
    // The deepest layer and the steps, by model and protocol.
    let mut units: BTreeMap<(&str, &str), (usize, BTreeSet<Step>)> = BTreeMap::new();
    for record in records {
        let (deepest, steps) = units.entry((&record.model, &record.protocol)).or_default();
        *deepest = record.site.layer.max(*deepest);
        steps.insert(record.step);
    }
    // A name from a table leads nowhere but into the folder.
    let plain = |name: &str| !name.starts_with('.') && !name.contains(['/', '\\', ':', '\0']);
    units.retain(|(model, protocol), _| plain(model) && plain(protocol));

    let mut figures = Vec::new();
    let mut found = BTreeSet::new();
    for (&(model, protocol), (deepest, steps)) in &units {
        let middle = [format!("layer{}.mlp.write.weight", deepest / 2)];
        for name in if wanted.is_empty() { &middle[..] } else { wanted } {
            let spectra = stored(&folder.join(model), protocol, steps, name)?;
            if spectra.is_empty() {
                continue;
            }
            found.insert(name.clone());
            let slices: Vec<(Step, &[f64])> =
                spectra.iter().map(|(step, values)| (*step, &values[..])).collect();
            let title = format!("{model} ({protocol}), {name}");
            match spectra_figure(&title, &slices) {
                Ok(figure) => figures.push(ReportFigure {
                    name: format!("spectra-{}", figures.len() + 1),
                    caption: format!("Singular values over training: {title}"),
                    figure,
                }),
                Err(error) if error.kind() == ErrorKind::NoData => eprintln!("left out: {error}"),
                Err(error) => return Err(error.into()),
            }
        }
    }
    if let Some(missing) = wanted.iter().find(|&name| !found.contains(name)) {
        let message = format!(
            "{}: no model has stored spectra of `{missing}`; names are as in layer3.mlp.write.weight",
            folder.display()
        );
        return Err(Failure::usage(message).into());
    }
    Ok(figures)
}

/// Singular values by step.
type Spectra = Vec<(Step, Vec<f64>)>;

/// The spectra of this name at each step for which there are any.
fn stored(
    model: &Path,
    protocol: &str,
    steps: &BTreeSet<Step>,
    name: &str,
) -> Result<Spectra, Box<dyn Error>> {
    let mut spectra = Vec::new();
    for &step in steps {
        let folder = model.join(format!("step{step}"));
        let places = [folder.join(protocol), folder];
        let files = places.map(|place| place.join("spectra.safetensors"));
        let Some(file) = files.iter().find(|file| file.is_file()) else { continue };
        let mut there = read_spectra(file)?.into_iter();
        if let Some(stored) = there.find(|stored| stored.to_string() == name) {
            spectra.push((step, stored.spectrum.values().to_vec()));
        }
    }
    Ok(spectra)
}

/// Writes beside the target, then renames: a report is there whole or not at all.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension(format!("html.{}.tmp", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

fn bad_input(path: &Path, error: &dyn Error) -> Box<dyn Error> {
    Failure::input(format!("{}: {error}", path.display())).into()
}
