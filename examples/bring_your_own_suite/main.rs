//! A suite of your own, from the model to the table: a model in plain Rust, checkpoints in a format
//! that nobody else has, and rows of your own, through the same study as Pythia's.
//!
//! Needs: nothing: no libtorch, no network.
//! Run:   cargo run --release --example bring_your_own_suite -- --out DIR
//! Gives: in DIR the checkpoints, and in DIR/results what every study writes; and a table. Run
//!        again, it reuses what is there.

mod model;
mod suite;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use settling::core::{CheckpointSeries, Signal, Step, TokenSource};
use settling::records::SummaryRow;
use settling::{Protocol, Store, Study};

use model::{CONTEXT, Model};
use suite::{Ngram, Series, Text, example};

/// Trains and studies a model of your own.
#[derive(Parser)]
struct Args {
    /// Folder for the checkpoints and the results
    #[arg(long)]
    out: PathBuf,
    /// How many updates to train for
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
}

/// What the model learns to spell.
const TEXT: [&str; 3] = [
    include_str!("../../README.md"),
    include_str!("../../docs/METHOD.md"),
    include_str!("../../docs/DESIGN.md"),
];

const BATCH: usize = 64;

/// Trains the model and saves it after 0, 1, 2, 4, ... updates and the last.
fn train(series: &Series, text: &Text, steps: u64) -> Result<(), Box<dyn Error>> {
    let rows = text.read_rows(0..text.rows())?;
    let (mut model, mut momentum) = (Model::random(1), Model::zeros());
    for step in 0..=steps {
        if step == steps || step == 0 || step.is_power_of_two() {
            series.save(Step(step), &model)?;
        }
        let mut gradient = Model::zeros();
        for place in 0..BATCH {
            // Far apart in the text, and every row in turn.
            let row = (step as usize * BATCH + place) * 7919 % rows.rows();
            let (context, target) = example(rows.row(row));
            model.backward(&context, target, 1.0 / BATCH as f32, &mut gradient);
        }
        model.descend(&mut momentum, &gradient, 0.02);
    }
    Ok(())
}

fn study(out: &Path, steps: u64) -> Result<Vec<SummaryRow>, Box<dyn Error>> {
    let series = Series { folder: out.join("checkpoints") };
    fs::create_dir_all(&series.folder)?;
    let ascii = |byte: u8| if byte.is_ascii() { byte.into() } else { u32::from(b'?') };
    let text = Text(TEXT.concat().bytes().map(ascii).collect());
    if series.steps()?.last() != Some(&Step(steps)) {
        train(&series, &text, steps)?;
    }

    let mut protocol = Protocol::corrected();
    protocol.rows.sequences = Some(1024);
    let study = Study::new(Store::open(out.join("results"))?, [protocol])?;
    let plan = study.plan("ngram", &series, &Ngram, Some(&text))?;
    let observed = plan.run(&mut |_| {})?;
    Ok(study.write_tables(&[observed])?.summary_rows)
}

fn print(rows: &[SummaryRow]) {
    let mut steps: BTreeMap<Step, [Option<f64>; 3]> = BTreeMap::new();
    for row in rows {
        let place = match row.signal {
            // Others than the one that decides are there too.
            Signal::Activation if row.estimator != "debiased" => continue,
            Signal::Activation => 0,
            Signal::Weight => 1,
            _ => 2,
        };
        steps.entry(row.step).or_default()[place] = row.value;
    }
    println!(
        "means over layers, of what the MLPs of a model with {CONTEXT} tokens of context write\n"
    );
    println!("    step   CKA with the last   PER of weights   PER of gradients");
    for (step, values) in steps {
        let [cka, weight, gradient] =
            values.map(|value| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}")));
        println!("{step:>8}   {cka:>17}   {weight:>14}   {gradient:>16}");
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match study(&args.out, args.steps) {
        Ok(rows) => {
            print(&rows);
            println!("\nnumbers {}", args.out.join("results/records.csv").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_of_ones_own_settles() {
        let out = tempfile::tempdir().unwrap();
        let rows = study(out.path(), 64).unwrap();
        let of = |step: u64, signal: Signal| {
            let is = |row: &&SummaryRow| {
                row.step == Step(step) && row.signal == signal && row.estimator != "biased"
            };
            rows.iter().find(is).unwrap().value.unwrap()
        };
        assert!((of(64, Signal::Activation) - 1.0).abs() < 1e-12);
        assert!(of(0, Signal::Activation) < of(32, Signal::Activation));
        assert!((0.0..=1.0).contains(&of(64, Signal::Gradient)));
        assert!(out.path().join("results/records.csv").exists());
        // What is there is used again.
        assert_eq!(study(out.path(), 64).unwrap(), rows);
    }
}
