//! What a study reads and writes, looked at before it does either.

use std::path::{Path, PathBuf};

use settling::check_model_name;
use settling::figures::figure_stem;

use super::request::{Place, Request, Tokens, Training};
use crate::exit::Fallible;
use crate::places::Inputs;
use crate::unique::unique;

/// Refuses names that no model can have, two models of one name, and results where something is
/// read.
pub(super) fn check(request: &Request) -> Fallible<()> {
    unique("--models", &request.models)?;
    let names: Vec<String> = request.models.iter().map(|model| request.name(model)).collect();
    names.iter().try_for_each(|name| check_model_name(name))?;
    unique("--models", &names)?;
    // Some systems have one folder for both.
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    unique("--models, in lower case", &lower)?;

    let mut files: Vec<&PathBuf> = request.protocol_files.iter().collect();
    match &request.tokens {
        Tokens::File(path) => files.push(path),
        #[cfg(feature = "hub")]
        Tokens::LastBatch { .. } => {}
    }
    if let Some(Training::File { rows, .. }) = &request.training {
        files.push(rows);
    }
    let mut inputs = Inputs::new().files(&files);
    let mut read: Vec<PathBuf> = files.into_iter().cloned().collect();
    match &request.place {
        Place::Folder(suite) => {
            for name in &names {
                inputs = inputs.checkpoints(suite.join(name));
                read.push(suite.join(name));
            }
        }
        #[cfg(feature = "hub")]
        Place::Hub { .. } => {}
    }
    inputs.keep("--out", outputs(request, &names))?;
    Inputs::keep_apart("--out", names.iter().map(|name| request.out.join(name)), &read)?;
    Ok(())
}

/// The files that are written beside the units.
fn outputs(request: &Request, names: &[String]) -> Vec<PathBuf> {
    let out: &Path = &request.out;
    let tables = ["records.csv", "records.parquet", "mcc.csv", "settling.csv", "summary.csv"];
    let mut outputs: Vec<PathBuf> = tables.map(|name| out.join(name)).into();
    outputs.extend(["manifest.json", "report.html"].map(|name| out.join(name)));
    let protocols: Vec<&str> =
        request.protocols.iter().map(|protocol| protocol.name.as_str()).collect();
    for protocol in &protocols {
        let stem = figure_stem("main", protocol, &protocols);
        outputs.extend(["svg", "png"].map(|end| out.join(format!("{stem}.{end}"))));
    }
    outputs.extend(names.iter().map(|name| out.join(name).join("audit.json")));
    outputs
}
