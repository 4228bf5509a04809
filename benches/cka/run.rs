//! Times CKA, several times over. `peers.py` beside this runs it and compares it with numpy: see
//! there. The output is JSON on one line.

use std::error::Error;
use std::hint::black_box;
use std::thread;
use std::time::Instant;

use settling_cka::{Cka, CkaMatrix, LinearCka, linear_cka};
use settling_core::MatView;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [task, rows, cols, threads, passes] = args.as_slice() else {
        return Err("usage: run_cka f64|f32|many|separate|memory ROWS COLS THREADS PASSES".into());
    };
    let (rows, cols, passes) = (rows.parse()?, cols.parse()?, passes.parse()?);
    let threads: usize = threads.parse()?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    match task.as_str() {
        "f64" => time(passes, &x(rows, cols), &y(rows, cols), cols, threads, LinearCka::new()),
        "f32" => {
            let single = |values: Vec<f64>| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
            let (x, y) = (single(x(rows, cols)), single(y(rows, cols)));
            time(passes, &x, &y, cols, threads, LinearCka::new().with_f32_products())
        }
        "many" | "separate" => many(task == "many", passes, rows, cols),
        "memory" => memory(rows, cols),
        _ => Err(format!("no task {task}").into()),
    }
}

/// Numbers in [-0.5, 0.5) with 24 bits that are the same everywhere: SplitMix64 of their place.
fn noise(seed: u64, place: usize) -> f64 {
    let mut z = (seed * (1 << 40) + place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 24) - 0.5
}

fn x(rows: usize, cols: usize) -> Vec<f64> {
    (0..rows * cols).map(|place| noise(1, place)).collect()
}

fn y(rows: usize, cols: usize) -> Vec<f64> {
    (0..rows * cols).map(|place| (noise(1, place) + noise(2, place)) / 2.0).collect()
}

fn print(seconds: &[f64], cka: &[Cka], error: f64) -> Result<(), Box<dyn Error>> {
    let biased: Result<Vec<f64>, _> = cka.iter().map(Cka::biased).collect();
    println!(r#"{{"seconds": {seconds:?}, "biased": {:?}, "stated": {error:e}}}"#, biased?);
    Ok(())
}

/// A stream on each thread, merged at the end.
fn time<T: Copy + Into<f64> + Sync>(
    passes: usize,
    x: &[T],
    y: &[T],
    cols: usize,
    threads: usize,
    start: LinearCka,
) -> Result<(), Box<dyn Error>> {
    let rows = x.len() / cols;
    let (x, y) = (MatView::new(x, rows, cols), MatView::new(y, rows, cols));
    let (mut seconds, mut found) = (Vec::new(), Cka::default());
    for _ in 0..passes {
        let begin = Instant::now();
        let share = rows.div_ceil(threads);
        let part = |thread: usize| -> Result<LinearCka, settling_cka::Error> {
            let mut part = start.clone();
            let end = rows.min((thread + 1) * share);
            for from in (thread * share..end).step_by(4096) {
                let to = end.min(from + 4096);
                part.update(x.slice_rows(from..to), y.slice_rows(from..to))?;
            }
            Ok(part)
        };
        let parts: Vec<_> = thread::scope(|scope| {
            let handles: Vec<_> =
                (1..threads).map(|thread| scope.spawn(move || part(thread))).collect();
            let own = part(0);
            let others = handles.into_iter().map(|handle| handle.join().expect("no panic"));
            std::iter::once(own).chain(others).collect()
        });
        let mut all = start.clone();
        for part in parts {
            all.merge(part?)?;
        }
        found = all.finish();
        seconds.push(begin.elapsed().as_secs_f64());
    }
    print(&seconds, &[found], found.biased_error()?)
}

/// 27 checkpoints with one reference: together, or by a call each.
fn many(together: bool, passes: usize, rows: usize, cols: usize) -> Result<(), Box<dyn Error>> {
    let single = |values: Vec<f64>| values.iter().map(|&v| v as f32).collect::<Vec<_>>();
    let reference = single(x(rows, cols));
    let checkpoints: Vec<Vec<f32>> = (2..29)
        .map(|seed| (0..rows * cols).map(|at| (noise(1, at) + noise(seed, at)) as f32).collect())
        .collect();
    let x = MatView::new(&reference, rows, cols);
    let ys: Vec<_> = checkpoints.iter().map(|y| MatView::new(y, rows, cols)).collect();
    let (mut seconds, mut found) = (Vec::new(), Vec::new());
    for _ in 0..passes {
        let begin = Instant::now();
        found = if together {
            let mut matrix = CkaMatrix::new();
            matrix.update(&[x], &ys)?;
            matrix.finish().remove(0)
        } else {
            ys.iter().map(|&y| linear_cka(x, y)).collect::<Result<_, _>>()?
        };
        seconds.push(begin.elapsed().as_secs_f64());
    }
    print(&seconds, &found, 0.0)
}

/// The peak of memory after a sixteenth of the rows and after all of them, which are made on the
/// way.
fn memory(rows: usize, cols: usize) -> Result<(), Box<dyn Error>> {
    let mut all = LinearCka::new();
    let mut peaks = Vec::new();
    for start in (0..rows).step_by(1024) {
        let batch = |seed: u64| -> Vec<f32> {
            (start * cols..(start + 1024) * cols).map(|at| noise(seed, at) as f32).collect()
        };
        let (x, y) = (batch(1), batch(2));
        all.update(MatView::new(&x, 1024, cols), MatView::new(&y, 1024, cols))?;
        black_box(&all);
        if start + 1024 == rows / 16 {
            peaks.push(peak_kib()?);
        }
    }
    peaks.push(peak_kib()?);
    println!(r#"{{"peak_kib": {peaks:?}, "debiased": {:e}}}"#, all.finish().debiased()?);
    Ok(())
}

fn peak_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.ok_or("no VmHWM")?.trim().trim_end_matches(" kB").parse()?)
}
