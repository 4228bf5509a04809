//! What is refused, in which words, and what is undefined.

use settling_cka::{
    Cka, CkaSums, Error, ErrorKind, LinearCka, MinibatchCka, Procrustes, Side, SideSums,
    Similarity, Undefined, linear_cka,
};
use settling_core::MatView;

use crate::data::{Mat, cka, in_blocks};

/// An accumulator with rows of widths 2 and 3, and the widths swapped.
fn seen() -> [LinearCka; 2] {
    let (x, y) = (Mat::normal(1, 9, 2), Mat::normal(2, 9, 3));
    let [mut there, mut back] = [LinearCka::new(), LinearCka::new()];
    there.update(x.view(), y.view()).unwrap();
    back.update(y.view(), x.view()).unwrap();
    [there, back]
}

fn refusal(all: &mut LinearCka, x: &Mat, y: &Mat) -> Error {
    let before = all.clone().finish();
    let error = all.update(x.view(), y.view()).unwrap_err();
    assert_eq!(all.clone().finish(), before, "a refused update changed the state");
    error
}

#[test]
fn numbers_of_rows_have_to_agree() {
    let [mut all, _] = seen();
    let error = refusal(&mut all, &Mat::normal(3, 4, 2), &Mat::normal(4, 5, 3));
    assert_eq!(error.kind(), ErrorKind::RowsDiffer);
    assert!(error.to_string().starts_with("x has 4 rows and y has 5"), "{error}");
}

#[test]
fn widths_have_to_stay() {
    let [mut all, mut swapped] = seen();
    let error = refusal(&mut all, &Mat::normal(3, 4, 2), &Mat::normal(4, 4, 2));
    assert_eq!(error.kind(), ErrorKind::WidthDiffers);
    assert!(error.to_string().starts_with("y has 2 features, but 3 in the rows before"), "{error}");
    let error = refusal(&mut swapped, &Mat::normal(3, 4, 2), &Mat::normal(4, 4, 2));
    assert!(error.to_string().starts_with("x has 2 features, but 3 in the rows before"), "{error}");

    let before = all.clone().finish();
    let error = all.merge(swapped).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WidthDiffers);
    assert_eq!(all.clone().finish(), before);
}

#[test]
fn widths_have_to_be_positive() {
    let error = refusal(&mut LinearCka::new(), &Mat::normal(3, 4, 2), &Mat::normal(4, 4, 0));
    assert_eq!(error.kind(), ErrorKind::NoFeatures);
    assert_eq!(error.to_string(), "y has no features: expected at least one column");
}

#[test]
fn elements_have_to_be_finite_and_not_huge() {
    for (value, kind, message) in [
        (f64::NAN, ErrorKind::NotFinite, "x is NaN at row 1100, column 1"),
        (f64::NEG_INFINITY, ErrorKind::NotFinite, "x is -inf at row 1100, column 1"),
        (1e280, ErrorKind::TooLarge, "x is 1e280 at row 1100, column 1"),
    ] {
        let [mut all, mut swapped] = seen();
        // Behind the first block of rows, which must not have been added either.
        let (mut bad, good) = (Mat::normal(3, 1200, 2), Mat::normal(4, 1200, 3));
        bad.values[2201] = value;
        let error = refusal(&mut all, &bad, &good);
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().starts_with(message), "{error}");
        let error = refusal(&mut swapped, &good, &bad);
        assert!(error.to_string().starts_with(&message.replace('x', "y")), "{error}");
    }
}

#[test]
fn the_greatest_accepted_magnitude_has_an_answer() {
    let limit = 2.0_f64.powi(900);
    let (mut x, y) = (Mat::normal(3, 50, 4), Mat::normal(4, 50, 4));
    x.values.iter_mut().for_each(|value| *value = limit.copysign(*value));
    let signs = Mat { values: x.values.iter().map(|value| value / limit).collect(), ..x };
    assert_eq!(cka(&x, &y).debiased(), cka(&signs, &y).debiased());
    assert_eq!(cka(&x, &x).biased(), cka(&signs, &signs).biased());
}

#[test]
fn no_rows_are_no_news() {
    let [mut all, _] = seen();
    let before = all.clone().finish();
    all.update::<f64, f64>(MatView::new(&[], 0, 2), MatView::new(&[], 0, 3)).unwrap();
    all.merge(LinearCka::new()).unwrap();
    assert_eq!(all.clone().finish(), before);
    let mut empty = LinearCka::new();
    empty.merge(all).unwrap();
    assert_eq!(empty.finish(), before);
}

#[test]
fn too_few_rows_are_undefined() {
    let found = |rows| cka(&Mat::normal(1, rows, 2), &Mat::normal(2, rows, 3));
    for rows in 0..6 {
        let cka = found(rows);
        let too_few = |needed| Undefined::TooFewRows { needed, found: rows };
        let error = (rows < 2).then(|| too_few(2));
        assert_eq!(cka.biased().err(), error);
        assert_eq!(cka.floor().err(), error);
        assert_eq!(cka.participation_ratios().err(), error);
        assert_eq!(cka.debiased().err(), (rows < 4).then(|| too_few(4)));
    }
    assert_eq!(
        found(3).debiased().unwrap_err().to_string(),
        "too few rows: expected at least 4, found 3"
    );
}

/// 0.1 is no binary number, so a mean formed by summing and dividing would differ from it.
#[test]
fn constant_features_have_no_variance() {
    let constant = Mat { values: [0.1, 1e6 + 0.3].repeat(3000), rows: 3000, cols: 2 };
    let other = Mat::normal(1, 3000, 2);
    for (x, y, side) in [(&constant, &other, Side::X), (&other, &constant, Side::Y)] {
        let undefined = Err(Undefined::ZeroVariance(side));
        for block_rows in [1, 7, 1000, 1024] {
            let cka = in_blocks(x, y, block_rows);
            assert_eq!(cka.biased(), undefined);
            assert_eq!(cka.debiased(), undefined);
            assert_eq!(cka.floor(), undefined);
            assert_eq!(cka.participation_ratios().err(), undefined.err());
        }
    }
}

#[test]
fn vanishing_variance_is_undefined() {
    let (x, y) = (Mat::normal(1, 20, 2), Mat::normal(2, 20, 2));
    let vanishing = x.scale_cols(|_| 2.0_f64.powi(-950));
    let undefined = Err(Undefined::VarianceTooSmall(Side::Y));
    assert_eq!(cka(&y, &vanishing).biased(), undefined);
    assert_eq!(cka(&y, &vanishing).debiased(), undefined);
    let error = Procrustes.similarity(y.view(), vanishing.view()).unwrap_err();
    assert_eq!(error.undefined(), undefined.err());
}

/// Unit vectors are equally far from each other: off the diagonal the centred Gram matrix is
/// constant, and the unbiased estimate of its square is 0. Rounding must not make it a denominator.
#[test]
fn equidistant_rows_have_no_debiased_value() {
    for n in [4, 5, 7, 50] {
        let mut unit = Mat { values: vec![0.0; n * n], rows: n, cols: n };
        (0..n).for_each(|i| unit.values[i * (n + 1)] = 0.1);
        let other = Mat::normal(1, n, 3);
        assert_eq!(
            cka(&unit, &other).debiased(),
            Err(Undefined::SelfTermNotPositive(Side::X)),
            "{n}"
        );
        assert!(cka(&unit, &other).biased().is_ok());
        let mut batches = MinibatchCka::new();
        batches.update(unit.view(), other.view()).unwrap();
        assert_eq!(batches.value(), Err(Undefined::SelfTermNotPositive(Side::X)), "{n}");
    }
}

#[test]
fn integers_and_singles_are_features_too() {
    let bytes = [1_u8, 2, 3, 4, 9, 0];
    let singles = bytes.map(f32::from);
    let from_bytes = linear_cka(MatView::new(&bytes, 6, 1), MatView::new(&bytes, 6, 1)).unwrap();
    let from_singles = linear_cka(MatView::new(&singles, 6, 1), MatView::new(&singles, 6, 1));
    assert_eq!(from_bytes, from_singles.unwrap());
}

#[test]
#[should_panic(expected = "a participation ratio is a finite number from 1 up, found 0.5")]
fn a_participation_ratio_below_one_is_a_mistake() {
    let _ = settling_cka::independence_floor(0.5, 8.0, 100);
}

#[test]
#[should_panic(expected = "a block needs at least one row")]
fn empty_blocks_are_a_mistake() {
    let _ = LinearCka::with_block_rows(0);
}

#[test]
fn finished_sums_have_to_be_finite() {
    let side = SideSums { features: 1, trace: 5.0, frobenius_squared: 25.0, squared_norms: 10.25 };
    let good =
        CkaSums { rows: 4, x: side, y: side, cross_frobenius_squared: 16.0, cross_norms: 10.25 };
    assert!(Cka::from_sums(good).is_ok());
    assert_eq!(Cka::from_sums(CkaSums::default()).unwrap(), LinearCka::new().finish());
    for bad in [f64::NAN, f64::INFINITY] {
        let sides = [
            (SideSums { trace: bad, ..side }, "the trace of"),
            (SideSums { frobenius_squared: bad, ..side }, "the squared Frobenius norm of"),
            (SideSums { squared_norms: bad, ..side }, "the sum of squared norms of"),
        ];
        let mut broken = vec![
            (
                CkaSums { cross_frobenius_squared: bad, ..good },
                "the squared Frobenius norm of the cross-product".to_owned(),
            ),
            (CkaSums { cross_norms: bad, ..good }, "the sum of products of norms".to_owned()),
        ];
        for (side, name) in sides {
            broken.push((CkaSums { x: side, ..good }, format!("{name} x")));
            broken.push((CkaSums { y: side, ..good }, format!("{name} y")));
        }
        for (sums, name) in broken {
            let error = Cka::from_sums(sums).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFinite);
            assert!(error.to_string().starts_with(&format!("{name} is {bad}:")), "{error}");
        }
    }
}

/// Constant in every mini-batch, and not the same constant: nothing varies within batches.
#[test]
fn mini_batches_of_equal_rows_say_which() {
    let y = Mat::normal(1, 8, 2);
    let value = |values: [f64; 2], swapped: bool| {
        let mut batches = MinibatchCka::new();
        let mut more = MinibatchCka::new();
        for (value, into) in values.into_iter().zip([&mut batches, &mut more]) {
            let x = Mat { values: vec![value; 8], rows: 8, cols: 1 };
            let (a, b) = if swapped { (y.view(), x.view()) } else { (x.view(), y.view()) };
            into.update(a, b).unwrap();
        }
        batches.merge(more).unwrap();
        batches.value().unwrap_err()
    };
    assert_eq!(value([0.1, 0.1], false), Undefined::ZeroVariance(Side::X));
    assert_eq!(value([0.1, 0.1], true), Undefined::ZeroVariance(Side::Y));
    assert_eq!(value([0.1, 0.2], false), Undefined::ZeroVarianceInBatches(Side::X));
    let reason = value([0.1, 0.2], true).to_string();
    assert_eq!(reason, "zero variance: within every mini-batch all rows of y are equal");
}

/// One element of both sides a million times the others: neither term of its batch may be dropped
/// without the other.
#[test]
fn an_outlier_in_a_mini_batch_keeps_all_three_terms() {
    let (mut x, mut y) = (Mat::normal(1, 64, 32), Mat::normal(2, 64, 32));
    let value = |x: &Mat, y: &Mat| {
        let mut batches = MinibatchCka::new();
        for start in (0..64).step_by(8) {
            let [x, y] = [x, y].map(|m| m.view().slice_rows(start..start + 8));
            batches.update(x, y).unwrap();
        }
        batches.value().unwrap()
    };
    (x.values[100], y.values[100]) = (1e6, 1e6);
    let found = value(&x, &y);
    assert!(found.abs() <= 1.0, "{found}");
    // By the definition, U-centred matrices of whole numbers of 2^-20: products of up to 2^80 in
    // f64, where the greatest element of a centred one is 10^6 times what the terms are made of.
    let mut terms = [0.0; 3];
    for start in (0..64).step_by(8) {
        let part =
            |m: &Mat| Mat { values: m.values[start * 32..][..256].to_vec(), rows: 8, cols: 32 };
        let sums = crate::data::unbiased_terms(&part(&x), &part(&y));
        terms.iter_mut().zip(sums).for_each(|(term, sum)| *term += sum);
    }
    let expected = terms[0] / (terms[1] * terms[2]).sqrt();
    assert!((found - expected).abs() <= 1e-8, "{found} {expected}");
}
