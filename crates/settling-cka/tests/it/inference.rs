//! The permutation null and the bootstrap.

use settling_cka::{ErrorKind, LinearCka, Resampling, Undefined, bootstrap, permutation_null};

use crate::data::{Mat, cka};

fn draws(draws: usize, seed: u64) -> Resampling {
    Resampling { draws, seed }
}

/// `y` is `share` of `x` and noise.
fn related(seed: u64, rows: usize, cols: usize, share: f64) -> (Mat, Mat) {
    let (x, mut y) = (Mat::normal(2 * seed, rows, cols), Mat::normal(2 * seed + 1, rows, cols));
    for (y, x) in y.values.iter_mut().zip(&x.values) {
        *y += share * x;
    }
    (x, y)
}

/// Both forms, and blocks: what a draw is, is CKA of rows in another order. The mean over all
/// orders is known exactly.
#[test]
fn draws_scatter_about_the_floor() {
    for (rows, cols) in [(30, 40), (200, 5), (3000, 4)] {
        let (x, y) = related(1, rows, cols, 0.5);
        let mut all = LinearCka::new().with_null(draws(200, 7));
        all.update(x.view(), y.view()).unwrap();
        for null in
            [all.finish_with_null(), permutation_null(x.view(), y.view(), draws(200, 7)).unwrap()]
        {
            assert_eq!(null.draws().len(), 200);
            assert_eq!(null.observed().biased(), null.summary(|c| c.biased()).map(|s| s.observed));
            let biased = null.summary(|cka| cka.biased()).unwrap();
            let error = biased.standard_deviation / 200_f64.sqrt();
            let floor = null.observed().floor().unwrap();
            assert!((biased.mean - floor).abs() <= 4.0 * error, "{rows}: {biased:?} {floor}");
            let debiased = null.summary(|cka| cka.debiased()).unwrap();
            assert!(debiased.mean.abs() <= 4.0 * debiased.standard_deviation / 200_f64.sqrt());
            assert_eq!((biased.p_value, debiased.p_value), (1.0 / 201.0, 1.0 / 201.0));
        }
    }
}

#[test]
fn a_draw_is_the_value_of_rows_in_another_order() {
    // All 6 orders of 3 rows turn up in 60 draws, and nothing else.
    let (x, y) = related(3, 3, 2, 1.0);
    let null = permutation_null(x.view(), y.view(), draws(60, 5)).unwrap();
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let values = orders.map(|order| cka(&x, &y.permuted(&order)).biased().unwrap());
    let mut seen = [false; 6];
    for draw in null.draws() {
        let draw = draw.biased().unwrap();
        let at = values.iter().position(|value| (value - draw).abs() < 1e-12);
        seen[at.expect("a draw is one of the orders")] = true;
    }
    assert_eq!(seen, [true; 6]);
}

/// p values of unrelated rows are spread evenly: 200 of them, of which each tenth holds 20 ± 4.2.
#[test]
fn unrelated_rows_have_even_p_values() {
    let mut tenths = [0; 10];
    for seed in 0..200 {
        let (x, y) = related(1000 + seed, 16, 3, 0.0);
        let null = permutation_null(x.view(), y.view(), draws(99, seed)).unwrap();
        let p = null.summary(|cka| cka.debiased()).unwrap().p_value;
        tenths[((p * 10.0).ceil() as usize - 1).min(9)] += 1;
    }
    assert!(tenths.iter().all(|&count: &i32| (count - 20).abs() <= 17), "{tenths:?}");
}

#[test]
fn batches_and_seeds_of_a_null() {
    let (x, y) = related(4, 2500, 3, 0.2);
    let stream = |batch: usize, seed| {
        let mut all = LinearCka::new().with_null(draws(5, seed));
        for start in (0..2500).step_by(batch) {
            let end = 2500.min(start + batch);
            all.update(x.view().slice_rows(start..end), y.view().slice_rows(start..end)).unwrap();
        }
        all
    };
    let null = stream(2500, 1).finish_with_null();
    assert_eq!(stream(33, 1).finish_with_null(), null);
    assert_ne!(stream(33, 2).finish_with_null().draws(), null.draws());
    let mut plain = LinearCka::new();
    plain.update(x.view(), y.view()).unwrap();
    assert_eq!(plain.clone().finish(), null.observed());
    assert_eq!(plain.merge(stream(33, 1)).unwrap_err().kind(), ErrorKind::OptionsDiffer);
    let mut both = stream(2500, 1);
    both.merge(stream(2500, 2)).unwrap();
    assert_eq!(both.finish_with_null().draws().len(), 5);
}

#[test]
fn nulls_without_a_value_say_why() {
    let constant = Mat { values: vec![0.1; 10], rows: 10, cols: 1 };
    let null =
        permutation_null(constant.view(), Mat::normal(1, 10, 1).view(), draws(9, 1)).unwrap();
    let undefined = null.summary(|cka| cka.biased());
    assert_eq!(undefined, Err(Undefined::ZeroVariance(settling_cka::Side::X)));
    let empty = Mat { values: vec![], rows: 0, cols: 2 };
    let null = permutation_null(empty.view(), empty.view(), draws(9, 1)).unwrap();
    assert!(null.summary(|cka| cka.biased()).is_err());
    let (x, y) = related(1, 10, 2, 1.0);
    let none = permutation_null(x.view(), y.view(), draws(0, 1)).unwrap();
    assert_eq!(none.summary(|cka| cka.biased()).unwrap().p_value, 1.0);
}

/// 90 % intervals of 60 samples hold the value of the population 54 ± 2.3 times; bootstrap
/// intervals of few rows a little less often.
#[test]
fn intervals_cover_the_value_of_the_population() {
    let population = {
        let (x, y) = related(77, 40_000, 4, 0.7);
        cka(&x, &y).debiased().unwrap()
    };
    let (mut covered, mut errors, mut values) = (0, Vec::new(), Vec::new());
    for seed in 0..60 {
        let (x, y) = related(500 + seed, 60, 4, 0.7);
        let interval =
            bootstrap(x.view(), y.view(), draws(200, seed)).unwrap().interval(0.9).unwrap();
        assert!(interval.low < interval.observed && interval.observed < interval.high);
        covered += i32::from(interval.low <= population && population <= interval.high);
        errors.push(interval.standard_error);
        values.push(interval.observed);
    }
    assert!((46..=60).contains(&covered), "{covered}");
    // The standard error is the standard deviation over samples, known from 60 of them to some 10
    // %.
    let mean = values.iter().sum::<f64>() / 60.0;
    let deviation = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 59.0).sqrt();
    let error = errors.iter().sum::<f64>() / 60.0;
    assert!((error / deviation - 1.0).abs() < 0.3, "{error} {deviation}");
}

#[test]
fn bootstraps_do_not_depend_on_threads_and_refuse_too_few_rows() {
    let (x, y) = related(1, 30, 3, 1.0);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bootstrap(x.view(), y.view(), draws(20, 3)).unwrap())
    };
    assert_eq!(with(1), with(4));
    let (x, y) = related(1, 3, 2, 1.0);
    let few = bootstrap(x.view(), y.view(), draws(5, 1)).unwrap();
    assert!(few.draws().iter().all(Result::is_err));
    assert!(few.interval(0.9).is_err());
}

/// A value that is 0, which rounding turns into numbers of either sign: every draw reaches it.
#[test]
fn equal_draws_count_whatever_rounding_does_to_them() {
    let x = Mat::normal(1, 4, 1);
    let null = permutation_null(x.view(), x.view(), draws(500, 1)).unwrap();
    for shift in [0.0, 1e-17, -1e-17] {
        let seen = std::cell::Cell::new(0_u32);
        let value = |_: &settling_cka::Cka| {
            seen.set(seen.get() + 1);
            Ok(shift * f64::from(seen.get() % 3))
        };
        assert_eq!(null.summary(value).unwrap().p_value, 1.0);
    }
}
