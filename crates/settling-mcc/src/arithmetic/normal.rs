//! The normal distribution: probabilities and quantiles.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The probability of a standard normal number below `z`, with a relative error below 1e-14 for z >
/// -30; NaN for NaN.
///
/// Reference: Cody (1969), "Rational Chebyshev approximations for the error function", Mathematics
/// of Computation 23.
pub(crate) fn probability(z: f64) -> f64 {
    let x = z * FRAC_1_SQRT_2;
    if x.abs() <= 0.468_75 {
        return 0.5 + 0.5 * x * ratio(x * x, &ERF_A, &ERF_B);
    }
    let y = x.abs();
    let tail = if y <= 4.0 {
        ratio(y, &ERFC_C, &ERFC_D)
    } else {
        let inverse = 1.0 / (y * y);
        (1.0 / PI.sqrt() - inverse * ratio(inverse, &ERFC_P, &ERFC_Q)) / y
    };
    // exp(-z^2 / 2) with the square split, so that its rounding is not magnified.
    let coarse = (z.abs() * 16.0).trunc() / 16.0;
    let rest = (z.abs() - coarse) * (z.abs() + coarse);
    let tail = 0.5 * (-coarse * coarse / 2.0).exp() * (-rest / 2.0).exp() * tail;
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// The number below which a standard normal number lies with probability `p`, with a relative error
/// below 1e-15 (and an absolute one of 1e-16 around 0); infinite at 0 and 1.
///
/// Reference: Wichura (1988), "Algorithm AS 241: the percentage points of the normal distribution",
/// Applied Statistics 37.
pub(crate) fn quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180_625 - q * q, &CENTRE_A, &CENTRE_B);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let z = if r <= 5.0 {
        ratio(r - 1.6, &MIDDLE_C, &MIDDLE_D)
    } else {
        ratio(r - 5.0, &TAIL_E, &TAIL_F)
    };
    z.copysign(q)
}

/// The ratio of two polynomials, their coefficients from the constant upwards.
fn ratio(x: f64, numerator: &[f64], denominator: &[f64]) -> f64 {
    let polynomial =
        |coefficients: &[f64]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    polynomial(numerator) / polynomial(denominator)
}

const ERF_A: [f64; 5] = [
    3209.3775891384694,
    377.485237685302,
    113.86415415105016,
    3.1611237438705655,
    0.18577770618460315,
];
const ERF_B: [f64; 5] =
    [2844.236833439171, 1282.6165260773723, 244.02463793444417, 23.601290952344122, 1.0];
const ERFC_C: [f64; 9] = [
    1230.3393547979972,
    2051.0783778260716,
    1712.0476126340707,
    881.952221241769,
    298.6351381974001,
    66.11919063714163,
    8.883149794388377,
    0.5641884969886701,
    2.1531153547440383e-08,
];
const ERFC_D: [f64; 9] = [
    1230.3393548037495,
    3439.3676741437216,
    4362.619090143247,
    3290.7992357334597,
    1621.3895745666903,
    537.1811018620099,
    117.6939508913125,
    15.744926110709835,
    1.0,
];
const ERFC_P: [f64; 6] = [
    0.0006587491615298378,
    0.016083785148742275,
    0.12578172611122926,
    0.36034489994980445,
    0.30532663496123236,
    0.016315387137302097,
];
const ERFC_Q: [f64; 6] = [
    0.0023352049762686918,
    0.06051834131244132,
    0.5279051029514285,
    1.8729528499234673,
    2.568520192289822,
    1.0,
];
const CENTRE_A: [f64; 8] = [
    3.3871328727963665,
    133.14166789178438,
    1971.5909503065513,
    13731.69376550946,
    45921.95393154987,
    67265.7709270087,
    33430.57558358813,
    2509.0809287301227,
];
const CENTRE_B: [f64; 8] = [
    1.0,
    42.31333070160091,
    687.1870074920579,
    5394.196021424751,
    21213.794301586597,
    39307.89580009271,
    28729.085735721943,
    5226.495278852854,
];
const MIDDLE_C: [f64; 8] = [
    1.4234371107496835,
    4.630337846156546,
    5.769497221460691,
    3.6478483247632045,
    1.2704582524523684,
    0.2417807251774506,
    0.022723844989269184,
    0.0007745450142783414,
];
const MIDDLE_D: [f64; 8] = [
    1.0,
    2.053191626637759,
    1.6763848301838038,
    0.6897673349851,
    0.14810397642748008,
    0.015198666563616457,
    0.0005475938084995345,
    1.0507500716444169e-09,
];
const TAIL_E: [f64; 8] = [
    6.657904643501103,
    5.463784911164114,
    1.7848265399172913,
    0.29656057182850487,
    0.026532189526576124,
    0.0012426609473880784,
    2.7115555687434876e-05,
    2.0103343992922881e-07,
];
const TAIL_F: [f64; 8] = [
    1.0,
    0.599832206555888,
    0.1369298809227358,
    0.014875361290850615,
    0.0007868691311456133,
    1.8463183175100548e-05,
    1.421511758316446e-07,
    2.0442631033899397e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(name: &str) -> Vec<(f64, f64)> {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/inference.json")).unwrap();
        let number = |value: &serde_json::Value| value.as_str().unwrap().parse().unwrap();
        let pairs = file["normal"][name].as_array().unwrap().iter();
        pairs.map(|pair| (number(&pair[0]), number(&pair[1]))).collect()
    }

    #[test]
    fn probabilities_have_fourteen_digits() {
        for (z, expected) in golden("probability") {
            let tolerance = if z > -30.0 { 1e-14 } else { 1e-12 };
            assert!((probability(z) - expected).abs() <= tolerance * expected, "{z}");
        }
    }

    #[test]
    fn quantiles_have_fifteen_digits() {
        for (p, expected) in golden("quantile") {
            let found = quantile(p);
            assert!(
                (found - expected).abs() <= 1e-15 * expected.abs() + 1e-16,
                "{p}: {found:e}, {expected:e}"
            );
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
    }

    #[test]
    fn they_undo_each_other() {
        for z in (-80..=80).map(|tenth| f64::from(tenth) / 10.0) {
            // Near 1 a probability has lost the digits of its complement.
            let tolerance =
                if z < 0.0 { 1e-13 } else { f64::EPSILON * (z * z / 2.0).exp() * 3.0 + 1e-13 };
            assert!((quantile(probability(z)) - z).abs() <= tolerance, "{z}");
        }
    }
}
