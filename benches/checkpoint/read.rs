//! Opens a checkpoint and reads the matrices that write to the residual stream, as f32, one at a time; several times over.
//!
//! `peers.py` beside this runs it and compares it with Python: see there. The output is JSON on one line.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use settling_checkpoint::Checkpoint;
use settling_core::TensorSource;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(passes)) = (args.next(), args.next()) else {
        return Err("usage: read_checkpoint FOLDER PASSES".into());
    };
    let baseline = peak_kib()?;
    let mut seconds = Vec::new();
    for _ in 0..passes.parse()? {
        let begin = Instant::now();
        read_all(&folder, |values| {
            black_box(values);
        })?;
        seconds.push(begin.elapsed().as_secs_f64());
    }
    let peak = peak_kib()?;
    // Untimed: that every bit is the same as in Python.
    let (mut elements, mut sum) = (0, 0_u64);
    read_all(&folder, |values| {
        elements += values.len();
        sum += values.iter().map(|value| u64::from(value.to_bits())).sum::<u64>();
    })?;
    println!(
        r#"{{"seconds": {seconds:?}, "baseline_kib": {baseline}, "peak_kib": {peak}, "elements": {elements}, "sum": {sum}}}"#
    );
    Ok(())
}

fn read_all(folder: &str, mut use_values: impl FnMut(&[f32])) -> Result<(), Box<dyn Error>> {
    let checkpoint = Checkpoint::open(folder)?;
    let is_write_site = |name: &str| {
        name.ends_with(".attention.dense.weight") || name.ends_with(".mlp.dense_4h_to_h.weight")
    };
    for meta in checkpoint.tensors().iter().filter(|meta| is_write_site(&meta.name)) {
        use_values(&checkpoint.read(&meta.name)?.to_f32()?);
    }
    Ok(())
}

/// The most memory that this process has had.
fn peak_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmHWM")?.parse()?)
}
