//! Numbers of your own as a records.csv, which figures, tables and the report are made of.
//!
//! Needs: nothing.
//! Run:   cargo run -p settling-records --example write_records
//! Gives: the file on the standard output, and that it reads back.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_core::{Component, Positions, Signal, Site, Step};
use settling_records::{Record, read_records, write_records};

fn main() -> Result<(), settling_records::Error> {
    let mut records = Vec::new();
    for (step, similarity) in [(0, 0.12), (512, 0.71), (1000, 1.0)] {
        let site = Site::write(0, Component::Mlp);
        // A number carries its definition: of what, how, on how much.
        let record =
            Record::new("mine", Step(step), site, Signal::Activation, "cka", Ok(similarity))
                .with_shape(2048, 64)
                .with_positions(Positions::Last)
                .with_estimator("debiased")
                .with_protocol("corrected");
        records.push(record);
    }
    // A number that does not exist has a reason in its place.
    let site = Site::write(0, Component::Attention);
    let constant = Err("zero variance".to_owned());
    let record = Record::new("mine", Step(0), site, Signal::Activation, "cka", constant)
        .with_estimator("debiased")
        .with_protocol("corrected");
    records.push(record);

    let mut file = Vec::new();
    write_records(&mut file, &records)?;
    print!("{}", String::from_utf8_lossy(&file));
    println!("read back: {} records", read_records(&file[..])?.len());
    Ok(())
}
