//! `settling similarity`: two sets of features of the same rows, by every similarity.

use std::error::Error;

use settling::checkpoint::Checkpoint;
use settling::cka::{
    Bandwidth, Procrustes, Pwcca, RbfCka, Resampling, Similarity, Svcca, bootstrap,
    permutation_null,
};
use settling::core::{MatView, TensorSource};
use settling::tokens::NpyMatrix;

use crate::exit::{Exit, Failure, Outcome};

/// Compares two sets of features of the same rows.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: two matrices, rows x features, with as many rows: .npy (floats or integers) or
       .safetensors (FILE with one matrix, or FILE:NAME), as `settling capture` writes it.
Gives: a table: CKA with its floor, a permutation null and a bootstrap interval, and every other
       similarity. Rows that are positions of the same texts are not independent: the null and the
       interval are then too narrow.")]
pub(crate) struct Args {
    /// The first matrix: FILE.npy, FILE.safetensors or FILE.safetensors:NAME
    x: String,
    /// The second, with as many rows
    y: String,
    /// How many orders of the rows to draw for the null
    #[arg(long, default_value_t = 999)]
    permutations: usize,
    /// How many bootstrap samples to draw
    #[arg(long, default_value_t = 999)]
    samples: usize,
    /// What the draws follow from
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

struct Matrix {
    values: Vec<f64>,
    rows: usize,
    cols: usize,
}

pub(crate) fn run(args: Args) -> Outcome {
    let (x, y) = (read(&args.x)?, read(&args.y)?);
    let (x, y) = (MatView::new(&x.values, x.rows, x.cols), MatView::new(&y.values, y.rows, y.cols));

    let draws = |draws| Resampling { draws, seed: args.seed };
    let null = permutation_null(x, y, draws(args.permutations))?;
    let cka = null.observed();
    println!("rows                  {:>9}", cka.rows());
    println!("features              {:>9} {:>9}", cka.x_features(), cka.y_features());
    match cka.participation_ratios() {
        Ok((x, y)) => println!("participation ratios  {x:>9.2} {y:>9.2}"),
        Err(reason) => println!("participation ratios  undefined: {reason}"),
    }
    show("floor of biased CKA", cka.floor());

    for (name, summary) in [
        ("biased CKA", null.summary(|cka| cka.biased())),
        ("debiased CKA", null.summary(|cka| cka.debiased())),
    ] {
        show(name, summary.map(|summary| summary.observed));
        if let Ok(summary) = summary {
            println!(
                "  rows re-paired      {:>9.4} ± {:.4}, p = {:.4}",
                summary.mean, summary.standard_deviation, summary.p_value
            );
        }
    }
    if args.samples >= 2 && cka.debiased().is_ok() {
        match bootstrap(x, y, draws(args.samples))?.interval(0.95) {
            Ok(interval) => {
                println!(
                    "  95 % of samples     {:>9.4} to {:.4}, standard error {:.4}",
                    interval.low, interval.high, interval.standard_error
                );
                if interval.is_degenerate() {
                    println!("    a point: all samples have one value, which says nothing");
                }
                if let Some(undefined) = interval.undefined {
                    println!("    of the others, and so too narrow perhaps: {undefined}");
                }
            }
            Err(reason) => println!("  95 % of samples     undefined: {reason}"),
        }
    }
    show("angular distance", cka.angular_distance());

    let others: [&dyn Similarity; 5] = [
        &RbfCka { bandwidth: Bandwidth::Median(1.0) },
        &Svcca { variance: 0.99 },
        &Pwcca,
        &Procrustes,
        &RbfCka { bandwidth: Bandwidth::Median(0.5) },
    ];
    let names = ["RBF CKA, median", "SVCCA, 99 %", "PWCCA", "Procrustes", "RBF CKA, half of it"];
    for (name, similarity) in names.into_iter().zip(others) {
        show(name, similarity.similarity(x, y));
    }
    Ok(Exit::Done)
}

fn show<E: std::fmt::Display>(name: &str, value: Result<f64, E>) {
    match value {
        Ok(value) => println!("{name:<21} {value:>9.4}"),
        Err(reason) => println!("{name:<21} undefined: {reason}"),
    }
}

fn read(path: &str) -> Result<Matrix, Box<dyn Error>> {
    if path.ends_with(".npy") {
        // Its errors name the file.
        return Ok(read_npy(path).map_err(|error| Failure::input(error.to_string()))?);
    }
    read_safetensors(path).map_err(|error| Failure::input(format!("{path}: {error}")).into())
}

fn read_npy(path: &str) -> Result<Matrix, settling::tokens::Error> {
    let npy = NpyMatrix::open(path)?;
    Ok(Matrix { values: npy.read()?, rows: npy.rows(), cols: npy.columns() })
}

fn read_safetensors(path: &str) -> Result<Matrix, Box<dyn Error>> {
    let (file, name) = match path.rsplit_once(".safetensors:") {
        Some((stem, name)) => (format!("{stem}.safetensors"), Some(name)),
        None => (path.to_owned(), None),
    };
    let tensors = Checkpoint::open_file(&file)?;
    let name = match (name, tensors.tensors()) {
        (Some(name), _) => name.to_owned(),
        (None, [only]) => only.name.clone(),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|meta| meta.name.as_str()).collect();
            return Err(
                format!("name one of its tensors as {file}:NAME: {}", names.join(", ")).into()
            );
        }
    };
    let tensor = tensors.read(&name)?;
    let &[rows, cols] = tensor.shape() else {
        let shape = tensor.shape();
        return Err(format!("expected rows x features, found the shape {shape:?}").into());
    };
    let values = tensor.to_f32()?.into_iter().map(f64::from).collect();
    Ok(Matrix { values, rows, cols })
}
