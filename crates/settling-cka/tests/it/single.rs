//! Products in f32.

use settling_cka::{Cka, LinearCka};

use crate::data::{Mat, cka};

fn single(x: &Mat, y: &Mat) -> Cka {
    let mut all = LinearCka::new().with_f32_products();
    all.update(x.view(), y.view()).unwrap();
    all.finish()
}

/// The stated error is four standard deviations: it must hold, and not be idle.
#[test]
fn the_stated_error_holds_and_is_small() {
    let steep = |col: usize| 0.9_f64.powi(col.try_into().unwrap());
    for (rows, cols, scale) in [
        (4096, 64, &(|_| 1.0) as &dyn Fn(usize) -> f64),
        (4096, 64, &steep),
        (3000, 5, &steep),
        (20_000, 32, &|_| 1.0),
    ] {
        let x = Mat::normal(1, rows, cols).scale_cols(scale).offset(|col| 1e3 * col as f64);
        let mut y = Mat::normal(2, rows, cols).scale_cols(scale);
        for (y, x) in y.values.iter_mut().zip(&x.values) {
            *y += x;
        }
        let (found, exact) = (single(&x, &y), cka(&x, &y));
        for (found, exact, stated) in [
            (found.biased(), exact.biased(), found.biased_error()),
            (found.debiased(), exact.debiased(), found.debiased_error()),
        ] {
            let (error, stated) = ((found.unwrap() - exact.unwrap()).abs(), stated.unwrap());
            assert!(error <= stated, "{rows} x {cols}: {error:e}, stated {stated:e}");
            assert!(error > 0.0);
            assert!(stated <= 4e-6, "{rows} x {cols}: stated {stated:e}");
        }
        assert_eq!(exact.biased_error(), Ok(0.0));
        assert_eq!(exact.debiased_error(), Ok(0.0));
    }
}

/// The goal for wide features and many rows.
#[test]
fn wide_features_lose_less_than_a_millionth() {
    let (x, y) = (Mat::normal(1, 8192, 128), Mat::normal(2, 8192, 128));
    let found = single(&x, &y);
    assert!(found.biased_error().unwrap() <= 1e-6, "{:?}", found.biased_error());
    assert!((found.biased().unwrap() - cka(&x, &y).biased().unwrap()).abs() <= 1e-7);
}

/// Blocks are scaled into the range of f32, whose squares would leave it.
#[test]
fn scale_does_not_matter_in_f32_either() {
    let (x, y) = (Mat::normal(1, 3000, 6), Mat::normal(2, 3000, 4));
    let expected = single(&x, &y);
    for power in [-150, -60, 60, 150] {
        let scaled = x.clone().scale_cols(|_| 2.0_f64.powi(power));
        let found = single(&scaled, &y);
        assert_eq!(found.biased(), expected.biased());
        assert_eq!(found.debiased(), expected.debiased());
        assert_eq!(found.biased_error(), expected.biased_error());
    }
}

#[test]
fn swapping_the_sides_keeps_every_bit_in_f32() {
    let (x, y) = (Mat::normal(1, 3000, 6), Mat::normal(2, 3000, 9));
    assert_eq!(single(&x, &y).biased(), single(&y, &x).biased());
    assert_eq!(single(&x, &y).debiased(), single(&y, &x).debiased());
}

#[test]
#[should_panic(expected = "before the first rows")]
fn the_arithmetic_cannot_change_on_the_way() {
    let mut all = LinearCka::new();
    all.update(Mat::normal(1, 5, 2).view(), Mat::normal(2, 5, 2).view()).unwrap();
    let _ = all.with_f32_products();
}
