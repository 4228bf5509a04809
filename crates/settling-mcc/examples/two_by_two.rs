//! A Matthews correlation of a few observations, and how little it may mean.
//!
//! Needs: nothing.
//! Run:   cargo run -p settling-mcc --example two_by_two
//! Gives: the coefficient with its interval, range and exact p; and of several tables together.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_mcc::{Contingency, Mcc, stratified_exact, stratified_mcc};

fn main() -> Result<(), settling_mcc::Error> {
    // Of six layers: is the effective rank large, and does the layer converge early?
    let large = [true, true, true, false, false, false];
    let early = [true, true, false, false, false, false];
    let table = Contingency::from_slices(&large, &early)?;
    match table.mcc() {
        Mcc::Value(mcc) => println!("MCC {mcc:.3}"),
        Mcc::Undefined(margin) => println!("undefined: {margin:?}"),
    }
    let (low, high) = table.profile_interval(0.95);
    println!("95 % interval {low:.2} to {high:.2}: six layers say little");
    if let Some((least, most)) = table.attainable_mcc() {
        println!("with these margins it can be {least:.2} to {most:.2}");
    }
    println!("Fisher's exact p {:.3}", table.fisher_exact().two_sided);

    // The same in a second model: within models, not over all layers pooled.
    let models = [table, table];
    if let Some(mcc) = stratified_mcc(&models) {
        println!("within two models {mcc:.3}, exact p {:.3}", stratified_exact(&models).two_sided);
    }
    Ok(())
}
