//! Measures in closed form.

use std::num::NonZeroUsize;

use settling_rank::{
    Denominator, ErrorKind, Spectrum, Undefined, effective_rank, frobenius_norm, nuclear_norm,
    participation_ratio, proportional_effective_rank, spectral_norm, stable_rank,
};

type Measure = fn(&Spectrum) -> Result<f64, settling_rank::Error>;

const RANKS: [Measure; 4] = [effective_rank, stable_rank, participation_ratio, |spectrum| {
    proportional_effective_rank(spectrum, Denominator::Attainable)
}];

fn spectrum(values: &[f64]) -> Spectrum {
    Spectrum::new(values.to_vec()).unwrap()
}

#[test]
fn ranks_of_nothing_are_undefined_with_a_reason() {
    for measure in RANKS {
        let kind = |values: &[f64]| measure(&spectrum(values)).unwrap_err().kind();
        assert_eq!(kind(&[]), ErrorKind::Undefined(Undefined::Empty));
        assert_eq!(kind(&[0.0, 0.0]), ErrorKind::Undefined(Undefined::Zero));
        assert_eq!(kind(&[-0.0]), ErrorKind::Undefined(Undefined::Zero));
    }
}

#[test]
fn norms_of_nothing_are_zero() {
    for norm in [frobenius_norm, nuclear_norm, spectral_norm] {
        assert_eq!(norm(&spectrum(&[])), 0.0);
        assert_eq!(norm(&spectrum(&[0.0, 0.0])), 0.0);
    }
}

#[test]
fn equal_values_count_themselves_exactly() {
    for n in [1_usize, 2, 3, 10, 512, 10_240] {
        let equal = spectrum(&vec![0.1; n]);
        for measure in [effective_rank, stable_rank, participation_ratio] {
            assert_eq!(measure(&equal).unwrap(), n as f64);
        }
        assert_eq!(proportional_effective_rank(&equal, Denominator::Attainable).unwrap(), 1.0);
    }
}

#[test]
fn one_value_among_zeros_is_exactly_one() {
    for measure in [effective_rank, stable_rank, participation_ratio] {
        assert_eq!(measure(&spectrum(&[0.3, 0.0, 0.0])).unwrap(), 1.0);
    }
}

#[test]
fn the_ends_of_the_range_lose_nothing() {
    let values = [8.0, 4.0, 2.0, 2.0];
    let expected = RANKS.map(|measure| measure(&spectrum(&values)).unwrap());
    for k in [-1070, -1000, 1000, 1019] {
        let scaled = values.map(|value| value * 2.0_f64.powi(k / 2) * 2.0_f64.powi(k - k / 2));
        let found = RANKS.map(|measure| measure(&spectrum(&scaled)).unwrap());
        assert_eq!(found, expected, "2^{k}");
        // 64 + 16 + 4 + 4 = 88.
        let power = scaled[0] / 8.0;
        let frobenius = frobenius_norm(&spectrum(&scaled)) / power;
        // One quotient, one root, one product, a sum, and where the norm is subnormal (2^-1070 *
        // 9.4, four bits below the leading one being lost) half a unit of 2^-1074.
        let tolerance = if k == -1070 { 2.0_f64.powi(-5) } else { 4.0 * f64::EPSILON * 10.0 };
        assert!((frobenius - 88.0_f64.sqrt()).abs() <= tolerance);
        assert_eq!(nuclear_norm(&spectrum(&scaled)) / power, 16.0);
    }
    // Powers of ten: the quotients by the largest value are rounded, once each.
    for factor in [1e300, 1e-300] {
        let scaled = spectrum(&values.map(|value| value * factor));
        for (measure, expected) in RANKS.iter().zip(expected) {
            let found = measure(&scaled).unwrap();
            assert!((found - expected).abs() <= 8.0 * f64::EPSILON * expected);
        }
    }
}

#[test]
fn tiny_values_neither_vanish_nor_disturb() {
    // p = (1, e) / (1 + e) with e = 1e-20: the entropy is e (1 + 20 ln 10) to first order, below
    // eps. The rank stays 1.
    assert_eq!(effective_rank(&spectrum(&[1.0, 1e-20])).unwrap(), 1.0);
    // With e = 1e-10: exp(H) - 1 = e (1 + 10 ln 10) to first order; the rest is of order e^2 =
    // 1e-20 times about 600, and the subtraction of 1 leaves eps.
    let above_one = effective_rank(&spectrum(&[1.0, 1e-10])).unwrap() - 1.0;
    let expected = 1e-10 * (1.0 + 10.0 * 10.0_f64.ln());
    assert!((above_one - expected).abs() <= 2.0 * f64::EPSILON + 1e-17);
    assert_eq!(effective_rank(&spectrum(&[1.0, f64::from_bits(1)])).unwrap(), 1.0);
}

#[test]
fn ten_thousand_values_against_a_sum_in_closed_form() {
    // sigma_k = 2^-k, k = 0 to n - 1, n large: S = 2, sum(p_k k ln 2) = ln 2, H = ln 2 + ln 2,
    // exp(H) = 4.
    let geometric: Vec<f64> = (0..10_000).map(|k| 2.0_f64.powi(-k.min(1080))).collect();
    let found = effective_rank(&spectrum(&geometric)).unwrap();
    assert!((found - 4.0).abs() <= 4.0 * 1e-14, "{found}: the documented relative error");
}

#[test]
fn a_count_divides_literally() {
    let literal = Denominator::Dimensions(NonZeroUsize::new(2).unwrap());
    assert_eq!(proportional_effective_rank(&spectrum(&[1.0; 5]), literal).unwrap(), 2.5);
}

#[test]
fn the_figures_in_the_documentation() {
    // "0.80 of 512 and ... 0.23".
    let power_law: Vec<f64> = (1..=512).map(|k| f64::from(k).powf(-0.5)).collect();
    let squares: Vec<f64> = power_law.iter().map(|s| s * s).collect();
    let per = |values: &[f64]| {
        proportional_effective_rank(&spectrum(values), Denominator::Attainable).unwrap()
    };
    assert_eq!(format!("{:.2} {:.2}", per(&power_law), per(&squares)), "0.80 0.23");
}
