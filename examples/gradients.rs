//! The loss of a model on token rows, and how many dimensions the gradients of its weights use.
//!
//! `settling gradients` does it for any rows and saves them; this is what it calls.
//!
//! Needs: libtorch (`cargo xtask libtorch` once); a model's folder, such as those of the demo.
//! Run:   cargo run --release --example gradients -- demo/suite/neox-0.6m/step1000
//! Gives: the loss, and a line for each site.

use std::error::Error;
use std::ops::ControlFlow;

use settling::capture::{Options, Transformer};
use settling::checkpoint::Checkpoint;
use settling::core::{LossReduction, MatView, Site, TokenBatch};
use settling::rank::{Denominator, proportional_effective_rank, spectrum};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected the folder of a model")?;
    let checkpoint = Checkpoint::open(folder)?;
    let architecture = checkpoint.architecture()?;

    // Four sequences of nine tokens: eight targets each.
    let batch = TokenBatch::new((0..36).map(|place| place * 7 % 97).collect(), 9)?;
    // The mean over all target tokens. The paper's published code sums the means over 1, 2, 4, ...
    // sequences: `LossReduction::SumOfMeans`.
    let options = Options { loss_reduction: LossReduction::Mean, ..Options::default() };
    let mut model = Transformer::load(&architecture, &checkpoint, &options)?;

    // Each gradient comes once, in the shape (outputs, inputs) of its weight.
    let loss = model.gradients(&batch, &mut |site: &Site, gradient: MatView<'_>| {
        let per = spectrum(gradient).and_then(|found| {
            proportional_effective_rank(found.spectrum(), Denominator::Attainable)
        });
        let shape = format!("{} x {}", gradient.rows(), gradient.cols());
        match per {
            Ok(per) => println!("{site:<32} {shape:>12}   PER {per:.3}"),
            Err(reason) => println!("{site:<32} {shape:>12}   {reason}"),
        }
        ControlFlow::Continue(())
    })?;
    println!("loss {loss:.4} nats per token");
    Ok(())
}
