//! Activations of a model, site by site: what each component writes to the residual stream.
//!
//! `settling capture` saves them in a file; this is what it calls.
//!
//! Needs: libtorch (`cargo xtask libtorch` once); a model's folder, such as those of the demo.
//! Run:   cargo run --release --example capture_activations -- demo/suite/neox-0.6m/step1000
//! Gives: a line for each site, and one for an intermediate.

use std::error::Error;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use settling::capture::{Device, Engine, Intermediate, Options, Transformer};
use settling::checkpoint::Checkpoint;
use settling::core::{Capture, MatView, Positions, Site, TokenBatch};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("expected the folder of a model")?;
    let checkpoint = Checkpoint::open(folder)?;
    let architecture = checkpoint.architecture()?;

    // Two sequences of eight tokens; every second position is an observation.
    let batch = TokenBatch::new((1..=16).collect(), 8)?;
    let options = Options {
        engine: Engine { device: Device::auto(), ..Engine::default() },
        positions: Positions::Every(NonZeroUsize::new(2).ok_or("2 is not 0")?),
        ..Options::default()
    };
    let mut model = Transformer::load(&architecture, &checkpoint, &options)?;

    // Rows arrive as the model runs, a micro-batch at a time: nothing else is kept.
    model.activations(&batch, &mut |site: &Site, rows: MatView<'_>| {
        println!(
            "{:<32} {:>3} x {:<4} mean norm {:.4}",
            site,
            rows.rows(),
            rows.cols(),
            mean_norm(rows)
        );
        ControlFlow::Continue(())
    })?;

    // Whatever else a pass goes through has a name, too. A sink that has seen enough breaks.
    let hidden: Intermediate = "layer0.mlp.hidden".parse()?;
    model.intermediates(&batch, &[hidden], &mut |name, rows| {
        println!(
            "{:<32} {:>3} x {:<4} mean norm {:.4}",
            name,
            rows.rows(),
            rows.cols(),
            mean_norm(rows)
        );
        ControlFlow::Break(())
    })?;
    Ok(())
}

fn mean_norm(rows: MatView<'_>) -> f64 {
    let norm = |row: &[f32]| row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    rows.iter_rows().map(norm).sum::<f64>() / rows.rows() as f64
}
