//! How many directions the weights of a checkpoint use: effective rank and PER of every matrix that
//! writes to the residual stream, and of the output-value circuit of every head, beside what random
//! matrices of the shapes have.
//!
//! Needs: nothing of libtorch itself (the examples are one package, and its others do).
//! Run:   cargo run --release --example weight_rank -- CHECKPOINT_FOLDER [--out DIR]
//! Gives: a table, and with --out DIR weights.csv, weights.svg and weights.png.

#[macro_use]
#[path = "support/print.rs"]
mod print;

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use settling::checkpoint::Checkpoint;
use settling::core::{Component, MatView, Signal, Site, Step, TensorSource};
use settling::models::{Architecture, CanonicalNames, WeightBlock};
use settling::rank::{
    Certified, Denominator, Error as RankError, effective_rank, marchenko_pastur_per,
    product_spectra, proportional_effective_rank, spectra, stable_rank,
};
use settling::records::{Record, write_records};

/// How many directions the weights of a checkpoint use.
#[derive(Parser)]
struct Args {
    /// Folder with config.json and weights
    checkpoint: PathBuf,
    /// Folder, made if it is not there, for the table and the picture
    #[arg(long)]
    out: Option<PathBuf>,
}

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Error> {
    let checkpoint = Checkpoint::open(&args.checkpoint)?;
    let architecture = checkpoint.architecture()?;
    let source = CanonicalNames::new(&checkpoint, &architecture);
    let model =
        args.checkpoint.file_name().map_or("checkpoint".into(), |name| name.to_string_lossy());

    println!(
        "site                        rows   cols  effective rank    PER  random  stable rank  method"
    );
    let mut records = Vec::new();
    for layer in 0..architecture.sizes().layers {
        for (site, shape, found) in measured(&source, &architecture, layer)? {
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    println!("{site}: {error}");
                    continue;
                }
            };
            // The law is that of one matrix, not of a product.
            let random = site.head.is_none().then(|| marchenko_pastur_per(shape[0], shape[1]));
            let head_dim = NonZeroUsize::new(found.spectrum().len()).ok_or("an empty weight")?;
            let denominator = if site.head.is_some() {
                Denominator::HeadDim(head_dim)
            } else {
                Denominator::Attainable
            };
            let per = proportional_effective_rank(found.spectrum(), denominator);
            if let (Ok(rank), Ok(per)) = (effective_rank(found.spectrum()), &per) {
                let stable = stable_rank(found.spectrum())?;
                let random = random.map_or(String::new(), |random| format!("{random:.3}"));
                println!(
                    "{:<26} {:>5} {:>6} {rank:>15.3} {per:>6.3} {random:>7} {stable:>12.2}  {}",
                    site.to_string(),
                    shape[0],
                    shape[1],
                    found.method()
                );
            }
            let record = |estimator: &str, value| Record {
                model: model.to_string(),
                step: Step(0),
                site,
                signal: Signal::Weight,
                metric: "per".to_owned(),
                value,
                n: shape[0],
                width: shape[1],
                positions: None,
                estimator: estimator.to_owned(),
                protocol: "corrected".to_owned(),
            };
            records.push(record("attainable", per.map_err(|error| error.to_string())));
            records.extend(random.map(|random| record("marchenko_pastur", Ok(random))));
        }
    }
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out)?;
        write_records(File::create(out.join("weights.csv"))?, &records)?;
        settling_figures::weight_figure(&records)?.save(out.join("weights"))?;
    }
    Ok(())
}

type Measured = (Site, [usize; 2], Result<Certified, RankError>);

/// The spectra of one layer, each on a thread of its own.
fn measured(
    source: &CanonicalNames<&Checkpoint>,
    architecture: &Architecture,
    layer: usize,
) -> Result<Vec<Measured>, Error> {
    let read = |block: &WeightBlock| -> Result<Vec<f32>, Error> {
        Ok(block.cut(&source.read(&block.name)?)?)
    };
    let whole = Component::ALL.map(|component| architecture.write_weight(layer, component));
    let data = whole.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let views: Vec<_> = whole.iter().zip(&data).map(|(block, data)| view(block, data)).collect();
    let writes = Component::ALL.into_iter().zip(&whole).zip(spectra(&views));
    let mut all: Vec<Measured> = writes
        .map(|((component, block), found)| (Site::write(layer, component), block.shape, found))
        .collect();

    let heads = 0..architecture.sizes().heads;
    let blocks: Vec<_> = heads
        .map(|head| {
            (architecture.output_weight(layer, head), architecture.value_weight(layer, head))
        })
        .collect();
    let data = blocks
        .iter()
        .map(|(output, value)| Ok((read(output)?, read(value)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let pairs: Vec<_> = blocks
        .iter()
        .zip(&data)
        .map(|((output, value), (o, v))| (view(output, o), view(value, v)))
        .collect();
    for (head, found) in product_spectra(&pairs).into_iter().enumerate() {
        let (output, value) = &blocks[head];
        let shape = [output.outputs.len(), value.inputs.len()];
        all.push((Site::ov(layer).of_head(head), shape, found));
    }
    Ok(all)
}

fn view<'a>(block: &WeightBlock, data: &'a [f32]) -> MatView<'a> {
    MatView::new(data, block.outputs.len(), block.inputs.len())
}
