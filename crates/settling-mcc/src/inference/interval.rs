//! Intervals by profile likelihood.

use crate::arithmetic::normal;
use crate::coefficient::contingency::Contingency;

impl Contingency {
    /// A confidence interval of the MCC, by profile likelihood: the coefficients under which the
    /// table is not much less likely than under the best.
    ///
    /// Unlike a bootstrap it does not collapse where the table is perfect: six layers that agree
    /// say little, and the interval shows it. It exists for every table, also where the
    /// [MCC](Self::mcc) is undefined; without observations it is [-1, 1].
    ///
    /// It assumes independent observations, which the layers of one model are not: read its width
    /// as the least there is.
    ///
    /// # Definition
    ///
    /// The counts are multinomial with unknown probabilities. For each coefficient the likelihood
    /// is that of the best probabilities with this coefficient; the interval holds the coefficients
    /// for which twice the logarithm of its ratio to the best of all is at most the `level`
    /// quantile of the chi-squared distribution with one degree of freedom. That calibration is for
    /// many observations. For few, over margins from 1/6 to 5/6 and coefficients to 0.9, the 95 %
    /// interval holds the truth in at least 90 % of samples of six and 89 % of samples of twelve
    /// (all tables counted out in `tests/it/coverage.rs`).
    ///
    /// # Numerics
    ///
    /// The ends are within 1e-6 for totals up to 10^6; above, rounding costs digits in proportion
    /// to the total, while the interval narrows with its root. It takes milliseconds.
    ///
    /// # Panics
    ///
    /// If `level` is not between 0 and 1.
    ///
    /// # Example
    ///
    /// ```
    /// use settling_mcc::{Contingency, Mcc};
    ///
    /// // Six layers, all told apart: what is certain about the coefficient is that it is not
    /// // negative.
    /// let table = Contingency { true_positives: 2, true_negatives: 4, ..Contingency::default() };
    /// assert_eq!(table.mcc(), Mcc::Value(1.0));
    /// let (low, high) = table.profile_interval(0.95);
    /// assert!((0.2..0.6).contains(&low), "{low}");
    /// assert_eq!(high, 1.0);
    /// ```
    ///
    /// # Reference
    ///
    /// Venzon & Moolgavkar (1988), "A method for computing profile-likelihood-based confidence
    /// intervals", Applied Statistics 37.
    #[must_use]
    pub fn profile_interval(&self, level: f64) -> (f64, f64) {
        let limit = quantile_of_level(level);
        let counts = self.cells().map(|count| count as f64);
        let total = self.total() as f64;
        if total == 0.0 {
            return (-1.0, 1.0);
        }
        // The root of the deviance is nearly linear.
        let excess = |mcc: f64| deviance(counts, total, mcc).max(0.0).sqrt() - limit;
        // Where there is no estimate, the likelihood comes arbitrarily close to its supremum with a
        // coefficient of 0.
        let estimate = self.mcc().value().unwrap_or(0.0);
        let end = |extreme: f64| {
            let (mut inside, mut outside) = ((estimate, -limit), (extreme, excess(extreme)));
            if outside.1 <= 0.0 {
                return extreme;
            }
            let mut moved_inside = None;
            while (inside.0 - outside.0).abs() > 1e-8 {
                // Where the line between the ends crosses 0, or half-way where the far one is
                // infinite.
                let share =
                    if outside.1.is_finite() { inside.1 / (inside.1 - outside.1) } else { 0.5 };
                let middle = inside.0 + share.clamp(0.01, 0.99) * (outside.0 - inside.0);
                let value = excess(middle);
                // The Illinois rule: an end that stays twice counts half, so that both ends move.
                if value <= 0.0 {
                    inside = (middle, value);
                    outside.1 *= if moved_inside == Some(true) { 0.5 } else { 1.0 };
                } else {
                    outside = (middle, value);
                    inside.1 *= if moved_inside == Some(false) { 0.5 } else { 1.0 };
                }
                moved_inside = Some(value <= 0.0);
            }
            inside.0
        };
        (end(-1.0), end(1.0))
    }
}

/// The standard normal quantile that bounds the central `level`.
pub(crate) fn quantile_of_level(level: f64) -> f64 {
    assert!(level > 0.0 && level < 1.0, "a level lies between 0 and 1, found {level}");
    normal::quantile(f64::midpoint(level, 1.0))
}

/// Twice the logarithm of the likelihood ratio between the observed shares and the best
/// probabilities with this coefficient.
///
/// Let x be half the sum of the log odds of being predicted and actual, and y half their
/// difference. With `s = 1 / (e^x + e^-x + e^y + e^-y)` the probabilities of the four cells are
///
/// ```text
/// tp: s (e^x + mcc)    fp: s (e^y - mcc)    fn: s (e^-y - mcc)    tn: s (e^-x + mcc)
/// ```
///
/// so that a coefficient bounds y if it is positive, and x if it is negative, and nothing else ties
/// them.
fn deviance([tp, fp, missed, tn]: [f64; 4], total: f64, mcc: f64) -> f64 {
    let bound = |opposed: bool| if opposed { -mcc.abs().ln() } else { FAR }.min(FAR);
    let part = |count: f64, factor: f64| {
        // Relative to the observed share, so that at the maximum the sum is of numbers around 0.
        if count == 0.0 { 0.0 } else { count * (factor * total / count).ln() }
    };
    let likelihood = |x: f64, y: f64| {
        let (up, right) = (x.exp(), y.exp());
        let scale = 1.0 / (up + 1.0 / up + right + 1.0 / right);
        // A probability that should be 0 at the bound may come out below.
        let at = |factor: f64| scale * factor.max(0.0);
        part(tp, at(up + mcc))
            + part(tn, at(1.0 / up + mcc))
            + part(fp, at(right - mcc))
            + part(missed, at(1.0 / right - mcc))
    };
    let best_x = |y: f64| maximum(bound(mcc < 0.0), |x| likelihood(x, y));
    -2.0 * maximum(bound(mcc > 0.0), best_x)
}

/// Log odds beyond this are as good as infinite: e^-40 is 4e-18.
const FAR: f64 = 40.0;

/// The largest value of a function with one maximum in [-bound, bound]: around the best point of a
/// grid, by golden section.
fn maximum(bound: f64, function: impl Fn(f64) -> f64) -> f64 {
    const INTERVALS: i32 = 8;
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let place =
        |index: i32| bound * f64::from(index.clamp(-INTERVALS, INTERVALS)) / f64::from(INTERVALS);
    let (mut index, mut best) = (0, f64::NEG_INFINITY);
    for candidate in -INTERVALS..=INTERVALS {
        let value = function(place(candidate));
        if value > best {
            (index, best) = (candidate, value);
        }
    }
    let (mut low, mut high) = (place(index - 1), place(index + 1));
    let inner = |low: f64, high: f64| (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut left, mut right) = inner(low, high);
    let (mut at_left, mut at_right) = (function(left), function(right));
    // Near a maximum the value changes with the square of the distance.
    while high - low > 1e-7 {
        if at_left > at_right {
            (high, right, at_right) = (right, left, at_left);
            left = inner(low, high).0;
            at_left = function(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = inner(low, high).1;
            at_right = function(right);
        }
    }
    best.max(at_left).max(at_right)
}
