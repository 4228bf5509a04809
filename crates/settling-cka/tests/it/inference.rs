//! The permutation null and the bootstrap.

use settling_cka::{
    ErrorKind, LinearCka, Resampling, Side, Undefined, bootstrap, permutation_null,
};

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
    assert_eq!(undefined, Err(Undefined::ZeroVariance(Side::X)));
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

/// Eight of twelve rows of x are equal: of some draws all, and of more all but one.
#[test]
fn draws_without_a_value_are_counted_and_say_why() {
    let mut x = Mat { values: vec![0.3; 12], rows: 12, cols: 1 };
    x.values[2..6].copy_from_slice(&[2.0, -1.0, 0.7, 5.0]);
    let (_, y) = related(3, 12, 2, 0.0);
    for (x, y, side) in [(&x, &y, Side::X), (&y, &x, Side::Y)] {
        let found = bootstrap(x.view(), y.view(), draws(999, 1)).unwrap();
        let count = found.draws().iter().filter(|draw| draw.is_err()).count();
        // None of the four: (8/12)^12 is 0.008. One: 4 ((9/12)^12 - (8/12)^12) is 0.096. Together
        // 104 ± 9.6 draws.
        assert!((65..=145).contains(&count), "{count}");
        let with = |reason| found.draws().iter().filter(|&&draw| draw == Err(reason)).count();
        let constant = with(Undefined::ZeroVariance(side));
        assert!((1..=20).contains(&constant), "{constant}");
        assert_eq!(with(Undefined::SelfTermNotPositive(side)), count - constant);
        let interval = found.interval(0.9).unwrap();
        let undefined = interval.undefined.unwrap();
        assert_eq!(Some(undefined), found.undefined());
        assert_eq!((undefined.count, undefined.draws), (count, 999));
        let text = undefined.to_string();
        let start = format!("{count} of 999 draws have no value, because of the rows drawn (");
        assert!(text.starts_with(&start), "{text}");
        assert_eq!(undefined.reason, Undefined::SelfTermNotPositive(side));
        assert_eq!(undefined.with_reason, count - constant);
        assert!(text.ends_with(&undefined.reason.to_string()), "{text}");
        // The interval is of the others.
        let defined: Vec<f64> = found.draws().iter().filter_map(|draw| draw.ok()).collect();
        let within = defined.iter().filter(|v| (interval.low..=interval.high).contains(*v)).count();
        assert!((within as f64 / defined.len() as f64 - 0.9).abs() <= 0.01, "{within}");
    }
}

/// Two rows of x differ from all others: most draws lack one of them, and an interval of the rest
/// is no answer.
#[test]
fn an_interval_of_a_minority_is_refused_with_the_reason() {
    let mut x = Mat { values: vec![0.3; 8], rows: 8, cols: 1 };
    (x.values[2], x.values[3]) = (2.0, -1.0);
    let y = Mat::normal(1, 8, 2);
    let all = bootstrap(x.view(), y.view(), draws(999, 2)).unwrap();
    // 1 - 2 (7/8)^8 + (6/8)^8 = 0.413 of all draws have both.
    let count = all.undefined().unwrap().count;
    assert!((500..=670).contains(&count), "{count}");
    let error = all.interval(0.95).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undefined);
    assert_eq!(error.undefined(), Some(Undefined::SelfTermNotPositive(Side::X)));
    let text = error.to_string();
    assert!(text.starts_with(&format!("{count} of 999 draws have no value")), "{text}");
    assert!(text.contains("all but one of them are equal"), "{text}");
}

/// What is undefined for the rows themselves is so for that reason, once.
#[test]
fn undefined_rows_are_not_resampled() {
    let constant = Mat { values: vec![0.1; 10], rows: 10, cols: 1 };
    let y = Mat::normal(1, 10, 2);
    let found = bootstrap(y.view(), constant.view(), draws(20, 1)).unwrap();
    let error = found.interval(0.9).unwrap_err();
    assert_eq!(error.undefined(), Some(Undefined::ZeroVariance(Side::Y)));
    assert_eq!(error.to_string(), "zero variance: all rows of y are equal");
    let (x, y) = related(1, 3, 2, 1.0);
    let error = bootstrap(x.view(), y.view(), draws(5, 1)).unwrap().interval(0.9).unwrap_err();
    assert_eq!(error.undefined(), Some(Undefined::TooFewRows { needed: 4, found: 3 }));
}

/// All draws 1, or -1: a point that says nothing.
#[test]
fn intervals_without_width_are_marked() {
    let (x, y) = related(5, 30, 3, 1.0);
    let own = bootstrap(x.view(), x.view(), draws(200, 1)).unwrap().interval(0.95).unwrap();
    assert!(own.is_degenerate() && (own.low - 1.0).abs() <= 1e-12, "{own:?}");
    let scaled = x.clone().scale_cols(|_| 1e-170).offset(|_| 0.0);
    let own = bootstrap(x.view(), scaled.view(), draws(200, 1)).unwrap().interval(0.95).unwrap();
    assert!(own.is_degenerate(), "{own:?}");
    let other = bootstrap(x.view(), y.view(), draws(200, 1)).unwrap().interval(0.95).unwrap();
    assert!(!other.is_degenerate() && other.undefined.is_none(), "{other:?}");
}

/// Draws without an outlier have the values of the rows without it: its distance is no offset that
/// swallows their digits.
#[test]
fn an_outlier_costs_draws_without_it_no_digits() {
    let (near, y) = related(6, 24, 3, 0.5);
    let mut x = near.clone();
    (0..3).for_each(|col| x.values[7 * 3 + col] += f64::from(1 << 20));
    let [near, far] = [&near, &x].map(|m| bootstrap(m.view(), y.view(), draws(300, 4)).unwrap());
    let mut alike = 0;
    for (near, far) in near.draws().iter().zip(far.draws()) {
        let (near, far) = (near.unwrap(), far.unwrap());
        alike += i32::from((near - far).abs() <= 1e-6);
    }
    // (23/24)^24 is 0.360: 108 ± 8.3 draws.
    assert!((75..=141).contains(&alike), "{alike}");
}
