//! Spectra with their bounds: Gram matrices, decompositions, batches.

use half::{bf16, f16};
use proptest::prelude::*;
use settling_rank::{
    CertifiedSpectrum, ConditionNumber, ErrorKind, MatView, Method, effective_rank,
    effective_rank_error, product_spectra, product_spectrum, singular_values, spectra, spectrum,
    spectrum_within,
};

/// Numbers in [-1, 1), the same on every machine.
pub(crate) fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Rows that shrink by `decades` powers of ten from the first to the last.
fn graded(rows: usize, cols: usize, decades: f64) -> Vec<f64> {
    let numbers = numbers(7, rows * cols);
    let grade = |index: usize| 10.0_f64.powf(-decades * (index / cols) as f64 / rows as f64);
    numbers.iter().enumerate().map(|(index, &x)| f64::from(x) * grade(index)).collect()
}

/// Within the radii of both.
#[track_caller]
fn assert_agree(a: &CertifiedSpectrum, b: &CertifiedSpectrum) {
    assert_eq!(a.spectrum().len(), b.spectrum().len());
    let pairs = a.spectrum().values().iter().zip(b.spectrum().values());
    for ((x, y), (r, s)) in pairs.zip(a.radii().iter().zip(&b.radii())) {
        assert!((x - y).abs() <= r + s, "{x:e} and {y:e}, within {r:e} and {s:e}");
    }
    let ratio = effective_rank(a.spectrum()).unwrap() / effective_rank(b.spectrum()).unwrap();
    let bounds = a.effective_rank_error().unwrap() + b.effective_rank_error().unwrap();
    assert!((ratio - 1.0).abs() <= bounds, "off by {:e}, bound {bounds:e}", ratio - 1.0);
}

#[test]
fn gram_and_svd_agree_within_their_bounds_at_every_condition() {
    for (rows, cols) in [(40, 300), (300, 40), (130, 130), (64, 1100)] {
        for decades in [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0] {
            let a = graded(rows, cols, decades);
            let view = MatView::new(&a, rows, cols);
            let by_gram = spectrum_within(view, f64::INFINITY).unwrap();
            let by_svd = spectrum_within(view, 0.0).unwrap();
            assert_eq!((by_gram.method(), by_svd.method()), (Method::Gram, Method::Svd));
            assert_agree(&by_gram, &by_svd);
            assert_eq!(by_svd.into_spectrum(), singular_values(view).unwrap());
        }
    }
}

#[test]
fn weights_pass_and_steep_spectra_do_not() {
    let method = |decades| spectrum(MatView::new(&graded(64, 256, decades), 64, 256)).unwrap();
    for decades in [0.0, 1.0, 2.0, 3.0] {
        assert_eq!(method(decades).method(), Method::Gram);
        assert!(method(decades).effective_rank_error().unwrap() <= 1e-9);
    }
    assert_eq!(method(8.0).method(), Method::Svd);
}

/// What [`CertifiedSpectrum`] promises to be sharper than.
#[test]
fn errors_together_are_less_than_errors_each() {
    let a = graded(256, 512, 2.5);
    let found = spectrum(MatView::new(&a, 256, 512)).unwrap();
    let each = effective_rank_error(found.spectrum(), &found.radii()).unwrap();
    assert!(found.effective_rank_error().unwrap() < 0.5 * each);
}

#[test]
fn a_rank_deficient_matrix_has_a_bound_by_svd() {
    // Rank 20 of 60.
    let (left, right) = (numbers(1, 60 * 20), numbers(2, 20 * 200));
    let product: Vec<f64> = (0..60 * 200)
        .map(|index| {
            let (i, j) = (index / 200, index % 200);
            (0..20).map(|k| f64::from(left[i * 20 + k]) * f64::from(right[k * 200 + j])).sum()
        })
        .collect();
    let found = spectrum(MatView::new(&product, 60, 200)).unwrap();
    assert_eq!(found.method(), Method::Svd);
    // 40 zeros known to 4 * 200 eps: sqrt(40) * 1.8e-13 * ||A|| / sigma_1 * ln of it all, over a
    // sum of some 10: 1e-10.
    assert!(found.effective_rank_error().unwrap() < 1e-9);
    match found.condition_number().unwrap() {
        ConditionNumber::AtLeast(least) => assert!(least > 1e11),
        other => panic!("{other:?}, of a matrix of lower rank"),
    }
}

#[test]
fn every_element_type_is_read() {
    let narrow = numbers(3, 12 * 30);
    let halves: Vec<f16> = narrow.iter().map(|&x| f16::from_f32(x)).collect();
    let brains: Vec<bf16> = narrow.iter().map(|&x| bf16::from_f32(x)).collect();
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let of = |x: &[f64]| spectrum(MatView::new(x, 12, 30)).unwrap();
    assert_eq!(spectrum(MatView::new(&narrow, 12, 30)).unwrap(), of(&wide(&narrow)));
    let as_f32: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
    assert_eq!(spectrum(MatView::new(&halves, 12, 30)).unwrap(), of(&wide(&as_f32)));
    let as_f32: Vec<f32> = brains.iter().map(|x| x.to_f32()).collect();
    assert_eq!(spectrum(MatView::new(&brains, 12, 30)).unwrap(), of(&wide(&as_f32)));
}

#[test]
fn nothing_is_zero() {
    for (rows, cols) in [(0, 5), (5, 0), (3, 4)] {
        let zeros = vec![0.0_f32; rows * cols];
        let found = spectrum(MatView::new(&zeros, rows, cols)).unwrap();
        assert_eq!((found.method(), found.radii()), (Method::Zero, vec![0.0; rows.min(cols)]));
        assert!(matches!(
            found.effective_rank_error().unwrap_err().kind(),
            ErrorKind::Undefined(_)
        ));
        assert!(matches!(found.condition_number().unwrap_err().kind(), ErrorKind::Undefined(_)));
    }
    // Factors that are not zero, with a product that is.
    let (left, right) = ([1.0, 0.0], [0.0, 0.0, 1.0, 2.0]);
    let product = product_spectrum(MatView::new(&left, 1, 2), MatView::new(&right, 2, 2)).unwrap();
    assert_eq!((product.method(), product.spectrum().values()), (Method::Zero, &[0.0][..]));
}

#[test]
fn any_scale() {
    let unit: Vec<f64> = numbers(4, 9 * 40).iter().map(|&x| f64::from(x)).collect();
    let expected = spectrum(MatView::new(&unit, 9, 40)).unwrap();
    for k in [-900_i32, -300, 300, 900] {
        let scaled: Vec<f64> = unit.iter().map(|x| x * 2.0_f64.powi(k)).collect();
        let found = spectrum(MatView::new(&scaled, 9, 40)).unwrap();
        let values: Vec<f64> =
            expected.spectrum().values().iter().map(|x| x * 2.0_f64.powi(k)).collect();
        assert_eq!(found.spectrum().values(), values, "2^{k}");
        assert_eq!(found.effective_rank_error(), expected.effective_rank_error());

        // Factors of opposite scales: only the product has to be a number.
        let (left, right) = (&scaled, unit.iter().map(|x| x * 2.0_f64.powi(-k)));
        let right: Vec<f64> = right.collect();
        let product = |left: &[f64], right: &[f64]| {
            product_spectrum(MatView::new(left, 40, 9), MatView::new(right, 9, 40)).unwrap()
        };
        assert_eq!(product(left, &right), product(&unit, &unit), "2^{k}");
    }
}

/// What is left of the second column is a small multiple of `rows * eps`, where a QR decomposition
/// that looks for the rank drops it.
#[test]
fn nearly_equal_columns_of_a_tall_matrix_are_within_the_bound() {
    for (rows, k) in [(40, 6.0), (40, 12.0), (40, 15.0), (200, 12.0)] {
        // (1, 0, ...) and (1, d, 0, ...): with t = 2 + d^2, the squared values are (t +- sqrt(t^2 -
        // 4 d^2)) / 2.
        let apart = k * f64::from(rows) * f64::EPSILON;
        let mut a = vec![0.0; rows as usize * 2];
        (a[0], a[1], a[3]) = (1.0, 1.0, apart);
        let found = spectrum_within(MatView::new(&a, rows as usize, 2), 0.0).unwrap();
        // d / s_1, and s_1 = sqrt(2) to d^2.
        let expected = apart / 2.0_f64.sqrt();
        let (value, radius) = (found.spectrum().values()[1], found.radii()[1]);
        assert!(
            (value - expected).abs() <= 0.1 * radius,
            "{value:e}, not {expected:e}: {radius:e}"
        );
    }
}

#[test]
fn subnormal_values_are_within_their_radii() {
    let least = f64::from_bits(1);
    // [[1, 1], [0, 1]] has the golden ratio and its inverse.
    let golden = f64::midpoint(1.0, 5.0_f64.sqrt());
    let rank = {
        let p = golden / (golden + 1.0 / golden);
        (-p * p.ln() - (1.0 - p) * (1.0 - p).ln()).exp()
    };
    for times in [1.0, 3.0, 1000.0] {
        let a = [times * least, times * least, 0.0, times * least];
        for tolerance in [0.0, f64::INFINITY] {
            let found = spectrum_within(MatView::new(&a, 2, 2), tolerance).unwrap();
            let pairs = found.spectrum().values().iter().zip(found.radii());
            for ((value, radius), expected) in pairs.zip([golden, 1.0 / golden]) {
                // In units of the least number, where there are halves.
                let off = (value / least - times * expected).abs();
                assert!(off <= radius / least, "{value:e}: {off} of {radius:e}");
            }
            let error = effective_rank(found.spectrum()).unwrap() / rank - 1.0;
            assert!(error.abs() <= found.effective_rank_error().unwrap(), "{error:e}");
        }
        assert_ne!(spectrum(MatView::new(&a, 2, 2)).unwrap().method(), Method::Gram);
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let sizes = [(40, 160), (300, 316), (160, 40), (330, 700), (64, 64), (1, 9)];
    let data: Vec<_> = (1..).zip(sizes).map(|(seed, (r, c))| numbers(seed, r * c)).collect();
    let views: Vec<_> = data.iter().zip(sizes).map(|(x, (r, c))| MatView::new(x, r, c)).collect();
    let pairs: Vec<_> = (0..6)
        .map(|head| {
            let part = &data[3][head * 8 * 330..][..8 * 330];
            (MatView::new(part, 330, 8), MatView::new(part, 8, 330))
        })
        .collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| (spectra(&views), product_spectra(&pairs)))
    };
    let alone: Vec<_> = views.iter().map(|&view| spectrum(view)).collect();
    for threads in [1, 2, 3, 16] {
        let (found, products) = run(threads);
        assert_eq!(found, alone);
        let expected = pairs.iter().map(|&(left, right)| product_spectrum(left, right));
        assert_eq!(products, expected.collect::<Vec<_>>());
    }
}

#[test]
fn one_bad_matrix_spoils_no_other() {
    let found = spectra(&[MatView::new(&[1.0, 2.0], 1, 2), MatView::new(&[f64::NAN], 1, 1)]);
    assert!(found[0].is_ok());
    assert_eq!(found[1].as_ref().unwrap_err().kind(), ErrorKind::NonFinite);
}

proptest! {
    #[test]
    fn a_matrix_and_its_transpose_have_the_same_bits(rows in 1..30_usize, cols in 1..30_usize, seed in any::<u32>()) {
        prop_assume!(rows != cols);
        let a = numbers(seed, rows * cols);
        let transposed: Vec<f32> = (0..rows * cols).map(|index| a[index % rows * cols + index / rows]).collect();
        let found = spectrum(MatView::new(&a, rows, cols)).unwrap();
        prop_assert_eq!(spectrum(MatView::new(&transposed, cols, rows)).unwrap(), found);
    }

    #[test]
    fn a_looser_tolerance_never_breaks_its_promise(decades in 0.0..12.0_f64, exponent in -14.0..-3.0_f64) {
        let a = graded(20, 50, decades);
        let (view, tolerance) = (MatView::new(&a, 20, 50), 10.0_f64.powf(exponent));
        let found = spectrum_within(view, tolerance).unwrap();
        let exact = spectrum_within(view, 0.0).unwrap();
        if found.method() == Method::Gram {
            prop_assert!(found.effective_rank_error().unwrap() <= tolerance);
        } else {
            prop_assert_eq!(&found, &exact);
        }
        let ratio = effective_rank(found.spectrum()).unwrap() / effective_rank(exact.spectrum()).unwrap();
        prop_assert!((ratio - 1.0).abs() <= tolerance + exact.effective_rank_error().unwrap());
    }
}

#[test]
#[should_panic(expected = "a tolerance is not negative")]
fn a_tolerance_of_nan_panics() {
    let _ = spectrum_within(MatView::new(&[1.0], 1, 1), f64::NAN);
}
