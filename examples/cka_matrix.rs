//! Every layer of one model with every layer of another: linear CKA of what they write to the
//! residual stream, as heat maps.
//!
//! Needs: libtorch (`cargo xtask libtorch` once); two checkpoints (folders with config.json and
//!        weights) that read the same tokens, such as those of `cargo xtask demo`.
//! Run:   cargo run --release --example cka_matrix -- --a demo/suite/neox-0.6m/step1000
//!        --b demo/suite/neox-1.7m/step1000 --tokens demo/suite/last_batch.npy --out /tmp/cka
//! Gives: for Attention and MLP a table, STEM.attention.svg, STEM.mlp.svg, and the same as .png.
//!        Rows of neither model are kept: a few sequences at a time go through both.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;
use settling::capture::{Device, Engine, Options, Transformer};
use settling::checkpoint::Checkpoint;
use settling::cka::{Cka, CkaMatrix};
use settling::core::{Activations, Capture, Component, MatView, Positions, Site, TokenSource};
use settling::figures::{HeatMap, heat_map};
use settling::tokens::NpyTokens;

/// Compares every layer of one model with every layer of another.
#[derive(Parser)]
struct Args {
    /// The first model: a folder with config.json and weights
    #[arg(long)]
    a: PathBuf,
    /// The second
    #[arg(long)]
    b: PathBuf,
    /// Token rows for both: .npy of any integers
    #[arg(long)]
    tokens: PathBuf,
    /// Where the pictures go: the start of their names
    #[arg(long)]
    out: PathBuf,
    /// How many token rows to use [default: all]
    #[arg(long)]
    sequences: Option<usize>,
    /// How many of them go through both models at a time
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// Token positions that are observations: last, all, every:K or index:I
    #[arg(long, default_value = "last")]
    positions: Positions,
    /// Where the models run: auto, cpu, cuda:N or mps
    #[arg(long, default_value = "auto")]
    device: Device,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let load = |path: &Path| -> Result<Transformer, Box<dyn Error>> {
        let checkpoint = Checkpoint::open(path)?;
        let engine = Engine { device: args.device, ..Engine::default() };
        let options = Options { engine, positions: args.positions, ..Options::default() };
        Ok(Transformer::load(&checkpoint.architecture()?, &checkpoint, &options)?)
    };
    let (mut a, mut b) = (load(&args.a)?, load(&args.b)?);
    let tokens = NpyTokens::open(&args.tokens)?;
    let sequences = args.sequences.unwrap_or(tokens.rows()).min(tokens.rows());
    let batch = tokens.read_rows(0..sequences)?;

    let components = [Component::Attention, Component::Mlp];
    let mut matrices = components.map(|_| CkaMatrix::new());
    let sites = |sites: &[Site], component: Component| -> Vec<Site> {
        sites.iter().copied().filter(|site| site.component == component).collect()
    };
    for part in batch.parts(args.at_once.max(1)) {
        let (x, y) = (Activations::capture(&mut a, &part)?, Activations::capture(&mut b, &part)?);
        for (component, matrix) in components.into_iter().zip(&mut matrices) {
            let xs = views(&x, &sites(a.sites(), component))?;
            let ys = views(&y, &sites(b.sites(), component))?;
            matrix.update(&xs, &ys)?;
        }
    }
    for (component, matrix) in components.into_iter().zip(matrices) {
        let (rows, table) = (matrix.rows(), matrix.finish());
        show(&args, component, rows, &table)?;
    }
    Ok(())
}

fn views<'a>(kept: &'a Activations, sites: &[Site]) -> Result<Vec<MatView<'a>>, String> {
    let view = |site| kept.get(site).ok_or_else(|| format!("no rows of {site}"));
    sites.iter().map(view).collect()
}

fn show(
    args: &Args,
    component: Component,
    rows: usize,
    table: &[Vec<Cka>],
) -> Result<(), Box<dyn Error>> {
    let columns = table.first().map_or(0, Vec::len);
    println!(
        "{component}: debiased CKA over {rows} rows; a row is a layer of {}",
        args.a.display()
    );
    for (layer, row) in table.iter().enumerate() {
        let value = |cka: &Cka| match cka.debiased() {
            Ok(value) => format!("{value:>6.3}"),
            Err(_) => "     -".to_owned(),
        };
        println!("{layer:>3} {}", row.iter().map(value).collect::<String>());
    }
    let undefined = table.iter().flatten().find_map(|cka| cka.debiased().err());
    if let Some(reason) = undefined {
        println!("  -: undefined; the first: {reason}");
    }
    let names: Vec<String> = (0..table.len().max(columns)).map(|layer| layer.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let values: Vec<Option<f64>> = table.iter().flatten().map(|cka| cka.debiased().ok()).collect();
    let reason = undefined.map(|reason| format!(" A dash: {reason}.")).unwrap_or_default();
    let figure = heat_map(&HeatMap {
        title: &format!("What {component} writes: CKA, layer by layer"),
        note: &format!(
            "Debiased linear CKA over {rows} rows (positions {}).{reason}",
            args.positions
        ),
        row_title: &args.a.display().to_string(),
        column_title: &args.b.display().to_string(),
        rows: &names[..table.len()],
        columns: &names[..columns],
        values: &values,
    })?;
    let mut stem = args.out.clone().into_os_string();
    stem.push(format!(".{component}"));
    figure.save(stem)?;
    Ok(())
}
