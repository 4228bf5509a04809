//! The paper's table with its uncertainty, from a records.csv of any tool: does a large effective
//! rank go with early convergence?
//!
//! Needs: a records.csv, as `study` and `demo` write it (its columns: docs of settling-records). No
//! model, no tokens. Run: cargo run --release --example mcc_table -- --records out/records.csv
//! --out out Gives: the 2x2 tables with MCC, 95 % interval, p, attainable range and threshold-free
//! association; what several models say together; how much depends on the thresholds. With --out
//! also mcc.csv, mcc.svg and mcc.png in that folder.

#[macro_use]
#[path = "support/print.rs"]
mod print;

use std::error::Error;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use settling::analysis::{Sweep, SweepGrid, SweepUnit, Threshold, Trajectory, Window};
use settling::core::{Component, Step};
use settling::mcc::{
    Bootstrap, BootstrapMethod, Contingency, Measure, Permutation, Pooling, association,
    stratified_exact, stratified_mcc,
};
use settling::records::{MccRow, Record, read_records, write_mcc};
use settling::{CkaEstimator, Protocol, layer_trajectories, mcc_table};

/// Relates early convergence with large effective rank, with the uncertainty of it.
#[derive(Parser)]
struct Args {
    /// The records of a study
    #[arg(long)]
    records: PathBuf,
    /// The protocol of the records: corrected, published, a file FILE.toml; or another name,
    /// decided about as corrected
    #[arg(long, default_value = "corrected")]
    protocol: String,
    /// Decide early convergence by the biased CKA
    #[arg(long)]
    biased: bool,
    /// Folder for mcc.csv, mcc.svg and mcc.png
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let file = File::open(&args.records)
        .map_err(|error| format!("{}: {error}", args.records.display()))?;
    let records = read_records(file)?;
    let mut protocol = match Protocol::named(&args.protocol) {
        Some(protocol) => protocol,
        None if args.protocol.ends_with(".toml") => Protocol::read(&args.protocol)?,
        None => Protocol { name: args.protocol.clone(), ..Protocol::corrected() },
    };
    if args.biased {
        protocol.cka = CkaEstimator::Biased;
    }
    if !records.iter().any(|record| record.protocol == protocol.name) {
        return Err(format!(
            "no record of protocol `{}`: name another with --protocol",
            protocol.name
        )
        .into());
    }
    let rows = mcc_table(&records, &protocol);
    print_table(&rows, &protocol);
    for predictor in ["weight_per", "gradient_per"] {
        for component in Component::ALL {
            print_pooled(&rows, component, predictor);
        }
    }
    print_sweeps(&records, &rows, &protocol);
    println!(
        "\nLayers of one model are not independent: intervals are too narrow and p-values too small, by an unknown factor."
    );
    if let Some(out) = &args.out {
        fs::create_dir_all(out)?;
        write_mcc(File::create(out.join("mcc.csv"))?, &rows)?;
        settling_figures::mcc_figure(&rows)?.save(out.join("mcc"))?;
        println!("wrote {}, mcc.svg, mcc.png", out.join("mcc.csv").display());
    }
    Ok(())
}

fn counts(row: &MccRow) -> Contingency {
    Contingency {
        true_positives: row.true_positive,
        false_positives: row.false_positive,
        false_negatives: row.false_negative,
        true_negatives: row.true_negative,
    }
}

fn print_table(rows: &[MccRow], protocol: &Protocol) {
    println!(
        "early: {} CKA {} {}; large: PER of weight {}, PER of gradient {} of the largest\n",
        protocol.cka.name(),
        protocol.early.cka,
        protocol.early.window,
        protocol.large.weight_per,
        protocol.large.gradient_per_share,
    );
    println!(
        "model                component  predictor      tp  fp  fn  tn    MCC   95 % interval   attainable      Fisher p  mid-p"
    );
    for row in rows {
        print!(
            "{:<20} {:<10} {:<13} {:>3} {:>3} {:>3} {:>3} ",
            row.model,
            row.component.name(),
            row.predictor,
            row.true_positive,
            row.false_positive,
            row.false_negative,
            row.true_negative,
        );
        let range = counts(row).attainable_mcc();
        match (&row.mcc, row.interval, range) {
            (Ok(mcc), Some((low, high)), Some((least, most))) => println!(
                "{mcc:>6.2}  {low:>5.2} to {high:>5.2}  {least:>5.2} to {most:>5.2}  {:>8.3}  {:>5.3}",
                row.p_exact,
                counts(row).fisher_mid_p().two_sided,
            ),
            (Err(reason), ..) => println!("     -  undefined: {reason}"),
            _ => println!("     -"),
        }
    }
}

/// What all models say together about one component.
fn print_pooled(rows: &[MccRow], component: Component, predictor: &str) {
    let of_models =
        rows.iter().filter(|row| row.component == component && row.predictor == predictor);
    let tables: Vec<Contingency> = of_models.filter(|row| row.mcc.is_ok()).map(counts).collect();
    let Some(mcc) = stratified_mcc(&tables).filter(|_| tables.len() > 1) else { return };
    // BCa needs more models than there ever are.
    let bootstrap = Bootstrap { method: BootstrapMethod::Percentile, ..Bootstrap::default() };
    let interval = match bootstrap.clusters(&tables, Pooling::Stratified) {
        Ok(found) => format!("{:.2} to {:.2}", found.low, found.high),
        Err(error) => error.to_string(),
    };
    println!(
        "\nwithin {} models with an MCC, {component}, {predictor}: MCC {mcc:.2} (resampling models: {interval}), exact p {:.3}",
        tables.len(),
        stratified_exact(&tables).two_sided,
    );
}

fn grid(sizes: Vec<f64>) -> SweepGrid {
    let at_least = |thresholds: Vec<f64>| thresholds.into_iter().map(Threshold::AtLeast).collect();
    SweepGrid {
        reach: at_least((4..=16).map(|k| f64::from(k) * 0.05).collect()),
        window: [0.05, 0.1, 0.15, 0.2, 0.3].map(Window::UpTo).to_vec(),
        size: at_least(sizes),
    }
}

fn print_sweeps(records: &[Record], rows: &[MccRow], protocol: &Protocol) {
    println!(
        "\nover CKA thresholds 0.2 to 0.8, 5 to 30 % of training, and PER thresholds (weight 0.8 to 0.99, gradient 0.5 to 1 of the \
         largest):\n\
         model                component  predictor     MCC > 0   undefined  largest |MCC|, corrected p   Spearman, p (CKA {})",
        protocol.early.window
    );
    for row in rows {
        let layers = layer_trajectories(records, &row.model, protocol);
        let gradient = row.predictor == "gradient_per";
        let per = |layer: &settling::LayerTrajectories| -> Option<f64> {
            (if gradient { &layer.gradient_per } else { &layer.weight_per }).last().ok()
        };
        let largest = layers.iter().filter_map(per).fold(f64::MIN_POSITIVE, f64::max);
        let scale = if gradient { largest } else { 1.0 };
        let units: Option<Vec<SweepUnit>> = layers
            .iter()
            .filter(|layer| layer.site.component == row.component)
            .map(|layer| {
                Some(SweepUnit { trajectory: layer.cka.clone(), size: per(layer)? / scale })
            })
            .collect();
        print!("{:<20} {:<10} {:<13} ", row.model, row.component.name(), row.predictor);
        let Some(units) = units else {
            println!("a layer has no PER at the end");
            continue;
        };
        let sizes = if gradient {
            (10..=20).map(|k| f64::from(k) * 0.05).collect()
        } else {
            (80..=99).map(|k| f64::from(k) * 0.01).collect()
        };
        // The sizes are finite: they come from trajectories.
        let Ok(sweep) = Sweep::new(&units, &grid(sizes)) else { continue };
        let share = sweep.share(|mcc| mcc > 0.0);
        let undefined = share.undefined as f64 / share.points as f64;
        print!("{:>6.0} %   {:>7.0} %  ", 100.0 * share.share(), 100.0 * undefined);
        match sweep.max_statistic(&Permutation::default()) {
            Ok(max) => {
                let defined = sweep.points().iter().filter_map(|point| point.mcc());
                let largest = defined.fold(0.0_f64, |largest, mcc| largest.max(mcc.abs()));
                let exact = if max.test.exact { "" } else { " (drawn)" };
                print!("{:<27}", format!("{largest:.2}, {:.3}{exact}", max.test.p.two_sided));
            }
            Err(_) => print!("{:<27}", "-"),
        }
        println!("{}", threshold_free(&units, protocol).unwrap_or_else(|| "  -".to_owned()));
    }
}

/// Without any threshold: the rank correlation of PER at the end with CKA at the last early step.
fn threshold_free(units: &[SweepUnit], protocol: &Protocol) -> Option<String> {
    let early = |trajectory: &Trajectory| {
        let points = trajectory.points();
        let steps: Vec<Step> = points.iter().map(|&(step, _)| Step(step)).collect();
        let last = protocol.early_steps(&steps).last()?;
        points.iter().find(|(step, _)| *step == last.0)?.1
    };
    let cka: Vec<f64> = units.iter().map(|unit| early(&unit.trajectory)).collect::<Option<_>>()?;
    let per: Vec<f64> = units.iter().map(|unit| unit.size).collect();
    let rho = association(Measure::Spearman, &per, &cka).ok()?;
    let test = Permutation::default().test(Measure::Spearman, &per, &cka).ok()?;
    Some(format!("  {rho:.2}, {:.3}", test.p.two_sided))
}
