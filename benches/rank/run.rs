//! Spectra of matrices in files of raw numbers, several times over. `peers.py` beside this runs it
//! and compares it with numpy, scipy and torch: see there. The output is JSON on one line.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use settling_rank::{MatView, effective_rank, product_spectra, spectra};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [task, file, count, rows, inner, cols, passes] = args.as_slice() else {
        return Err("usage: run_rank spectra|products FILE COUNT ROWS INNER COLS PASSES".into());
    };
    let [count, rows, inner, cols, passes]: [usize; 5] =
        [count.parse()?, rows.parse()?, inner.parse()?, cols.parse()?, passes.parse()?];
    let bytes = std::fs::read(file)?;
    let (numbers, _) = bytes.as_chunks();
    let numbers: Vec<f32> = numbers.iter().map(|&number| f32::from_le_bytes(number)).collect();

    let mut seconds = Vec::new();
    let mut found = Vec::new();
    for _ in 0..passes {
        let begin = Instant::now();
        found = black_box(match task.as_str() {
            "spectra" => {
                let size = rows * cols;
                let view = |k: usize| MatView::new(&numbers[k * size..][..size], rows, cols);
                spectra(&(0..count).map(view).collect::<Vec<_>>())
            }
            // All left factors, then all right ones.
            "products" => {
                let (left, right) = numbers.split_at(count * rows * inner);
                let pair = |k: usize| {
                    (
                        MatView::new(&left[k * rows * inner..][..rows * inner], rows, inner),
                        MatView::new(&right[k * inner * cols..][..inner * cols], inner, cols),
                    )
                };
                product_spectra(&(0..count).map(pair).collect::<Vec<_>>())
            }
            other => return Err(format!("no task `{other}`").into()),
        });
        seconds.push(begin.elapsed().as_secs_f64());
    }

    let found: Vec<_> = found.into_iter().collect::<Result<_, _>>()?;
    let ranks: Result<Vec<f64>, _> = found.iter().map(|a| effective_rank(a.spectrum())).collect();
    let bounds: Result<Vec<f64>, _> = found.iter().map(|a| a.effective_rank_error()).collect();
    let methods: Vec<_> = found.iter().map(|a| a.method().as_str()).collect();
    println!(
        r#"{{"seconds": {seconds:?}, "ranks": {:?}, "bounds": {:?}, "methods": {methods:?}}}"#,
        ranks?, bounds?
    );
    Ok(())
}
