//! What may be zero by its certificate decides no number.

use settling_rank::{
    CertifiedSpectrum, ConditionNumber, ErrorKind, MatView, Measurable, Spectrum, Undefined,
    condition_number, effective_rank, effective_rank_sensitivity, frobenius_norm, matrix_entropy,
    numerical_rank, participation_ratio, product_spectrum, rankme, singular_values, spectral_decay,
    spectrum, spectrum_within, stable_rank,
};

#[track_caller]
fn assert_undefined<T: std::fmt::Debug>(found: Result<T, settling_rank::Error>, why: Undefined) {
    let error = found.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undefined(why), "{error}");
    assert!(error.to_string().ends_with(&why.to_string()), "{error}");
}

/// Element (i, j) is `sum_k (i^k + 1) (j^k + 2)`, from 1: of this rank, up to the rounding of the
/// decomposition.
fn of_rank(rank: u32, rows: u32, cols: u32) -> Vec<f64> {
    let element = |i: u32, j: u32| -> f64 {
        (0..rank).map(|k| f64::from((i + 1).pow(k) % 97 + 1) * f64::from((j + 1).pow(k) % 89)).sum()
    };
    (0..rows * cols).map(|index| element(index / cols, index % cols)).collect()
}

#[test]
fn a_slope_is_not_fitted_to_rounding() {
    let a: Vec<f64> = (0..40).map(|k| f64::from((k / 5 + 1) * (k % 5 + 1))).collect();
    for exponent in [0, -1000, 1000] {
        let scaled: Vec<f64> = a.iter().map(|x| x * 2.0_f64.powi(exponent)).collect();
        let view = MatView::new(&scaled, 8, 5);
        let certified = [spectrum(view).unwrap(), spectrum_within(view, f64::INFINITY).unwrap()];
        for found in &certified {
            assert_undefined(spectral_decay(found, 1..=5), Undefined::Range);
            assert_undefined(spectral_decay(found, 1..=2), Undefined::Range);
            assert_undefined(matrix_entropy(found, 0.0), Undefined::One);
            assert_eq!(numerical_rank(found, 0.0), 1);
            for found in [found.condition_number(), condition_number(found, 0.0)] {
                match found.unwrap() {
                    ConditionNumber::AtLeast(least) => assert!(least > 1e6),
                    other => panic!("{other:?}"),
                }
            }
        }
        let bare = singular_values(view).unwrap();
        assert_undefined(spectral_decay(&bare, 1..=5), Undefined::Range);
    }
}

#[test]
fn a_rank_does_not_count_rounding() {
    for (rows, cols) in [(8, 5), (5, 8), (30, 30), (200, 12), (64, 40)] {
        for rank in 1..=4 {
            let a = of_rank(rank, rows, cols);
            let view = MatView::new(&a, rows as usize, cols as usize);
            let check = |found: &CertifiedSpectrum| {
                let rank = rank as usize;
                assert_eq!(numerical_rank(found, 0.0), rank, "{rows} x {cols}");
                assert_undefined(spectral_decay(found, 1..=rank + 1), Undefined::Range);
                if rank > 1 {
                    spectral_decay(found, 1..=rank).unwrap();
                    let entropy = matrix_entropy(found, 0.0).unwrap();
                    assert!((entropy - matrix_entropy(found, 1e-9).unwrap()).abs() < 1e-12);
                }
                let derivatives = effective_rank_sensitivity(found).unwrap();
                assert!(derivatives[..rank].iter().all(|x| x.is_finite()));
                assert!(derivatives[rank..].iter().all(|&x| x == f64::INFINITY));
            };
            check(&spectrum_within(view, 0.0).unwrap());
            // Times the identity.
            let one = |index: usize| f64::from(u8::from(index.is_multiple_of(cols as usize + 1)));
            let identity: Vec<f64> = (0..(cols * cols) as usize).map(one).collect();
            let right = MatView::new(&identity, cols as usize, cols as usize);
            check(&product_spectrum(view, right).unwrap());
        }
    }
}

/// 1 - 1 + 1e-15: not zero, in whatever order it is added up, and less than what the bound of a
/// product of such factors tells from zero.
#[test]
fn a_product_that_cancels_has_no_measure() {
    let (left, right) = ([1.0; 3], [1.0, -1.0, 1e-15]);
    let found = product_spectrum(MatView::new(&left, 1, 3), MatView::new(&right, 3, 1)).unwrap();
    assert!(found.spectrum().values()[0] > 0.0 && found.noise() >= 1.0);
    for undefined in [
        effective_rank(&found),
        rankme(&found, 1e-7),
        stable_rank(&found),
        participation_ratio(&found),
        matrix_entropy(&found, 0.0),
        spectral_decay(&found, 1..=1),
    ] {
        assert_undefined(undefined, Undefined::Noise);
    }
    assert_undefined(found.condition_number(), Undefined::Noise);
    assert_undefined(effective_rank_sensitivity(&found), Undefined::Noise);
    assert_eq!(numerical_rank(&found, 0.0), 0);
    assert_eq!(found.effective_rank_error().unwrap(), f64::INFINITY);
    // How large it is remains known to its radius.
    assert!(frobenius_norm(&found) <= found.radii()[0]);
}

#[test]
fn values_of_your_own_are_exact_but_for_a_slope() {
    let own = Spectrum::new(vec![1.0, 1e-30]).unwrap();
    assert_eq!(own.noise(), 0.0);
    assert_eq!(numerical_rank(&own, 0.0), 2);
    assert_eq!(condition_number(&own, 0.0).unwrap(), ConditionNumber::Value(1.0 / 1e-30));
    assert_undefined(spectral_decay(&own, 1..=2), Undefined::Range);
    let steep = Spectrum::new(vec![1.0, 0.5_f64.powi(40)]).unwrap();
    assert!((spectral_decay(&steep, 1..=2).unwrap() - 40.0).abs() < 1e-12);
}

/// The least numbers there are: known to half a unit, and no noise.
#[test]
fn elements_at_either_end_of_f64_are_no_noise() {
    for element in [f64::from_bits(1), f64::from_bits(3), 1e-310, 1e-300, 1e300, f64::MAX] {
        let found = spectrum(MatView::new(&[element], 1, 1)).unwrap();
        assert_eq!(found.spectrum().values(), [element]);
        assert_eq!(effective_rank(&found).unwrap(), 1.0);
        assert_eq!(numerical_rank(&found, 0.0), 1);
    }
}

#[test]
fn every_undefined_value_has_its_own_reason() {
    let of = |values: &[f64]| Spectrum::new(values.to_vec()).unwrap();
    for (values, why) in [(&[][..], Undefined::Empty), (&[0.0, 0.0], Undefined::Zero)] {
        let spectrum = of(values);
        for undefined in [
            effective_rank(&spectrum),
            rankme(&spectrum, 0.0),
            stable_rank(&spectrum),
            participation_ratio(&spectrum),
            matrix_entropy(&spectrum, 0.0),
            spectral_decay(&spectrum, 1..=2),
        ] {
            assert_undefined(undefined, why);
        }
        assert_undefined(condition_number(&spectrum, 0.0), why);
    }
    assert_undefined(spectral_decay(&of(&[2.0, 1.0]), 2..=2), Undefined::One);
    assert_undefined(spectral_decay(&of(&[2.0, 1.0]), 1..=3), Undefined::Range);
}
