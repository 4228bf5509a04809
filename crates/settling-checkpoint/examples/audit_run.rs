//! Whether the checkpoints of a run are what their names say.
//!
//! `settling audit` does the same with options.
//!
//! Needs: a folder with one folder `step<N>` per checkpoint.
//! Run:   cargo run -p settling-checkpoint --example audit_run -- FOLDER
//! Gives: a table of the steps, the findings, and which steps can be used.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_checkpoint::{Audit, StepDirectories};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("expected a folder with steps")?;
    let series = StepDirectories::open(folder)?;
    // Hashes tell whether two steps are the same; distances whether one lies where it should.
    let report = Audit::new().run_on_files(&series)?;
    print!("{report}");
    if report.refusals().next().is_some() {
        println!("without the findings: {:?}", report.sound_steps());
    }
    Ok(())
}
