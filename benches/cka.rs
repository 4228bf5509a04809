//! Streaming CKA: one accumulator fed with micro-batches, at the widths of Pythia 70m and 410m.
//! Time is per stream.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use settling_cka::LinearCka;
use settling_core::MatView;

/// Numbers in [-1, 1) that are the same on every machine.
fn rows(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn streaming(c: &mut Criterion) {
    let mut group = c.benchmark_group("cka streaming");
    group.sample_size(10);
    for (n, width) in [(128, 512), (4096, 512), (2048, 1024)] {
        let (x, y) = (rows(1, n * width), rows(2, n * width));
        let (x, y) = (MatView::new(&x, n, width), MatView::new(&y, n, width));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{n} x {width}")), |b| {
            b.iter(|| {
                let mut cka = LinearCka::new();
                for start in (0..n).step_by(64) {
                    let end = n.min(start + 64);
                    cka.update(x.slice_rows(start..end), y.slice_rows(start..end))
                        .expect("the rows are finite");
                }
                cka.finish().debiased().expect("the rows vary")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, streaming);
criterion_main!(benches);
