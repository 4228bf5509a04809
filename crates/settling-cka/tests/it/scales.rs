//! The scale of either side is no matter, at either end of f64 and f32; and where a value is
//! missing, the reason is the true one.

use proptest::prelude::*;
use settling_cka::{
    Bandwidth, BiasedCka, Cka, CkaMatrix, DebiasedCka, Error, ErrorKind, LinearCka, MatView,
    MinibatchCka, Procrustes, Pwcca, RbfCka, Resampling, Side, Similarity, Svcca, Undefined,
    bootstrap, kernel_cka, linear_cka, linear_cka_features, linear_cka_gram, permutation_null,
    rbf_cka,
};

use crate::data::{Mat, parts};

fn related(seed: u64, rows: usize, p: usize, q: usize) -> (Mat, Mat) {
    let (x, mut y) = (Mat::normal(seed, rows, p), Mat::normal(!seed, rows, q));
    for row in 0..rows {
        for col in 0..p.min(q) {
            y.values[row * q + col] += x.row(row)[col];
        }
    }
    (x, y)
}

fn times(m: &Mat, factor: f64) -> Mat {
    m.clone().scale_cols(|_| factor)
}

fn minibatch(x: &Mat, y: &Mat) -> Result<f64, Undefined> {
    let mut batches = MinibatchCka::new();
    for start in (0..x.rows - 5).step_by(6) {
        let [x, y] = [x, y].map(|m| m.view().slice_rows(start..start + 6));
        batches.update(x, y).map_err(|error| error.undefined().unwrap())?;
    }
    batches.value()
}

fn numbers(cka: Cka) -> [Result<f64, Undefined>; 4] {
    [cka.biased(), cka.debiased(), cka.floor(), cka.participation_ratios().map(|(x, y)| x * y)]
}

/// Every number of this crate, of rows in memory.
fn everything(x: &Mat, y: &Mat) -> Vec<(&'static str, Result<f64, Undefined>)> {
    let (a, b) = (x.view(), y.view());
    let resampling = Resampling { draws: 9, seed: 1 };
    let mut stream = LinearCka::with_block_rows(5).with_f32_products();
    stream.update(a, b).unwrap();
    let mut matrix = CkaMatrix::new();
    matrix.update(&[b, a], &[b]).unwrap();
    let null = permutation_null(a, b, resampling).unwrap();
    let mut all: Vec<(&str, Result<f64, Undefined>)> = Vec::new();
    for (name, cka) in [
        ("gram", linear_cka_gram(a, b).unwrap()),
        ("features", linear_cka_features(a, b).unwrap()),
        ("f32", stream.finish()),
        ("matrix", matrix.finish()[1][0]),
        ("null", null.draws()[3]),
    ] {
        all.extend(numbers(cka).map(|value| (name, value)));
    }
    all.push(("minibatch", minibatch(x, y)));
    all.extend(
        bootstrap(a, b, resampling).unwrap().draws().iter().map(|&draw| ("bootstrap", draw)),
    );
    let others: [&dyn Similarity; 5] = [
        &RbfCka { bandwidth: Bandwidth::Median(0.7) },
        &Svcca { variance: 0.8 },
        &Svcca { variance: 1.0 },
        &Pwcca,
        &Procrustes,
    ];
    let reason = |error: Error| error.undefined().unwrap();
    all.extend(others.map(|other| (other.name(), other.similarity(a, b).map_err(reason))));
    all
}

proptest! {
    /// By a power of two: not a bit.
    #[test]
    fn powers_of_two_change_no_bit(
        seed in any::<u64>(), rows in 6..24_usize, p in 1..9_usize, q in 1..9_usize,
        kx in -800..800_i32, ky in -800..800_i32,
    ) {
        let (x, y) = related(seed, rows, p, q);
        let scaled = (times(&x, 2.0_f64.powi(kx)), times(&y, 2.0_f64.powi(ky)));
        for (found, expected) in everything(&scaled.0, &scaled.1).iter().zip(everything(&x, &y)) {
            // The distances of an RBF are roots, taken back in units of the rows.
            if expected.0 == "rbf_cka" {
                let (found, expected) = (found.1.unwrap(), expected.1.unwrap());
                prop_assert!((found - expected).abs() <= 1e-12);
            } else {
                prop_assert_eq!(found, &expected);
            }
        }
    }

    /// By any number: elements are rounded anew, nothing more.
    #[test]
    fn any_factor_changes_rounding_only(
        seed in any::<u64>(), rows in 12..24_usize, p in 1..5_usize, q in 1..5_usize,
        kx in -150..150_i32, ky in -150..150_i32,
    ) {
        let (x, y) = related(seed, rows, p, q);
        let scaled = (times(&x, 10.0_f64.powi(kx)), times(&y, 10.0_f64.powi(ky)));
        for (found, (name, expected)) in
            everything(&scaled.0, &scaled.1).iter().zip(everything(&x, &y))
        {
            match (found.1, expected) {
                (Ok(found), Ok(expected)) => {
                    // f32 rounds elements anew; SVCCA and the debiased values of few rows magnify.
                    let tolerance = if name == "f32" { 1e-4 } else { 1e-9 };
                    prop_assert!(
                        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
                        "{name}: {found} {expected}"
                    );
                }
                (found, expected) => prop_assert_eq!(found.err(), expected.err(), "{}", name),
            }
        }
    }

    /// Blocks and parts of different scales: the value is that of all rows, whichever comes first.
    #[test]
    fn parts_of_different_scales_merge(
        seed in any::<u64>(),
        scales in prop::collection::vec((-300..300_i32, -300..300_i32), 4),
        block_rows in 1..12_usize,
        order in any::<prop::sample::Index>(),
    ) {
        let (mut x, mut y) = related(seed, 40, 3, 2);
        for row in 0..40 {
            let (kx, ky) = scales[row / 10];
            x.values[row * 3..][..3].iter_mut().for_each(|value| *value *= 2.0_f64.powi(kx));
            y.values[row * 2..][..2].iter_mut().for_each(|value| *value *= 2.0_f64.powi(ky));
        }
        let expected = linear_cka_gram(x.view(), y.view()).unwrap();
        let mut parts = parts(&x, &y, &[10, 20, 30], block_rows);
        let mut merged = parts.remove(order.index(4));
        for part in parts {
            merged.merge(part).unwrap();
        }
        let mut stream = LinearCka::with_block_rows(block_rows);
        stream.update(x.view(), y.view()).unwrap();
        for found in [merged.finish(), stream.finish()] {
            let difference = found.biased().unwrap() - expected.biased().unwrap();
            prop_assert!(difference.abs() <= 1e-12, "{difference:e}");
            let (px, py) = expected.participation_ratios().unwrap();
            let found_ratios = found.participation_ratios().unwrap();
            prop_assert!((found_ratios.0 - px).abs() + (found_ratios.1 - py).abs() <= 1e-12);
            // Three digits or none.
            if let (Ok(found), Ok(expected)) = (found.debiased(), expected.debiased()) {
                prop_assert!((found - expected).abs() <= 4e-3, "{found} {expected}");
            }
        }
    }

    /// An outlier of any length: three digits or the reason, by the form that leaves the diagonal
    /// out always the value.
    #[test]
    fn outliers_cost_no_value_off_the_diagonal(seed in any::<u64>(), power in 0..30_i32) {
        let (mut x, y) = related(seed, 24, 4, 3);
        x.values[9] = 2.0_f64.powi(power);
        let gram = linear_cka_gram(x.view(), y.view()).unwrap().debiased().unwrap();
        match linear_cka_features(x.view(), y.view()).unwrap().debiased() {
            Ok(found) => prop_assert!((found - gram).abs() <= 4e-3, "{found} {gram}"),
            Err(reason) => prop_assert_eq!(reason, Undefined::SelfTermNotPositive(Side::X)),
        }
        prop_assert!(minibatch(&x, &y).is_ok());
    }

    /// As a kernel grows, its value goes to that of the linear one, without a dip on the way.
    #[test]
    fn wide_kernels_go_to_the_linear_one(seed in any::<u64>(), power in 10..1000_i32) {
        let (x, y) = related(seed, 15, 3, 4);
        let expected = linear_cka(x.view(), y.view()).unwrap();
        let width = Bandwidth::Distance(2.0_f64.powi(power));
        let found = rbf_cka(x.view(), y.view(), width).unwrap();
        // d² / 2σ² is at most 2^6 2^-2p: what the exponential adds is no more than some of that.
        let tolerance = 2.0_f64.powi(10 - 2 * power) + 1e-12;
        for (found, expected) in
            [(found.biased(), expected.biased()), (found.debiased(), expected.debiased())]
        {
            let difference = found.unwrap() - expected.unwrap();
            prop_assert!(difference.abs() <= tolerance, "{difference:e} at 2^{power}");
        }
    }

    /// The same kernel given as a matrix, of which f64 has fewer and fewer digits: its value to
    /// three digits, or that it is lost.
    #[test]
    fn given_kernels_are_right_or_lost(seed in any::<u64>(), power in -2..40_i32) {
        let (x, y) = related(seed, 15, 3, 4);
        let width = 2.0_f64.powi(power);
        let kernel = |m: &Mat| -> Vec<f64> {
            let squared = |a, b| -> f64 {
                m.row(a).iter().zip(m.row(b)).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            (0..225).map(|at| (-squared(at / 15, at % 15) / (2.0 * width * width)).exp()).collect()
        };
        let (k, l) = (kernel(&x), kernel(&y));
        let expected = rbf_cka(x.view(), y.view(), Bandwidth::Distance(width)).unwrap();
        match kernel_cka(MatView::new(&k, 15, 15), MatView::new(&l, 15, 15)) {
            Ok(found) => {
                let difference = found.biased().unwrap() - expected.biased().unwrap();
                prop_assert!(difference.abs() <= 4e-3, "{difference:e} at 2^{power}");
                if let (Ok(found), Ok(expected)) = (found.debiased(), expected.debiased()) {
                    prop_assert!((found - expected).abs() <= 4e-3, "{found} {expected} at {power}");
                }
            }
            Err(error) => {
                prop_assert!(power > 18, "lost at 2^{}", power);
                prop_assert_eq!(error.undefined(), Some(Undefined::KernelLost(Side::X)));
            }
        }
    }

    /// Rows that are all equal, whatever they are.
    #[test]
    fn equal_rows_are_told_from_small_ones(
        value in prop::sample::select(vec![0.0, 5e-324, 1e-310, -1e-200, 0.1, 1e200, 8e270]),
        rows in 6..20_usize,
    ) {
        let constant = Mat { values: vec![value; rows * 3], rows, cols: 3 };
        let other = Mat::normal(rows as u64, rows, 2);
        for (x, y, side) in [(&constant, &other, Side::X), (&other, &constant, Side::Y)] {
            for (name, found) in everything(x, y) {
                prop_assert_eq!(found, Err(Undefined::ZeroVariance(side)), "{}", name);
            }
        }
    }
}

/// Squares of 1e-170 underflow: the value is that of the same rows times 1.
#[test]
fn squares_that_underflow_have_a_value() {
    let x = [1e-170, 2e-170, 4e-170, 8e-170, 3e-170];
    let y = [1.0, 3.0, 2.0, 4.0, 0.5];
    let (x, y) = (MatView::new(&x, 5, 1), MatView::new(&y, 5, 1));
    let near = [1.0, 2.0, 4.0, 8.0, 3.0];
    let expected = linear_cka(MatView::new(&near, 5, 1), y).unwrap();
    let found = linear_cka(x, y).unwrap();
    assert!((found.biased().unwrap() - expected.biased().unwrap()).abs() <= 1e-15);
    assert!((found.debiased().unwrap() - expected.debiased().unwrap()).abs() <= 1e-14);
    let expected = Procrustes.similarity(MatView::new(&near, 5, 1), y).unwrap();
    assert!((Procrustes.similarity(x, y).unwrap() - expected).abs() <= 1e-15);
}

/// Below 2^-900 a mean has no digits left: said so, and not that rows are equal.
#[test]
fn the_least_differences_are_too_small_and_not_none() {
    for least in [5e-324, 1e-310, 1e-290] {
        let x = Mat {
            values: (0..12).map(|k| f64::from(k * k % 7) * least).collect(),
            rows: 12,
            cols: 1,
        };
        let y = Mat::normal(1, 12, 1);
        for (name, found) in everything(&x, &y) {
            match (name, found) {
                // Distances need no mean.
                ("rbf_cka", Ok(_)) => {}
                (_, found) => {
                    assert_eq!(
                        found,
                        Err(Undefined::VarianceTooSmall(Side::X)),
                        "{name} {least:e}"
                    );
                }
            }
        }
    }
    let reason = Undefined::VarianceTooSmall(Side::X).to_string();
    assert!(reason.contains("not equal") && reason.contains("multiply x"), "{reason}");
}

/// f32 from its smallest number to its largest, beside f64.
#[test]
fn the_ends_of_f32_beside_f64() {
    let (x, y) = (Mat::normal(1, 30, 3), Mat::normal(2, 30, 2));
    // Whole numbers up to 2^13, so that subnormal f32 hold them.
    let whole =
        |m: &Mat| Mat { values: m.values.iter().map(|v| (v * 1024.0).round()).collect(), ..*m };
    let (x, y) = (whole(&x), whole(&y));
    let expected = linear_cka(x.view(), y.view()).unwrap();
    for exponent in [-149, -100, 0, 100, 113] {
        let scaled: Vec<f32> =
            x.values.iter().map(|v| (v * 2.0_f64.powi(exponent)) as f32).collect();
        let single = MatView::new(&scaled, 30, 3);
        let mut stream = LinearCka::new();
        stream.update(single, y.view()).unwrap();
        let mut batches = MinibatchCka::new();
        batches.update(single, y.view()).unwrap();
        let mut matrix = CkaMatrix::new();
        matrix.update(&[single], &[y.view()]).unwrap();
        assert_eq!(numbers(stream.finish()), numbers(expected), "2^{exponent}");
        assert_eq!(numbers(matrix.finish()[0][0]), numbers(expected), "2^{exponent}");
        let debiased = expected.debiased().unwrap();
        assert!((batches.value().unwrap() - debiased).abs() <= 1e-13, "2^{exponent}");
    }
}

/// Who depends on this crate alone needs no other for its signatures, and no type of element twice.
#[test]
fn every_function_takes_two_types_of_elements() {
    let (x, y) = related(1, 12, 2, 2);
    let single: Vec<f32> = x.values.iter().map(|&v| v as f32).collect();
    let (x, y) = (MatView::new(&single, 12, 2), y.view());
    let resampling = Resampling { draws: 4, seed: 0 };
    assert!(settling_cka::check_pair(x, y, None).is_ok());
    assert!(linear_cka(x, y).unwrap().biased().is_ok());
    assert!(linear_cka(y, x).unwrap().biased().is_ok());
    assert!(rbf_cka(x, y, Bandwidth::Median(1.0)).unwrap().biased().is_ok());
    assert!(bootstrap(x, y, resampling).unwrap().interval(0.5).is_ok());
    assert!(permutation_null(y, x, resampling).unwrap().summary(Cka::biased).is_ok());
    let gram: Vec<f32> = (0..9).map(|at| if at % 4 == 0 { 1.0 } else { 0.5 }).collect();
    let other: Vec<f64> = (0..9).map(|at| f64::from((at / 3) * (at % 3))).collect();
    assert!(kernel_cka(MatView::new(&gram, 3, 3), MatView::new(&other, 3, 3)).is_ok());
}

/// Elements beyond 2^900 are refused, by every function, and nothing below.
#[test]
fn what_is_too_large_is_refused_everywhere() {
    let (x, mut y) = related(1, 12, 2, 2);
    y.values[3] = -1e280;
    let (a, b) = (x.view(), y.view());
    let all: [&dyn Similarity; 6] = [
        &BiasedCka,
        &DebiasedCka,
        &RbfCka { bandwidth: Bandwidth::Median(1.0) },
        &Svcca { variance: 0.9 },
        &Pwcca,
        &Procrustes,
    ];
    for similarity in all {
        let error = similarity.similarity(a, b).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{}", similarity.name());
        assert!(error.to_string().starts_with("y is -1e280 at row 1, column 1"), "{error}");
    }
    assert_eq!(MinibatchCka::new().update(a, b).unwrap_err().kind(), ErrorKind::TooLarge);
    let resampling = Resampling::default();
    assert_eq!(bootstrap(a, b, resampling).unwrap_err().kind(), ErrorKind::TooLarge);
}
