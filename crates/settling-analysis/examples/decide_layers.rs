//! Which layers converge early, which have a large effective rank, and whether the two go together:
//! from a records.csv, under rules of your own.
//!
//! Needs: a records.csv, as `settling study` writes it, or with its columns.
//! Run:   cargo run -p settling-analysis --example decide_layers -- records.csv
//! Gives: what is decided about every layer, and the table of correlations.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::fs::File;

use settling_analysis::{Rules, Threshold, Window, layer_variables, mcc_table};
use settling_records::read_records;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("expected a records.csv")?;
    let records = read_records(File::open(path)?)?;
    let first = records.first().ok_or("there are no records")?;

    // The paper's rules, but for a stricter idea of what is early.
    let mut rules = Rules { protocol: first.protocol.clone(), ..Rules::corrected() };
    rules.early.window = Window::UpTo(0.05);
    rules.early.cka = Threshold::AtLeast(0.6);

    println!("{}: early is CKA {} {}", first.model, rules.early.cka, rules.early.window);
    for layer in layer_variables(&records, &first.model, &rules) {
        // An error is a number that is not there, with its reason: nothing is decided by it.
        println!(
            "{:<28} early {:?}, large rank {:?}",
            layer.site, layer.early, layer.large_weight_per
        );
    }
    for row in mcc_table(&records, &rules) {
        let mcc = row.mcc.map_or_else(|reason| reason, |value| format!("{value:.3}"));
        println!("{} {} {}: {mcc}", row.model, row.component, row.predictor);
    }
    Ok(())
}
