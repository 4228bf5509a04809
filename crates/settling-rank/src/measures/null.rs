//! What a matrix without any structure has.

use std::f64::consts::PI;

use crate::arithmetic::sum::sum;

/// The expected [proportional effective rank](crate::proportional_effective_rank), of the
/// attainable rank, of a Gaussian matrix of the shape `(rows, cols)`: independent elements of mean
/// 0 and equal variance. No unit.
///
/// A yardstick: 0.966 for `(D, 4 D)`, 0.805 for a large square. A weight of that PER looks like
/// noise to this measure, and an initialization with independent elements has it whatever their
/// distribution, up to a term of the order `1 / min(rows, cols)`.
///
/// # Definition
///
/// The singular values follow the law of Marchenko & Pastur: with `c = min / max` of the sides,
/// `n = min` and an angle t, `s^2 = 1 + c + 2 sqrt(c) cos t`, where the sum over all values of a
/// function g is expected to be
///
/// ```text
/// n 2 / pi integral(sin(t)^2 g(s) / s^2)
///     + (g(1 - sqrt(c)) + g(1 + sqrt(c))) / 4 - integral(g(s)) / (2 pi)
/// ```
///
/// with integrals over 0 to pi. The second part is that of the edges, for real elements (Bai &
/// Silverstein). With L and M such means of `s` and `s ln s`, `PER = L exp(-M / L)`.
///
/// # Numerics
///
/// The integrals are exact to 1e-14 (doubly exponential quadrature); what is left out is of the
/// order `1 / n^2`, and the formula is of no use for a handful of rows.
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
/// // A large square: density sqrt(4 - s^2) / pi on [0, 2], L = 8 / (3 pi), M / L = 2 ln 2 - 4 / 3.
/// let by_hand = 8.0 / (3.0 * std::f64::consts::PI) * (4.0 / 3.0_f64 - 2.0 * 2.0_f64.ln()).exp();
/// assert!((marchenko_pastur_per(1 << 40, 1 << 40) - by_hand).abs() < 1e-12);
/// assert_eq!((1e3 * marchenko_pastur_per(2560, 10240)).round(), 966.0);
/// ```
///
/// # References
///
/// Marchenko & Pastur (1967), "Distribution of eigenvalues for some sets of random matrices", Mat.
/// Sbornik 72; Bai & Silverstein (2004), "CLT for linear spectral statistics of large-dimensional
/// sample covariance matrices", Annals of Probability 32; Takahasi & Mori (1974), "Double
/// exponential formulas for numerical integration", Publ. RIMS 9.
#[must_use]
#[track_caller]
pub fn marchenko_pastur_per(rows: usize, cols: usize) -> f64 {
    assert!(rows > 0 && cols > 0, "a matrix with rows and columns");
    let n = rows.min(cols) as f64;
    let root = (n / rows.max(cols) as f64).sqrt();
    let mean = |g: fn(f64) -> f64| {
        // Nodes crowd towards both ends, where the integrand varies fastest if the matrix is nearly
        // square.
        let integral = sum((-STEPS..=STEPS).map(|k| {
            let u = f64::from(k) * STEP;
            let share = 1.0 / (1.0 + (-PI * u.sinh()).exp());
            let rest = 1.0 / (1.0 + (PI * u.sinh()).exp());
            // The angle from pi down: s^2 without cancellation where it is small.
            let angle = PI * share;
            let square = (1.0 - root).powi(2) + 4.0 * root * (0.5 * angle).sin().powi(2);
            let weight = PI * PI * u.cosh() * share * rest * STEP;
            let law = 2.0 / PI * angle.sin().powi(2) / square;
            weight * (law - 0.5 / (PI * n)) * g(square.sqrt())
        }));
        integral + 0.25 * (g(1.0 - root) + g(1.0 + root)) / n
    };
    let length = mean(|s| s);
    length * (-mean(times_log) / length).exp()
}

fn times_log(s: f64) -> f64 {
    if s > 0.0 { s * s.ln() } else { 0.0 }
}

/// Where the weights have fallen below 1e-20.
const STEPS: i32 = 210;
const STEP: f64 = 1.0 / 64.0;
