//! A million small structured matrices, by hand (two minutes on two cores):
//!
//! ```text
//! cargo test --release -p settling-rank --test it -- --ignored --nocapture a_million
//! ```

use std::collections::BTreeMap;
use std::f64::consts::FRAC_PI_3;

use rayon::prelude::*;
use settling_rank::{MatView, Method, effective_rank, spectrum_within};

/// The structures on which iterations have been seen to stall, of 2 to 24 rows and columns, by
/// number.
fn matrix(number: u64) -> (Vec<f64>, usize, usize) {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let mut draw = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let rows = 2 + draw(23) as usize;
    let cols = if draw(2) == 0 { rows } else { 2 + draw(23) as usize };
    // Factors of few and of many digits.
    let factor =
        [1.0, 0.1, 1.223, FRAC_PI_3][draw(4) as usize] * (1.0 + draw(1000) as f64 / 1024.0);
    let few: Vec<f64> = (0..24 * 24).map(|_| draw(3) as f64 - 1.0).collect();
    let digits: Vec<f64> = (0..48).map(|_| draw(19) as f64 - 9.0).collect();
    let family = draw(10);
    let element = |i: usize, j: usize| match family {
        // Circulants of three and of all diagonals, Toeplitz, Hankel.
        0 if i == j => -2.0,
        0 => f64::from(u8::from((i + 1) % rows == j || (j + 1) % rows == i)),
        1 => digits[(i + rows * 2 - j % rows) % rows],
        2 => digits[23 + i - j],
        3 => digits[i + j],
        // Signs and zeros, and a low rank of them.
        4 => few[i * 24 + j],
        5 => digits[i] * digits[24 + j] + few[i] * few[24 + j],
        // Repeated rows, a triangle, graded rows, a nearly multiple identity.
        6 => few[i / 2 * 24 + j],
        7 if j <= i => 1.0 + few[j] * f64::EPSILON,
        7 => 0.0,
        8 => few[i * 24 + j] * 2.0_f64.powi(-3 * i as i32),
        _ if i == j => 1.0,
        _ => few[i * 24 + j] * 1e-15,
    };
    let a = (0..rows * cols).map(|index| factor * element(index / cols, index % cols)).collect();
    (a, rows, cols)
}

#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stdout, reason = "it is run to see the counts")]
fn a_million_structured_matrices_converge_and_keep_their_bounds() {
    let methods = (0..1_000_000_u64).into_par_iter().map(|number| {
        let (a, rows, cols) = matrix(number);
        let view = MatView::new(&a, rows, cols);
        let at = |error| panic!("matrix {number}: {error}");
        let by_svd = spectrum_within(view, 0.0).unwrap_or_else(at);
        let by_gram = spectrum_within(view, f64::INFINITY).unwrap_or_else(at);
        if by_svd.method() != Method::Zero {
            let ranks = [&by_svd, &by_gram].map(|found| effective_rank(found.spectrum()).unwrap());
            let bounds = [&by_svd, &by_gram].map(|found| found.effective_rank_error().unwrap());
            let difference = (ranks[0] / ranks[1] - 1.0).abs();
            // Each within its bound of the same number.
            let allowed = (bounds[0] + bounds[1]) * (1.0 + bounds[1]) / (1.0 - bounds[0].min(0.5));
            assert!(difference <= allowed, "matrix {number}: {ranks:?}, bounds {bounds:?}");
        }
        BTreeMap::from([((by_svd.method().as_str(), by_gram.method().as_str()), 1_u64)])
    });
    let counts = methods.reduce(BTreeMap::new, |mut all, more| {
        more.into_iter().for_each(|(methods, count)| *all.entry(methods).or_default() += count);
        all
    });
    for ((svd, gram), count) in &counts {
        println!("decomposed by {svd}, bounded by {gram}: {count}");
    }
    assert_eq!(counts.values().sum::<u64>(), 1_000_000);
}
