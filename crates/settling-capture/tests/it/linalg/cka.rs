//! CKA on a device is that of the CPU, and refuses what it refuses.

use proptest::prelude::*;
use settling_capture::{Device, DeviceCka, ErrorKind};
use settling_cka::{Cka, LinearCka, Side, Undefined, linear_cka};
use settling_core::MatView;

use super::matrices::Mat;

fn device() -> DeviceCka {
    // The test harness runs tests side by side.
    settling_capture::set_threads(1);
    DeviceCka::new(Device::Cpu).unwrap()
}

/// On the device, in batches of `batch` rows.
fn streamed(x: &Mat, y: &Mat, batch: usize) -> DeviceCka {
    let mut all = device();
    for start in (0..x.rows).step_by(batch) {
        let end = (start + batch).min(x.rows);
        all.update(x.view().slice_rows(start..end), y.view().slice_rows(start..end)).unwrap();
    }
    all
}

fn numbers(cka: &Cka) -> [f64; 5] {
    let (x, y) = cka.participation_ratios().unwrap();
    [cka.biased().unwrap(), cka.debiased().unwrap(), cka.floor().unwrap(), x, y]
}

fn assert_agree(found: &Cka, expected: &Cka, what: &str) {
    assert_eq!(found.rows(), expected.rows(), "{what}");
    assert_eq!(
        (found.x_features(), found.y_features()),
        (expected.x_features(), expected.y_features())
    );
    for (found, expected) in numbers(found).into_iter().zip(numbers(expected)) {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= 1e-11, "{what}: {found} against {expected}");
    }
}

/// Related sides: `y` is `x` mixed, with noise.
fn pair(seed: u64, rows: usize, p: usize, q: usize) -> (Mat, Mat) {
    let (x, mix) = (Mat::normal(seed, rows, p), Mat::normal(seed + 1, p, q));
    let noise = Mat::normal(seed + 2, rows, q);
    let y = Mat::new(rows, q, |row, col| {
        (0..p).map(|k| x.at(row, k) * mix.at(k, col)).sum::<f64>() + 3.0 * noise.at(row, col)
    });
    (x, y)
}

#[test]
fn it_agrees_with_the_cpu() {
    for (rows, p, q) in [(5, 3, 2), (40, 7, 70), (1024, 10, 4), (1025, 3, 3), (3000, 24, 17)] {
        let (x, y) = pair(rows as u64, rows, p, q);
        let expected = linear_cka(x.view(), y.view()).unwrap();
        let found = streamed(&x, &y, 700).finish().unwrap();
        assert_agree(&found, &expected, &format!("{rows} {p} {q}"));
    }
}

/// An offset that lets f32 keep a few bits of each row; and one that moves in the middle, so that
/// blocks have other means.
#[test]
fn features_may_lie_far_from_zero() {
    for drift in [0.0, 1e6, -3e6] {
        let (x, y) = pair(3, 2500, 12, 9);
        let far = |m: &Mat, offset: f64| {
            Mat::new(m.rows, m.cols, |row, col| {
                let moved = if row < 1100 { 0.0 } else { drift };
                m.at(row, col) + offset * (1.0 + col as f64 / 8.0) + moved
            })
        };
        let (x, y) = (far(&x, 1e6), far(&y, -2e6));
        let expected = linear_cka(x.view(), y.view()).unwrap();
        assert_agree(&streamed(&x, &y, 2500).finish().unwrap(), &expected, &format!("{drift}"));
    }
}

/// Skewed integers with a trend, which f32 holds 15 million away from zero too: the answer is the
/// same to 1e-13, the mean of a block known to 2^-30 only as one f64 would not do.
#[test]
fn an_exact_offset_costs_no_digits() {
    let (x, y) = pair(4, 10_000, 3, 2);
    let moved = |m: &Mat, offset: f64| {
        Mat::new(m.rows, m.cols, |row, col| {
            m.at(row, col).exp().min(1e3).round() + (row / 300) as f64 + offset
        })
    };
    let near = streamed(&moved(&x, 0.0), &moved(&y, 0.0), 10_000).finish().unwrap();
    let far = streamed(&moved(&x, 15e6), &moved(&y, -15e6), 10_000).finish().unwrap();
    for (near, far) in numbers(&near).into_iter().zip(numbers(&far)) {
        assert!((near - far).abs() <= 1e-13 * near.abs().max(1.0), "{near} {far}");
    }
}

#[test]
fn batches_change_no_bit() {
    let (x, y) = pair(5, 2600, 6, 5);
    let expected = streamed(&x, &y, 2600).finish().unwrap();
    for batch in [1, 7, 1000, 1024, 1025, 2049] {
        assert_eq!(streamed(&x, &y, batch).finish().unwrap(), expected, "{batch}");
    }
}

#[test]
fn an_interim_answer_changes_nothing() {
    let (x, y) = pair(6, 1500, 4, 3);
    let mut all = streamed(&x, &y, 1500);
    let first = all.finish().unwrap();
    assert_eq!(all.finish().unwrap(), first);
    assert_eq!(all.rows(), 1500);
    all.update(x.view(), y.view()).unwrap();
    let mut twice = LinearCka::new();
    twice.update(x.view(), y.view()).unwrap();
    twice.update(x.view(), y.view()).unwrap();
    assert_agree(&all.finish().unwrap(), &twice.finish(), "twice");
}

#[test]
fn parts_merge() {
    let (x, y) = pair(7, 4000, 5, 8);
    let expected = linear_cka(x.view(), y.view()).unwrap();
    for cuts in [vec![0], vec![2000], vec![1024, 2048], vec![1, 2, 3999], vec![500, 1600, 3900]] {
        let mut all = device();
        let ends = cuts.iter().copied().chain([4000]);
        let mut start = 0;
        for end in ends {
            let mut part = device();
            part.update(x.view().slice_rows(start..end), y.view().slice_rows(start..end)).unwrap();
            all.merge(part).unwrap();
            start = end;
        }
        assert_eq!(all.rows(), 4000);
        assert_agree(&all.finish().unwrap(), &expected, &format!("{cuts:?}"));
    }
}

#[test]
fn what_is_undefined_is_so_for_the_same_reason() {
    assert_eq!(device().finish().unwrap(), Cka::default());
    let x = Mat::normal(8, 2300, 3);
    // No binary fraction, in blocks of which no length is a power of two.
    let constant = Mat::new(2300, 2, |_, col| 0.1 + 0.7 * col as f64);
    let all = streamed(&x, &constant, 23).finish().unwrap();
    assert_eq!(all.biased(), Err(Undefined::ZeroVariance(Side::Y)));
    assert_eq!(all.debiased(), Err(Undefined::ZeroVariance(Side::Y)));
}

#[test]
fn refused_rows_leave_everything_as_it_was() {
    let (x, y) = pair(9, 1100, 3, 2);
    let mut all = streamed(&x, &y, 1100);
    let before = all.finish().unwrap();
    let refused = |all: &mut DeviceCka, x: MatView<'_>, y: MatView<'_>| {
        let error = all.update(x, y).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Matrix);
        error.get_ref().unwrap().downcast_ref::<settling_cka::Error>().unwrap().kind()
    };
    use settling_cka::ErrorKind::{NotFinite, RowsDiffer, WidthDiffers};
    assert_eq!(refused(&mut all, x.view(), y.view().slice_rows(0..4)), RowsDiffer);
    assert_eq!(refused(&mut all, x.view(), x.view()), WidthDiffers);
    let mut broken = y.clone();
    broken.values[2 * 1090 + 1] = f32::NAN;
    assert_eq!(refused(&mut all, x.view(), broken.view()), NotFinite);
    let error = all.update(x.view(), broken.view()).unwrap_err();
    assert!(error.to_string().contains("y is NaN at row 1090, column 1"), "{error}");

    let error = all.merge(streamed(&y, &x, 1100)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Matrix);
    assert_eq!(all.finish().unwrap(), before);
    assert_eq!(all.rows(), 1100);
    assert_eq!(DeviceCka::new(Device::Mps).unwrap_err().kind(), ErrorKind::Device);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_stream_is_that_of_the_cpu(
        seed in 0..1000_u64,
        rows in 30..2200_usize,
        (p, q) in (1..12_usize, 1..12_usize),
        batch in 1..1500_usize,
        offset in -6..=6_i32,
    ) {
        let (x, y) = pair(seed, rows, p, q);
        let x = Mat::new(rows, p, |row, col| x.at(row, col) + f64::from(offset) * 100.0);
        let expected = linear_cka(x.view(), y.view()).unwrap();
        let found = streamed(&x, &y, batch).finish().unwrap();
        prop_assert_eq!(found.debiased().is_ok(), expected.debiased().is_ok());
        if expected.debiased().is_ok() {
            assert_agree(&found, &expected, "stream");
        }
    }
}
