//! `settling mcc`: the paper's table with its uncertainty: does a large effective rank go with
//! early convergence?

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use settling::Protocol;
use settling::analysis::{
    CkaEstimator, LayerTrajectories, Rules, Sweep, SweepGrid, SweepUnit, Threshold, Trajectory,
    Window, layer_trajectories, mcc_table,
};
use settling::core::Component;
use settling::mcc::{
    Bootstrap, BootstrapMethod, Contingency, Measure, Permutation, Pooling, association,
    stratified_exact, stratified_mcc,
};
use settling::records::{MccRow, Record, read_records, write_mcc};

use crate::draw;
use crate::exit::{Exit, Failure, Outcome};
use crate::places::Inputs;
use crate::print::p_value;
use crate::protocols::{Making, names};

/// Relates early convergence with large effective rank, with the uncertainty of it.
#[derive(clap::Args)]
#[command(after_long_help = "\
Needs: a records.csv, as `settling study` writes it, or anybody's with its columns; manifest.json
       beside it, or the protocol's file, if it is of a protocol that is not built in.
Gives: the 2x2 tables with MCC, 95 % interval, p, attainable range and threshold-free association;
       what several models say together; how much depends on the thresholds. With --out DIR also
       mcc.csv, mcc.svg and mcc.png.")]
pub(crate) struct Args {
    /// The records of a study
    #[arg(long)]
    records: PathBuf,
    /// The protocol of the records: a name that is built in (corrected, published) or in the
    /// manifest.json beside them, or a file FILE.toml
    #[arg(long, default_value = "corrected")]
    protocol: String,
    /// Decide early convergence by the biased CKA
    #[arg(long)]
    biased: bool,
    /// Folder for mcc.csv, mcc.svg and mcc.png
    #[arg(long)]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Outcome {
    if let Some(out) = &args.out {
        let outputs = ["mcc.csv", "mcc.svg", "mcc.png"].map(|name| out.join(name));
        let inputs = Inputs::new().file(&args.records).file(&args.protocol);
        inputs.file(args.records.with_file_name("manifest.json")).keep("--out", outputs)?;
    }
    let input = |error: &dyn std::fmt::Display| {
        Failure::input(format!("{}: {error}", args.records.display()))
    };
    let file = File::open(&args.records).map_err(|error| input(&error))?;
    let records = read_records(file).map_err(|error| input(&error))?;
    let rules = rules(&args, &records)?;
    let rows = mcc_table(&records, &rules);
    print_table(&rows, &rules);
    for predictor in ["weight_per", "gradient_per"] {
        for component in Component::ALL {
            print_pooled(&rows, component, predictor);
        }
    }
    print_sweeps(&records, &rows, &rules);
    println!(
        "\nLayers of one model are not independent: intervals are too narrow and p-values too small, by an unknown factor."
    );
    if let Some(out) = &args.out {
        fs::create_dir_all(out).map_err(|error| Failure::output(out, &error))?;
        let path = out.join("mcc.csv");
        let file = File::create(&path).map_err(|error| Failure::output(&path, &error))?;
        write_mcc(file, &rows).map_err(|error| Failure::output(&path, &error))?;
        draw::mcc(&rows, &out.join("mcc"))?;
        println!("wrote {}, mcc.svg, mcc.png", path.display());
    }
    Ok(Exit::Done)
}

/// By which the records are decided about.
fn rules(args: &Args, records: &[Record]) -> Result<Rules, Box<dyn std::error::Error>> {
    let protocol = if args.protocol.ends_with(".toml") {
        Protocol::read(&args.protocol)?
    } else {
        // Before the manifest is asked: the name may be misspelled.
        check(&args.protocol, records)?;
        let folder = args.records.parent().unwrap_or(Path::new(""));
        Making::read(folder, &[] as &[&Path])?.protocol(&args.protocol)?
    };
    check(&protocol.name, records)?;
    let mut rules = protocol.rules();
    if args.biased {
        rules.cka = CkaEstimator::Biased;
    }
    Ok(rules)
}

/// Whether there are records of the protocol.
fn check(protocol: &str, records: &[Record]) -> Result<(), Failure> {
    let there = names(records);
    if there.contains(&protocol) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "no record of protocol `{protocol}`: name another with --protocol; there are records of {}",
        if there.is_empty() { "none".to_owned() } else { there.join(", ") }
    )))
}

fn counts(row: &MccRow) -> Contingency {
    Contingency {
        true_positives: row.true_positives,
        false_positives: row.false_positives,
        false_negatives: row.false_negatives,
        true_negatives: row.true_negatives,
    }
}

fn print_table(rows: &[MccRow], rules: &Rules) {
    println!(
        "early: {} CKA {} {}; large: PER of weight {}, PER of gradient {} of the largest\n",
        rules.cka.name(),
        rules.early.cka,
        rules.early.window,
        rules.large.weight_per,
        rules.large.gradient_per_share,
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
            row.true_positives,
            row.false_positives,
            row.false_negatives,
            row.true_negatives,
        );
        let range = counts(row).attainable_mcc();
        match (&row.mcc, row.interval, range) {
            (Ok(mcc), Some((low, high)), Some((least, most))) => println!(
                "{mcc:>6.2}  {low:>5.2} to {high:>5.2}  {least:>5.2} to {most:>5.2}  {:>8}  {:>5}",
                p_value(row.p_exact),
                p_value(counts(row).fisher_mid_p().two_sided),
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
    println!(
        "\nwithin {} models with an MCC, {component}, {predictor}: MCC {mcc:.2} (resampling models: {}), exact p {}",
        tables.len(),
        resampled(&tables),
        p_value(stratified_exact(&tables).two_sided),
    );
}

/// The interval that resampling models gives, in words.
fn resampled(tables: &[Contingency]) -> String {
    // BCa needs more models than there ever are.
    let bootstrap = Bootstrap { method: BootstrapMethod::Percentile, ..Bootstrap::default() };
    match bootstrap.clusters(tables, Pooling::Stratified) {
        Ok(found) if found.is_degenerate() => {
            format!("only {:.2}, in every resample, which does not say how sure it is", found.low)
        }
        Ok(found) => format!("{:.2} to {:.2}", found.low, found.high),
        Err(error) => error.to_string(),
    }
}

fn grid(sizes: Vec<f64>) -> SweepGrid {
    let at_least = |thresholds: Vec<f64>| thresholds.into_iter().map(Threshold::AtLeast).collect();
    SweepGrid {
        reach: at_least((4..=16).map(|k| f64::from(k) * 0.05).collect()),
        window: [0.05, 0.1, 0.15, 0.2, 0.3].map(Window::UpTo).to_vec(),
        size: at_least(sizes),
    }
}

fn print_sweeps(records: &[Record], rows: &[MccRow], rules: &Rules) {
    println!(
        "\nover CKA thresholds 0.2 to 0.8, 5 to 30 % of training, and PER thresholds (weight 0.8 to 0.99, gradient 0.5 to 1 of the \
         largest):\n\
         model                component  predictor     MCC > 0   undefined  largest |MCC|, corrected p   Spearman, p (CKA {})",
        rules.early.window
    );
    for row in rows {
        let layers = layer_trajectories(records, &row.model, rules);
        let gradient = row.predictor == "gradient_per";
        let per = |layer: &LayerTrajectories| {
            (if gradient { &layer.gradient_per } else { &layer.weight_per }).last()
        };
        let largest =
            layers.iter().filter_map(|layer| per(layer).ok()).fold(f64::MIN_POSITIVE, f64::max);
        let scale = if gradient { largest } else { 1.0 };
        let units: Result<Vec<SweepUnit>, String> = layers
            .iter()
            .filter(|layer| layer.site.component == row.component)
            .map(|layer| {
                let size = per(layer).map_err(|reason| format!("{}: {reason}", layer.site))?;
                Ok(SweepUnit { trajectory: layer.cka.clone(), size: size / scale })
            })
            .collect();
        print!("{:<20} {:<10} {:<13} ", row.model, row.component.name(), row.predictor);
        let units = match units {
            Ok(units) => units,
            Err(reason) => {
                println!("no PER at the end of training: {reason}");
                continue;
            }
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
                print!("{:<27}", format!("{largest:.2}, {}{exact}", p_value(max.test.p.two_sided)));
            }
            // The share that is undefined says why.
            Err(_) => print!("{:<27}", "-"),
        }
        let correlation = threshold_free(&units, rules);
        println!("  {}", correlation.unwrap_or_else(|reason| format!("-  undefined: {reason}")));
    }
}

/// Without any threshold: the rank correlation of PER at the end with CKA at the last early step.
fn threshold_free(units: &[SweepUnit], rules: &Rules) -> Result<String, String> {
    let early = |trajectory: &Trajectory| {
        let points = trajectory.points();
        let steps: Vec<u64> = points.iter().map(|&(step, _)| step).collect();
        let last = rules.early.window.within(&steps).last().ok_or("no step is early")?;
        points[last].1.ok_or_else(|| format!("a layer has no CKA at step {}", steps[last]))
    };
    let cka: Vec<f64> =
        units.iter().map(|unit| early(&unit.trajectory)).collect::<Result<_, String>>()?;
    let per: Vec<f64> = units.iter().map(|unit| unit.size).collect();
    let message = |error: settling::mcc::Error| error.to_string();
    let rho = association(Measure::Spearman, &per, &cka).map_err(message)?;
    let test = Permutation::default().test(Measure::Spearman, &per, &cka).map_err(message)?;
    Ok(format!("{rho:.2}, {}", p_value(test.p.two_sided)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_marked() {
        let table = |true_positives| Contingency {
            true_positives,
            false_positives: 1,
            true_negatives: 3,
            ..Contingency::default()
        };
        let varied = resampled(&[table(1), table(2), table(5)]);
        assert!(varied.contains(" to "), "{varied}");
        let alike = resampled(&[table(2), table(2)]);
        assert!(alike.starts_with("only 0.71, in every resample"), "{alike}");
    }
}
