//! What no estimator may depend on.

use proptest::prelude::*;
use settling_cka::{Cka, LinearCka};
use settling_core::MatView;

use crate::data::{Mat, Reference, cka, in_blocks, parts};

/// A pair with a common part, so that CKA is neither near 0 nor near 1. At least 12 rows: with
/// fewer, the debiased terms may cancel to almost nothing, and 1e-12 would test the draw.
fn pairs() -> impl Strategy<Value = (Mat, Mat)> {
    (any::<u64>(), 12..60_usize, 1..20_usize, 1..20_usize).prop_map(|(seed, n, p, q)| {
        let (x, mut y) = (Mat::normal(seed, n, p), Mat::normal(!seed, n, q));
        for row in 0..n {
            for col in 0..p.min(q) {
                y.values[row * q + col] += x.row(row)[col];
            }
        }
        (x, y)
    })
}

fn values(cka: Cka) -> [f64; 3] {
    [cka.biased().unwrap(), cka.debiased().unwrap(), cka.floor().unwrap()]
}

/// The largest difference of the three values.
fn distance(a: Cka, b: Cka) -> f64 {
    values(a).iter().zip(values(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

proptest! {
    #[test]
    fn merges_and_blocks_do_not_matter(
        (x, y) in pairs(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        grouping in any::<u64>(),
        block_rows in 1..20_usize,
    ) {
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(x.rows + 1)).collect();
        let mut parts = parts(&x, &y, &cuts, block_rows);
        // Merge neighbours in an order drawn from `grouping`, until one is left.
        let mut draw = grouping;
        while parts.len() > 1 {
            let at = usize::try_from(draw % (parts.len() as u64 - 1)).unwrap();
            draw /= 7;
            let right = parts.remove(at + 1);
            parts[at].merge(right).unwrap();
        }
        let merged = parts.remove(0);
        prop_assert_eq!(merged.rows(), x.rows);
        let difference = distance(merged.finish(), cka(&x, &y));
        prop_assert!(difference <= 1e-12, "{difference:e}");
    }

    #[test]
    fn batches_keep_every_bit((x, y) in pairs(), batch in 1..30_usize, block_rows in 1..30_usize) {
        let mut batches = LinearCka::with_block_rows(block_rows);
        for start in (0..x.rows).step_by(batch) {
            let end = x.rows.min(start + batch);
            batches.update(x.view().slice_rows(start..end), y.view().slice_rows(start..end)).unwrap();
            prop_assert_eq!(batches.rows(), end);
        }
        prop_assert_eq!(batches.finish(), in_blocks(&x, &y, block_rows));
    }

    /// The means drift, so that what moves with them is not lost in rounding.
    #[test]
    fn swapping_the_sides_keeps_every_bit(
        (x, y) in pairs(),
        square in any::<bool>(),
        block_rows in 1..30_usize,
    ) {
        let y = if square { Mat::normal(x.rows as u64, x.rows, x.cols) } else { y };
        let drift = |m: &Mat, by: f64| {
            let value = |(k, value)| value + by * (k / m.cols * (k % m.cols + 1)) as f64;
            Mat { values: m.values.iter().enumerate().map(value).collect(), ..*m }
        };
        let (x, y) = (drift(&x, 0.3), drift(&y, -0.7));
        let (there, back) = (in_blocks(&x, &y, block_rows), in_blocks(&y, &x, block_rows));
        prop_assert_eq!(values(there), values(back));
        prop_assert_eq!((there.x_features(), there.y_features()), (x.cols, y.cols));
        prop_assert_eq!((back.x_features(), back.y_features()), (y.cols, x.cols));
        let (px, py) = there.participation_ratios().unwrap();
        prop_assert_eq!(back.participation_ratios().unwrap(), (py, px));
    }

    #[test]
    fn features_are_like_themselves((x, _) in pairs(), block_rows in 1..60_usize) {
        let cka = in_blocks(&x, &x, block_rows);
        prop_assert!((cka.biased().unwrap() - 1.0).abs() <= 1e-14);
        prop_assert!((cka.debiased().unwrap() - 1.0).abs() <= 1e-14);
    }

    #[test]
    fn powers_of_two_keep_every_bit((x, y) in pairs(), kx in -100..100_i32, ky in -100..100_i32) {
        let scaled = cka(
            &x.clone().scale_cols(|_| 2.0_f64.powi(kx)),
            &y.clone().scale_cols(|_| 2.0_f64.powi(ky)),
        );
        let unscaled = cka(&x, &y);
        prop_assert_eq!(values(scaled), values(unscaled));
        prop_assert_eq!(scaled.participation_ratios(), unscaled.participation_ratios());
    }

    #[test]
    fn orthogonal_maps_do_not_matter((x, y) in pairs(), seed in any::<u64>()) {
        let turned = x.reflected(Mat::normal(seed, 1, x.cols).row(0));
        let turned = turned.reflected(Mat::normal(!seed, 1, x.cols).row(0));
        prop_assert!(distance(cka(&turned, &y), cka(&x, &y)) <= 1e-12);
    }

    #[test]
    fn translations_do_not_matter((x, y) in pairs(), by in -(1 << 20)..1 << 20_i32) {
        let moved = x.clone().offset(|col| f64::from(by / (col as i32 + 1)));
        prop_assert!(distance(cka(&moved, &y), cka(&x, &y)) <= 1e-12);
    }

    #[test]
    fn the_order_of_rows_does_not_matter((x, y) in pairs(), seed in any::<u64>()) {
        let keys = Mat::normal(seed, x.rows, 1);
        let mut order: Vec<usize> = (0..x.rows).collect();
        order.sort_by(|&a, &b| keys.values[a].total_cmp(&keys.values[b]));
        prop_assert!(distance(cka(&x.permuted(&order), &y.permuted(&order)), cka(&x, &y)) <= 1e-12);
    }

    #[test]
    fn agrees_with_the_definition_over_pairs_of_rows(
        seed in any::<u64>(), n in 4..40_usize, p in 1..12_usize, q in 1..12_usize,
    ) {
        let (x, y) = (Mat::normal(seed, n, p), Mat::normal(!seed, n, q));
        let (found, expected) = (cka(&x, &y), Reference::new(&x, &y));
        // Sums over rows and over features, rounded once a term, on both sides of the comparison.
        let rounding = 2.0 * (n + p + q) as f64 * f64::EPSILON;
        let biased = found.biased().unwrap();
        prop_assert!((biased - expected.biased).abs() <= 2.0 * rounding);
        let debiased = found.debiased().unwrap();
        prop_assert!(
            (debiased - expected.debiased).abs() <= rounding * expected.condition,
            "{debiased} is not {}, condition {}", expected.debiased, expected.condition
        );
    }
}

/// Rows of more than one default block.
#[test]
fn long_matrices_are_cut_inside() {
    let (x, y) = (Mat::normal(1, 2500, 9), Mat::normal(2, 2500, 4));
    let (found, expected) = (cka(&x, &y), Reference::new(&x, &y));
    assert_eq!(found.rows(), 2500);
    assert!((found.biased().unwrap() - expected.biased).abs() <= 1e-12);
    assert!((found.debiased().unwrap() - expected.debiased).abs() <= 1e-12);
    assert_eq!(found, in_blocks(&x, &y, 1024));
}

/// Millions and billions of standard deviations from zero, in inputs that f64 (and at the end f32)
/// hold exactly: all error is ours.
#[test]
fn offsets_cost_nothing() {
    let (x, mut y) = (Mat::normal(1, 2048, 32), Mat::normal(2, 2048, 32));
    for (y, x) in y.values.iter_mut().zip(&x.values) {
        *y += x;
    }
    let far = |m: &Mat, by: f64| m.clone().offset(|col| by * (1.0 - 2.0 * (col % 2) as f64));
    let expected = cka(&x, &y);
    for by in [f64::from(1 << 20), f64::from(1 << 29)] {
        let (x_far, y_far) = (far(&x, by), far(&y, by));
        for block_rows in [7, 50, 1024] {
            let difference = distance(in_blocks(&x_far, &y_far, block_rows), expected);
            assert!(difference <= 1e-13, "{difference:e} in blocks of {block_rows} at {by}");
        }
    }

    let eighths =
        |m: &Mat| Mat { values: m.values.iter().map(|v| (v * 8.0).round() / 8.0).collect(), ..*m };
    let (x, y) = (eighths(&x), eighths(&y));
    let single = |m: &Mat| -> Vec<f32> {
        far(m, f64::from(1 << 20)).values.iter().map(|&v| v as f32).collect()
    };
    let (x_far, y_far) = (single(&x), single(&y));
    let mut all = LinearCka::new();
    let [x_view, y_view] = [&x_far, &y_far].map(|side| MatView::new(side, 2048, 32));
    all.update(x_view, y_view).unwrap();
    assert!(distance(all.finish(), cka(&x, &y)) <= 1e-13);
}

/// Blocks that lie far from each other: the spread of the whole is that between blocks.
#[test]
fn drifting_means_merge_exactly() {
    let (mut x, mut y) = (Mat::normal(5, 512, 6), Mat::normal(6, 512, 5));
    for row in 0..512 {
        x.values[row * 6] += (row / 64) as f64 * 4096.0;
        y.values[row * 5 + 1] -= (row / 64) as f64 * 1024.0;
        y.values[row * 5 + 2] += (row / 32 % 4) as f64 * 2048.0;
    }
    let expected = Reference::new(&x, &y);
    for block_rows in [1, 64, 100, 1024] {
        let found = in_blocks(&x, &y, block_rows);
        assert!((found.biased().unwrap() - expected.biased).abs() <= 1e-12);
        assert!((found.debiased().unwrap() - expected.debiased).abs() <= 1e-12);
    }
}

/// The extremes of f32 stay far inside the range of the sums.
#[test]
fn the_whole_range_of_f32_is_served() {
    let (x, y) = ([1.0_f32, -1.0, 0.5, 0.25, -0.5], [1.0_f32, -0.5, 1.0, -1.0, 0.25]);
    let view = |m: &[f32]| {
        settling_cka::linear_cka(MatView::new(m, 5, 1), MatView::new(&y, 5, 1)).unwrap()
    };
    let expected = values(view(&x));
    let huge = x.map(|v| v * 2.0_f32.powi(127));
    // Subnormal, all of them.
    let tiny = x.map(|v| v * 2.0_f32.powi(-140));
    assert_eq!(values(view(&huge)), expected);
    assert_eq!(values(view(&tiny)), expected);
}
