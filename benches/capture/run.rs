//! Loads a model and captures its write activations, or the gradients of its write weights, several
//! times over.
//!
//! `peers.py` beside this runs it and compares it with transformers: see there. The output is JSON
//! on one line.

use std::error::Error;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;

use settling_capture::{Engine, Options, Transformer, set_threads};
use settling_checkpoint::Checkpoint;
use settling_core::{Capture, MatView, Site, TokenBatch};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, task, positions, rows, tokens, device, precision, threads, passes, micro_batch] =
        args.as_slice()
    else {
        let usage = "usage: run_capture FOLDER activations|gradients|load POSITIONS ROWS TOKENS DEVICE PRECISION THREADS PASSES MICRO|auto";
        return Err(usage.into());
    };
    set_threads(threads.parse()?);
    let baseline = peak_kib()?;
    let checkpoint = Checkpoint::open(folder)?;
    let engine = Engine {
        device: device.parse()?,
        precision: precision.parse()?,
        micro_batch: micro_batch.parse().ok(),
    };
    let options = Options { engine, positions: positions.parse()?, ..Options::default() };
    let architecture = checkpoint.architecture()?;
    let mut model = Transformer::load(&architecture, &checkpoint, &options)?;
    let loaded = peak_kib()?;
    let batch = batch(rows.parse()?, tokens.parse()?, architecture.sizes().vocabulary_rows)?;

    let (mut seconds, mut squares) = (Vec::new(), 0.0);
    for _ in 0..passes.parse()? {
        let mut take = |_: &Site, values: MatView<'_>| {
            black_box(values);
            ControlFlow::Continue(())
        };
        let begin = Instant::now();
        run(&mut model, task, &batch, &mut take)?;
        seconds.push(begin.elapsed().as_secs_f64());
    }
    let peak = peak_kib()?;
    // Untimed: that it is what the others compute.
    run(&mut model, task, &batch, &mut |_: &Site, values: MatView<'_>| {
        squares += values.to_vec().iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        ControlFlow::Continue(())
    })?;
    println!(
        r#"{{"seconds": {seconds:?}, "baseline_kib": {baseline}, "loaded_kib": {loaded}, "peak_kib": {peak}, "squares": {squares:e}}}"#
    );
    Ok(())
}

fn run(
    model: &mut Transformer,
    task: &str,
    batch: &TokenBatch,
    take: &mut dyn FnMut(&Site, MatView<'_>) -> ControlFlow<()>,
) -> Result<(), Box<dyn Error>> {
    let mut take = |site: &Site, values: MatView<'_>| take(site, values);
    match task {
        "activations" => model.activations(batch, &mut take)?,
        "gradients" => drop(model.gradients(batch, &mut take)?),
        _ => return Err(format!("no task {task}").into()),
    }
    Ok(())
}

/// The tokens that `peers.py` uses too.
fn batch(rows: usize, tokens: usize, vocabulary: usize) -> Result<TokenBatch, Box<dyn Error>> {
    let ids = (0..rows * tokens).map(|place| (place * place * 31 + place * 7 + 3) % vocabulary);
    let ids = ids.map(u32::try_from).collect::<Result<_, _>>()?;
    Ok(TokenBatch::new(ids, tokens)?)
}

fn peak_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
