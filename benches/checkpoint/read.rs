//! Opens a checkpoint and reads the matrices that write to the residual stream, as f32, one at a
//! time on each thread; several times over.
//!
//! `peers.py` beside this runs it and compares it with Python: see there. The output is JSON on one
//! line.

use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use settling_checkpoint::Checkpoint;
use settling_core::TensorSource;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(passes), Some(threads)) = (args.next(), args.next(), args.next())
    else {
        return Err("usage: read_checkpoint FOLDER PASSES THREADS".into());
    };
    let threads = threads.parse()?;
    let baseline = peak_kib()?;
    let mut seconds = Vec::new();
    for _ in 0..passes.parse()? {
        let begin = Instant::now();
        read_all(&folder, threads, |values| {
            black_box(values);
        })?;
        seconds.push(begin.elapsed().as_secs_f64());
    }
    let peak = peak_kib()?;
    // Untimed: that every bit is the same as in Python.
    let (elements, sum) = (AtomicU64::new(0), AtomicU64::new(0));
    read_all(&folder, threads, |values| {
        elements.fetch_add(values.len() as u64, Relaxed);
        sum.fetch_add(values.iter().map(|value| u64::from(value.to_bits())).sum(), Relaxed);
    })?;
    let (elements, sum) = (elements.into_inner(), sum.into_inner());
    println!(
        r#"{{"seconds": {seconds:?}, "baseline_kib": {baseline}, "peak_kib": {peak}, "elements": {elements}, "sum": {sum}}}"#
    );
    Ok(())
}

fn read_all(
    folder: &str,
    threads: usize,
    use_values: impl Fn(&[f32]) + Sync,
) -> Result<(), Box<dyn Error>> {
    let checkpoint = Checkpoint::open(folder)?;
    let is_write_site = |name: &str| {
        name.ends_with(".attention.dense.weight") || name.ends_with(".mlp.dense_4h_to_h.weight")
    };
    let sites: Vec<_> =
        checkpoint.tensors().iter().filter(|meta| is_write_site(&meta.name)).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), String> {
        while let Some(meta) = sites.get(next.fetch_add(1, Relaxed)) {
            let data = checkpoint.read(&meta.name).map_err(|error| error.to_string())?;
            use_values(&data.to_f32().map_err(|error| error.to_string())?);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mine = work();
        others.into_iter().map(|thread| thread.join().expect("no panic")).fold(mine, Result::and)
    })?;
    Ok(())
}

/// The most memory that this process has had.
fn peak_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmHWM")?.parse()?)
}
