//! What a matrix without any structure has.

use std::f64::consts::PI;

use crate::sum::sum;

/// The [proportional effective rank](crate::proportional_effective_rank), of the attainable rank, of a large random matrix of
/// the shape `(rows, cols)` with independent elements of mean 0 and equal variance. No unit.
///
/// A yardstick: 0.966 for `(D, 4 D)`, 0.805 for a square. A weight of that PER looks like noise to this measure, and no
/// initialisation with independent elements gives more.
///
/// # Definition
///
/// The limit for large sizes at the same ratio `c = min / max` of the sides: the singular values then follow the law of Marchenko
/// & Pastur, and with means over it `PER = E[s] exp(-E[s ln s] / E[s])`. In terms of an angle, `s^2 = 1 + c + 2 sqrt(c) cos t`,
/// the mean of g is `2 / pi` times the integral of `sin(t)^2 g(s) / s^2` over 0 to pi.
///
/// # Numerics
///
/// The integrals are exact to 1e-14 (doubly exponential quadrature). A Gaussian matrix of finite size deviates by less than
/// `0.2 / min(rows, cols)` from the limit.
///
/// # Panics
///
/// If a side is 0.
///
/// # Example
///
/// ```
/// use settling_rank::marchenko_pastur_per;
///
/// // Square: density sqrt(4 - s^2) / pi on [0, 2], E[s] = 8 / (3 pi), E[s ln s] / E[s] = 2 ln 2 - 4 / 3.
/// let by_hand = 8.0 / (3.0 * std::f64::consts::PI) * (4.0 / 3.0_f64 - 2.0 * 2.0_f64.ln()).exp();
/// assert!((marchenko_pastur_per(512, 512) - by_hand).abs() < 1e-14);
/// assert_eq!((1e3 * marchenko_pastur_per(2560, 10240)).round(), 966.0);
/// ```
///
/// # References
///
/// Marchenko & Pastur (1967), "Distribution of eigenvalues for some sets of random matrices", Mat. Sbornik 72; Takahasi & Mori
/// (1974), "Double exponential formulas for numerical integration", Publ. RIMS 9.
#[must_use]
#[track_caller]
pub fn marchenko_pastur_per(rows: usize, cols: usize) -> f64 {
    assert!(rows > 0 && cols > 0, "a matrix with rows and columns");
    let root = (rows.min(cols) as f64 / rows.max(cols) as f64).sqrt();
    let mean = |g: fn(f64) -> f64| {
        // Nodes crowd towards both ends, where the integrand varies fastest if the matrix is nearly square.
        sum((-STEPS..=STEPS).map(|k| {
            let u = f64::from(k) * STEP;
            let share = 1.0 / (1.0 + (-PI * u.sinh()).exp());
            let rest = 1.0 / (1.0 + (PI * u.sinh()).exp());
            // The angle from pi down: s^2 without cancellation where it is small.
            let angle = PI * share;
            let square = (1.0 - root).powi(2) + 4.0 * root * (0.5 * angle).sin().powi(2);
            let weight = PI * PI * u.cosh() * share * rest * STEP;
            2.0 / PI * weight * (angle.sin().powi(2) / square) * g(square.sqrt())
        }))
    };
    let length = mean(|s| s);
    length * (-mean(|s| s * s.ln()) / length).exp()
}

/// Where the weights have fallen below 1e-20.
const STEPS: i32 = 210;
const STEP: f64 = 1.0 / 64.0;
