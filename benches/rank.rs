//! Singular values and effective rank of square and D x 4D matrices, on one thread.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use settling_core::MatView;
use settling_rank::{effective_rank, singular_values};

/// Numbers in [-1, 1) that are the same on every machine.
fn matrix(rows: usize, cols: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..rows * cols).map(|_| next()).collect()
}

fn spectra(c: &mut Criterion) {
    let mut group = c.benchmark_group("effective rank");
    group.sample_size(10);
    for (rows, cols) in [(128, 512), (512, 512), (512, 2048)] {
        let values = matrix(rows, cols);
        let a = MatView::new(&values, rows, cols);
        group.bench_function(BenchmarkId::from_parameter(format!("{rows} x {cols}")), |b| {
            b.iter(|| {
                let spectrum = singular_values(a).expect("the elements are finite");
                effective_rank(&spectrum).expect("the matrix is not zero")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, spectra);
criterion_main!(benches);
