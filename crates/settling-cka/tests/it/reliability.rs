//! The rows of the reliability matrix that concern CKA, and its numerical targets: one test each.

use settling_cka::{
    BiasedCka, DebiasedCka, ErrorKind, MinibatchCka, Procrustes, Pwcca, Side, Similarity, Svcca,
    Undefined, linear_cka_features, linear_cka_gram,
};

use crate::data::{Mat, Reference, cka, in_blocks};

fn all() -> [Box<dyn Similarity>; 5] {
    [
        Box::new(BiasedCka),
        Box::new(DebiasedCka),
        Box::new(Svcca { variance: 1.0 }),
        Box::new(Pwcca),
        Box::new(Procrustes),
    ]
}

/// Row 48: one NaN or infinity.
#[test]
fn a_number_that_is_none_is_named_with_its_row() {
    let good = Mat::normal(1, 9, 3);
    for bad_value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut bad = good.clone();
        bad.values[3 * 7 + 2] = bad_value;
        for similarity in all() {
            let error = similarity.similarity(good.view(), bad.view()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFinite);
            let text = format!("y is {bad_value} at row 7, column 2");
            assert!(error.to_string().starts_with(&text), "{error}");
        }
    }
}

/// Row 54: n = 1, and up to 3 for debiased.
#[test]
fn too_few_rows_are_an_answer() {
    for rows in 1..=5 {
        let (x, y) = (Mat::normal(1, rows, 2), Mat::normal(2, rows, 2));
        let too_few = |needed| Undefined::TooFewRows { needed, found: rows };
        let found = cka(&x, &y);
        assert_eq!(found.biased().err(), (rows < 2).then(|| too_few(2)));
        assert_eq!(found.angular_distance().err(), (rows < 2).then(|| too_few(2)));
        assert_eq!(found.debiased().err(), (rows < 4).then(|| too_few(4)));
        let mut minibatch = MinibatchCka::new();
        let update = minibatch.update(x.view(), y.view());
        let undefined = update.err().and_then(|error| error.undefined());
        assert_eq!(undefined, (rows < 4).then(|| too_few(4)));
        let undefined = |similarity: &dyn Similarity| {
            similarity.similarity(x.view(), y.view()).err().and_then(|error| error.undefined())
        };
        assert_eq!(undefined(&Procrustes), (rows < 2).then(|| too_few(2)));
        // Two dimensions are all that three centred rows have.
        let needed = if rows < 3 { 3 } else { 4 };
        assert_eq!(undefined(&Svcca { variance: 1.0 }), (rows < 4).then(|| too_few(needed)));
    }
}

/// Row 54: constant features, on either side and on both.
#[test]
fn constant_features_are_an_answer() {
    let (good, constant) =
        (Mat::normal(1, 20, 3), Mat { values: vec![0.1; 60], rows: 20, cols: 3 });
    for (x, y, side) in
        [(&constant, &good, Side::X), (&good, &constant, Side::Y), (&constant, &constant, Side::X)]
    {
        for similarity in all() {
            let error = similarity.similarity(x.view(), y.view()).unwrap_err();
            assert_eq!(error.undefined(), Some(Undefined::ZeroVariance(side)), "{error}");
        }
        let mut minibatch = MinibatchCka::new();
        minibatch.update(x.view(), y.view()).unwrap();
        assert_eq!(minibatch.value(), Err(Undefined::ZeroVariance(side)));
    }
}

/// Row 54: features like themselves.
#[test]
fn features_like_themselves_are_one() {
    let x = Mat::normal(1, 40, 6).offset(|col| 100.0 * col as f64);
    for similarity in all() {
        let found = similarity.similarity(x.view(), x.view()).unwrap();
        assert!((found - 1.0).abs() <= 1e-14, "{}: {found}", similarity.name());
    }
    assert!(cka(&x, &x).angular_distance().unwrap() <= 1e-7);
}

/// Row 54: features at right angles.
#[test]
fn features_at_right_angles_are_zero() {
    // Columns of a Hadamard matrix: orthogonal, and to the constant one.
    let column =
        |mask: usize| move |row: usize| f64::from(1 - 2 * ((row & mask).count_ones() as i32 % 2));
    let side = |masks: [usize; 2]| {
        let values = (0..16).flat_map(|row| masks.map(|mask| column(mask)(row))).collect();
        Mat { values, rows: 16, cols: 2 }
    };
    let (x, y) = (side([1, 2]), side([4, 8]));
    for similarity in [&BiasedCka as &dyn Similarity, &Svcca { variance: 1.0 }, &Pwcca, &Procrustes]
    {
        let found = similarity.similarity(x.view(), y.view()).unwrap();
        assert!(found.abs() <= 1e-15, "{}: {found}", similarity.name());
    }
    let right_angle = cka(&x, &y).angular_distance().unwrap();
    assert!((right_angle - std::f64::consts::FRAC_PI_2).abs() <= 1e-15);
    // Debiased, less than chance: -(16/14) 64 + 32² / (15 · 14) over 2 · 16² - (16/14) 64 + 32² /
    // (15 · 14), with u = v = 2.
    let (diagonal, total) = (16.0 / 14.0 * 64.0, 1024.0 / 210.0);
    let expected = (total - diagonal) / (512.0 - diagonal + total);
    assert!((cka(&x, &y).debiased().unwrap() - expected).abs() <= 1e-14);
}

/// Row 54: fewer rows than features.
#[test]
fn fewer_rows_than_features_have_a_value() {
    let (x, y) = (Mat::normal(1, 12, 50), Mat::normal(2, 12, 30));
    let (found, expected) = (cka(&x, &y), Reference::new(&x, &y));
    assert!((found.biased().unwrap() - expected.biased).abs() <= 1e-12);
    assert!((found.debiased().unwrap() - expected.debiased).abs() <= 1e-12);
    // All of the twelve rows' eleven dimensions are in either side: correlations say nothing, and
    // that is said.
    let error = Svcca { variance: 1.0 }.similarity(x.view(), y.view()).unwrap_err();
    assert_eq!(error.undefined(), Some(Undefined::TooFewRows { needed: 13, found: 12 }));
    // Of 5 and 8 directions in eleven dimensions two are common whatever the data: variates, and so
    // weights, are any of many.
    let (x, y) = (Mat::normal(1, 12, 5), Mat::normal(2, 12, 8));
    let error = Pwcca.similarity(x.view(), y.view()).unwrap_err();
    assert_eq!(error.undefined(), Some(Undefined::TooFewRows { needed: 13, found: 12 }));
    let y = Mat::normal(2, 12, 7);
    assert!(Pwcca.similarity(x.view(), y.view()).is_ok());
}

/// Row 54, and section 3: an offset of 10^6 standard deviations costs at most 1e-11, in every form.
#[test]
fn offsets_cost_nothing() {
    let (x, y) = (Mat::normal(1, 2048, 32), Mat::normal(2, 2048, 32));
    let far = [&x, &y].map(|m| m.clone().offset(|col| 1e6 + col as f64));
    for (found, expected) in [
        (in_blocks(&far[0], &far[1], 64), in_blocks(&x, &y, 64)),
        (cka(&far[0], &far[1]), cka(&x, &y)),
    ] {
        assert!((found.biased().unwrap() - expected.biased().unwrap()).abs() <= 1e-11);
        assert!((found.debiased().unwrap() - expected.debiased().unwrap()).abs() <= 1e-11);
    }
    let few = |m: &Mat| Mat { values: m.values[..20 * 32].to_vec(), rows: 20, cols: 32 };
    let (found, expected) = (cka(&few(&far[0]), &few(&far[1])), cka(&few(&x), &few(&y)));
    assert!((found.biased().unwrap() - expected.biased().unwrap()).abs() <= 1e-11);
    let far = [few(&far[0]), few(&far[1])];
    for similarity in [&Procrustes as &dyn Similarity, &Svcca { variance: 0.5 }] {
        let found = similarity.similarity(far[0].view(), far[1].view()).unwrap();
        let expected = similarity.similarity(few(&x).view(), few(&y).view()).unwrap();
        assert!((found - expected).abs() <= 1e-11, "{}: {found} {expected}", similarity.name());
    }
}

/// Section 3: features with features are rows with rows.
#[test]
fn both_forms_agree() {
    for (rows, p, q) in [(10, 40, 3), (60, 8, 9), (300, 5, 120), (1500, 20, 20)] {
        let (x, y) = (Mat::normal(1, rows, p), Mat::normal(2, rows, q).offset(|_| 1e3));
        let features = linear_cka_features(x.view(), y.view()).unwrap();
        let gram = linear_cka_gram(x.view(), y.view()).unwrap();
        for (a, b) in [
            (features.biased(), gram.biased()),
            (features.debiased(), gram.debiased()),
            (features.floor(), gram.floor()),
        ] {
            assert!((a.unwrap() - b.unwrap()).abs() <= 1e-11, "{rows}");
        }
        assert_eq!(features.biased(), linear_cka_features(y.view(), x.view()).unwrap().biased());
        assert_eq!(gram.biased(), linear_cka_gram(y.view(), x.view()).unwrap().biased());
    }
}
