//! What the numbers are on average, over fixed seeds.

use settling_cka::{Cka, independence_floor};

use crate::data::{Mat, cka};

/// Mean and its standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

/// `seeds` draws of independent features with standard deviations `scale(j)`.
fn draws(
    seeds: u64,
    rows: usize,
    cols: usize,
    scale: impl Fn(usize) -> f64,
    value: impl Fn(Cka) -> f64,
) -> Vec<f64> {
    let draw = |seed| {
        let side = |side| Mat::normal(2 * seed + side, rows, cols).scale_cols(&scale);
        value(cka(&side(0), &side(1)))
    };
    (0..seeds).map(|seed| draw(1_000_003 * seed)).collect()
}

#[test]
fn the_debiased_value_of_independent_features_is_zero_on_average() {
    for (rows, cols) in [(32, 8), (32, 64), (64, 512)] {
        let (mean, error) = mean(&draws(100, rows, cols, |_| 1.0, |cka| cka.debiased().unwrap()));
        assert!(mean.abs() <= 3.0 * error, "{rows} x {cols}: {mean} ± {error}");
        // Not because it is always about zero: the biased value is far from it.
        let biased = draws(3, rows, cols, |_| 1.0, |cka| cka.biased().unwrap());
        assert!(biased.iter().all(|&biased| biased > 0.1), "{biased:?}");
    }
}

#[test]
fn the_floor_is_the_mean_over_all_re_pairings() {
    let (x, y) = (Mat::normal(3, 5, 3), Mat::normal(4, 5, 2));
    let mut sum = 0.0;
    let mut pairings = 0;
    // The permutations of 5 rows, as the base-5 numbers with five different digits.
    for code in 0..5_usize.pow(5) {
        let order: Vec<usize> = (0..5).map(|digit| code / 5_usize.pow(digit) % 5).collect();
        if (0..5).all(|row| order.contains(&row)) {
            sum += cka(&x, &y.permuted(&order)).biased().unwrap();
            pairings += 1;
        }
    }
    assert_eq!(pairings, 120);
    let floor = cka(&x, &y).floor().unwrap();
    // Each of the 120 values and the floor carries about n = 5 roundings of numbers below 1.
    assert!((sum / 120.0 - floor).abs() <= 10.0 * f64::EPSILON, "{} {floor}", sum / 120.0);
}

#[test]
fn the_floor_is_what_independent_features_reach() {
    let flat = |_| 1.0;
    let steep = |col: usize| 0.8_f64.powi(col.try_into().unwrap());
    for (rows, cols) in [(16, 64), (64, 64), (512, 16)] {
        for values in [
            draws(60, rows, cols, flat, |cka| cka.biased().unwrap() - cka.floor().unwrap()),
            draws(60, rows, cols, steep, |cka| cka.biased().unwrap() - cka.floor().unwrap()),
        ] {
            let (mean, error) = mean(&values);
            assert!(mean.abs() <= 3.0 * error, "{rows} x {cols}: {mean} ± {error}");
        }
    }
}

/// The forecast leaves out terms of relative size 1/n and 1/P; 3 standard errors of the simulation
/// come on top.
#[test]
fn the_forecast_of_the_floor_agrees_with_simulation() {
    let flat = |_| 1.0;
    let steep = |col: usize| 0.95_f64.powi(col.try_into().unwrap());
    for (rows, cols, scale) in [
        (128, 128, &flat as &dyn Fn(usize) -> f64),
        (32, 128, &flat),
        (128, 128, &steep),
        (512, 64, &steep),
    ] {
        let variances: Vec<f64> = (0..cols).map(|col| scale(col) * scale(col)).collect();
        let trace: f64 = variances.iter().sum();
        let participation = trace * trace / variances.iter().map(|v| v * v).sum::<f64>();
        let forecast = independence_floor(participation, participation, rows);
        let (mean, error) = mean(&draws(20, rows, cols, scale, |cka| cka.biased().unwrap()));
        let tolerance = forecast * (1.0 / rows as f64 + 1.0 / participation) + 3.0 * error;
        assert!(
            (mean - forecast).abs() <= tolerance,
            "{rows} x {cols}: {mean} ± {error}, {forecast}"
        );
    }
}

/// The documented bias of the participation ratio of few rows: P (n - 1) / (P + n) for Gaussian
/// rows, to relative order 1/n.
#[test]
fn participation_ratios_of_few_rows_are_low() {
    let (mean, error) =
        mean(&draws(20, 128, 512, |_| 1.0, |cka| cka.participation_ratios().unwrap().0));
    let expected = 512.0 * 127.0 / (512.0 + 128.0);
    assert!(
        (mean - expected).abs() <= expected / 128.0 + 3.0 * error,
        "{mean} ± {error}, {expected}"
    );
}
