//! CKA as sums over rows, and the numbers that follow from them.

use crate::arithmetic::unit::Unit;
use crate::error::Error;
use crate::undefined::{Side, Undefined};

/// What one side contributes to [`CkaSums`]: with `C` the centered products of its rows with
/// themselves, and `u` the squared norms of its centered rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SideSums {
    /// The width.
    pub features: usize,
    /// `Σ u`, the trace of `C`.
    pub trace: f64,
    /// `‖C‖²`, the squared Frobenius norm.
    pub frobenius_squared: f64,
    /// `Σ u²`
    pub squared_norms: f64,
}

/// All that a [`Cka`] is made of: sums over paired rows, each side about its mean over all of them.
///
/// An accumulator that forms these sums elsewhere, on a GPU say, makes a [`Cka`] of them; on the
/// CPU [`LinearCka`](crate::LinearCka) does it. How the sums move when the mean does, so that rows
/// may come in batches, is derived in `moments.rs` of this crate.
///
/// # Example
///
/// The worked example of [`Cka`]:
///
/// ```
/// use settling_cka::{Cka, CkaSums, ErrorKind, SideSums};
///
/// // Centered, x is (-3, -1, 1, 3) / 2 and y (-3, 1, -1, 3) / 2.
/// let side = SideSums { features: 1, trace: 5.0, frobenius_squared: 25.0, squared_norms: 10.25 };
/// let (cross_frobenius_squared, cross_norms) = (16.0, 10.25);
/// let sums = CkaSums { rows: 4, x: side, y: side, cross_frobenius_squared, cross_norms };
/// let cka = Cka::from_sums(sums)?;
/// assert_eq!(cka.biased()?, 0.64);
/// assert!((cka.debiased()? - -1.0 / 26.0).abs() < 1e-15);
///
/// let broken = CkaSums { cross_norms: f64::NAN, ..sums };
/// assert_eq!(Cka::from_sums(broken).unwrap_err().kind(), ErrorKind::NotFinite);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CkaSums {
    /// The number of rows.
    pub rows: usize,
    /// What `x` contributes.
    pub x: SideSums,
    /// What `y` contributes.
    pub y: SideSums,
    /// `‖Cxy‖²`, the squared Frobenius norm of `Σ x̃ ỹᵀ`.
    pub cross_frobenius_squared: f64,
    /// `Σ u v`, over the squared norms of the centered rows of `x` and of `y`.
    pub cross_norms: f64,
}

/// The CKA of two sets of features of the same rows, and what is needed to read it.
///
/// Below, `C` are centered products over all `n` rows: with `X̃` the rows of `x` minus their mean,
/// `Cxx = X̃ᵀX̃`, `Cxy = X̃ᵀỸ`, `Cyy = ỸᵀỸ`; `u_i = |x̃_i|²`, `v_i = |ỹ_i|²`; norms are Frobenius
/// norms.
///
/// # Worked example
///
/// `x = (1, 2, 3, 4)` and `y = (1, 3, 2, 4)`, one feature each. Centered, `(-3, -1, 1, 3) / 2` and
/// `(-3, 1, -1, 3) / 2`, so `Cxx = Cyy = 5`, `Cxy = 4`, `u = v = (9, 1, 1, 9) / 4`, `Σu = 5`,
/// `Σuv = 41 / 4`.
///
/// - biased: `4² / (5 · 5) = 0.64`.
/// - debiased: `h_xy = 16 - 4/2 · 41/4 + 25/6 = -1/3` and
///   `h_xx = h_yy = 25 - 4/2 · 41/4 + 25/6 = 26/3`: their ratio is `-1/26`.
/// - participation ratios: one feature, `5² / 5² = 1`. Floor: `√(1 · 1) / (4 - 1) = 1/3`.
///
/// ```
/// use settling_cka::linear_cka;
/// use settling_core::MatView;
///
/// let cka = linear_cka(
///     MatView::new(&[1.0_f32, 2.0, 3.0, 4.0], 4, 1),
///     MatView::new(&[1.0_f32, 3.0, 2.0, 4.0], 4, 1),
/// )?;
/// assert_eq!((cka.rows(), cka.x_features(), cka.y_features()), (4, 1, 1));
/// assert!((cka.biased()? - 0.64).abs() < 1e-15);
/// assert!((cka.debiased()? - -1.0 / 26.0).abs() < 1e-15);
/// assert_eq!(cka.participation_ratios()?, (1.0, 1.0));
/// assert!((cka.floor()? - 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cka {
    /// In units of powers of two of either side.
    sums: CkaSums,
    errors: Errors,
    units: [Unit; 2],
    /// The debiased terms, where they were formed from pairs of rows.
    debiased: Option<Debiased>,
}

/// The three terms of a debiased value, `h` of [`Cka::debiased`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Debiased {
    pub(crate) xy: Term,
    pub(crate) xx: Term,
    pub(crate) yy: Term,
}

/// A number, and a bound of the rounding in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Term {
    pub(crate) value: f64,
    pub(crate) rounding: f64,
}

impl Term {
    /// Whether three digits of it are known: below, what remains of a difference may be nothing but
    /// rounding.
    fn is_known(self) -> bool {
        self.value > 1024.0 * self.rounding
    }
}

impl Debiased {
    /// The terms times `weight`, in units that make the rows of either side `factors` as long.
    pub(crate) fn times(self, weight: f64, [x, y]: [f64; 2]) -> Self {
        let times = |Term { value, rounding }: Term, factor: f64| {
            let factor = weight * (factor * factor);
            Term { value: value * factor, rounding: rounding * factor }
        };
        Self { xy: times(self.xy, x * y), xx: times(self.xx, x * x), yy: times(self.yy, y * y) }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let plus =
            |a: Term, b: Term| Term { value: a.value + b.value, rounding: a.rounding + b.rounding };
        Self {
            xy: plus(self.xy, other.xy),
            xx: plus(self.xx, other.xx),
            yy: plus(self.yy, other.yy),
        }
    }

    pub(crate) fn ratio(self) -> Result<f64, Undefined> {
        for (own, side) in [(self.xx, Side::X), (self.yy, Side::Y)] {
            if !own.is_known() {
                return Err(Undefined::SelfTermNotPositive(side));
            }
        }
        let scale = self.xx.value.sqrt() * self.yy.value.sqrt();
        // By the Cauchy-Schwarz inequality known where the other two are, but for sums over
        // batches.
        if (Term { value: scale, ..self.xy }).is_known() {
            Ok(self.xy.value / scale)
        } else {
            Err(Undefined::CrossTermUnknown)
        }
    }
}

/// What products in f32 may have left in the squared Frobenius norms of [`CkaSums`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Errors {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) cross: f64,
}

impl Cka {
    /// `sums` and `errors` are of rows divided by `units`.
    pub(crate) fn new(sums: CkaSums, errors: Errors, units: [Unit; 2]) -> Self {
        Self { sums, errors, units, debiased: None }
    }

    pub(crate) fn with_debiased(self, debiased: Debiased) -> Self {
        Self { debiased: Some(debiased), ..self }
    }

    /// The CKA of rows that were summed by another accumulator than
    /// [`LinearCka`](crate::LinearCka).
    ///
    /// # Errors
    ///
    /// [`NotFinite`](crate::ErrorKind::NotFinite): a sum is NaN or infinite. That finite sums
    /// belong together is not checked.
    pub fn from_sums(sums: CkaSums) -> Result<Self, Error> {
        let CkaSums { x, y, .. } = sums;
        let named = [
            ("the trace of x", x.trace),
            ("the squared Frobenius norm of x", x.frobenius_squared),
            ("the sum of squared norms of x", x.squared_norms),
            ("the trace of y", y.trace),
            ("the squared Frobenius norm of y", y.frobenius_squared),
            ("the sum of squared norms of y", y.squared_norms),
            ("the squared Frobenius norm of the cross-product", sums.cross_frobenius_squared),
            ("the sum of products of norms", sums.cross_norms),
        ];
        match named.into_iter().find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(Error::sum_not_finite(name, value)),
            None => Ok(Self { sums, ..Self::default() }),
        }
    }

    /// The number of rows, `n`.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.sums.rows
    }

    /// The width of `x`; 0 if no rows were seen.
    #[must_use]
    pub fn x_features(&self) -> usize {
        self.sums.x.features
    }

    /// The width of `y`; 0 if no rows were seen.
    #[must_use]
    pub fn y_features(&self) -> usize {
        self.sums.y.features
    }

    /// Linear CKA as it was introduced: `‖Cxy‖² / (‖Cxx‖ ‖Cyy‖)`, in [0, 1] (by rounding up to
    /// 10⁻¹² outside; never clamped).
    ///
    /// It is biased upwards, the more the fewer rows there are for the width: read it beside
    /// [`floor`](Self::floor).
    ///
    /// # Errors
    ///
    /// [`TooFewRows`](Undefined::TooFewRows) below 2 rows;
    /// [`ZeroVariance`](Undefined::ZeroVariance) and
    /// [`VarianceTooSmall`](Undefined::VarianceTooSmall).
    ///
    /// # References
    ///
    /// Kornblith, Norouzi, Lee & Hinton 2019, "Similarity of Neural Network Representations
    /// Revisited", the feature-space form at the end of section 3.
    pub fn biased(&self) -> Result<f64, Undefined> {
        self.check(2)?;
        let CkaSums { x, y, cross_frobenius_squared, .. } = self.sums;
        let slack = 1e-12 + self.relative_errors();
        bounded(
            cross_frobenius_squared / (x.frobenius_squared.sqrt() * y.frobenius_squared.sqrt()),
            slack,
        )
    }

    /// How far products in f32 may have moved [`biased`](Self::biased): four standard deviations,
    /// if roundings are independent (derived in `moments.rs` of this crate). 0 for products in f64,
    /// whose error of some 10⁻¹⁴ is not counted.
    ///
    /// # Errors
    ///
    /// The same as [`biased`](Self::biased): fewer than 2 rows, or a side with no or too little
    /// variance.
    pub fn biased_error(&self) -> Result<f64, Undefined> {
        let CkaSums { x, y, .. } = self.sums;
        self.ratio_error(self.biased()?, x.frobenius_squared, y.frobenius_squared)
    }

    /// The angle between the centered Gram matrices, `arccos` of [`biased`](Self::biased), in
    /// radians: from 0 for features that agree to π/2. A metric: it satisfies the triangle
    /// inequality, as `1 - CKA` does not.
    ///
    /// Near 0 it magnifies rounding: CKA of `1 - ε` is an angle of `√(2 ε)`, so features that agree
    /// come out at some 10⁻⁸. Where CKA is above 1 by rounding the angle is 0.
    ///
    /// # Errors
    ///
    /// The same as [`biased`](Self::biased): fewer than 2 rows, or a side with no or too little
    /// variance.
    ///
    /// # References
    ///
    /// Williams, Kunz, Kornblith & Linderman 2021, "Generalized Shape Metrics on Neural
    /// Representations".
    pub fn angular_distance(&self) -> Result<f64, Undefined> {
        let value = self.biased()?;
        // Not `acos(min(value, 1))`: there is no angle to find where rounding left none.
        Ok(if value >= 1.0 { 0.0 } else { value.acos() })
    }

    /// Debiased linear CKA: `h_xy / √(h_xx h_yy)`, where
    ///
    /// ```text
    /// h_xy = ‖Cxy‖² - n/(n-2) Σ u v + Σu Σv / ((n-1)(n-2))
    /// ```
    ///
    /// and `h_xx`, `h_yy` likewise. `h / (n(n-3))` is the U-statistic of HSIC: the estimate from
    /// kernel matrices without their diagonals, which has no bias. The ratio of the three is no
    /// longer exactly unbiased, but near 0 for independent features of any width, so that it
    /// compares widths and numbers of rows. It may be negative, or above 1; it is never clamped.
    ///
    /// # Numerics
    ///
    /// The diagonal terms cancel: the relative error of `h_xx` is some 10⁻¹⁶ `‖Cxx‖² / h_xx`. Rows
    /// of comparable norms keep 13 digits; a single row r times as long as the others costs a
    /// factor of r² `features / n`. From pairs of rows
    /// ([`linear_cka_gram`](crate::linear_cka_gram), kernels) the diagonal is left out instead of
    /// taken away, and such a row costs a factor of r only. A value of which three digits are not
    /// known is not given.
    ///
    /// # Errors
    ///
    /// [`TooFewRows`](Undefined::TooFewRows) below 4 rows;
    /// [`ZeroVariance`](Undefined::ZeroVariance) and
    /// [`VarianceTooSmall`](Undefined::VarianceTooSmall);
    /// [`SelfTermNotPositive`](Undefined::SelfTermNotPositive).
    ///
    /// # References
    ///
    /// Song, Smola, Gretton, Bedo & Borgwardt 2012, "Feature Selection via Dependence
    /// Maximization", the unbiased estimator HSIC₁; Székely & Rizzo 2014, "Partial Distance
    /// Correlation with Methods for Dissimilarities", the same by U-centring.
    pub fn debiased(&self) -> Result<f64, Undefined> {
        self.check(4)?;
        self.debiased_terms().ratio()
    }

    /// The terms of at least 4 rows, in units of their sides.
    pub(crate) fn debiased_terms(&self) -> Debiased {
        let CkaSums { x, y, cross_frobenius_squared, cross_norms, .. } = self.sums;
        let Errors { x: x_error, y: y_error, cross } = self.errors;
        let own = |SideSums { features, trace, frobenius_squared, squared_norms }, error| {
            self.hsic(frobenius_squared, squared_norms, trace * trace, features, error)
        };
        let features = x.features.max(y.features);
        self.debiased.unwrap_or_else(|| Debiased {
            xy: self.hsic(cross_frobenius_squared, cross_norms, x.trace * y.trace, features, cross),
            xx: own(x, x_error),
            yy: own(y, y_error),
        })
    }

    /// What the rows of either side were divided by; none where all are equal.
    pub(crate) fn units(&self) -> Result<[Option<Unit>; 2], Undefined> {
        let unit = |sums: SideSums, unit, side| match check_trace(sums.trace, side) {
            Ok(()) => Ok(Some(unit)),
            Err(Undefined::ZeroVariance(_)) => Ok(None),
            Err(reason) => Err(reason),
        };
        let ([x, y], sums) = (self.units, self.sums);
        Ok([unit(sums.x, x, Side::X)?, unit(sums.y, y, Side::Y)?])
    }

    /// How far products in f32 may have moved [`debiased`](Self::debiased); as
    /// [`biased_error`](Self::biased_error).
    ///
    /// # Errors
    ///
    /// The same as [`debiased`](Self::debiased): fewer than 4 rows, a side with no or too little
    /// variance, or a self-similarity that is not positive.
    pub fn debiased_error(&self) -> Result<f64, Undefined> {
        let value = self.debiased()?;
        let Debiased { xx, yy, .. } = self.debiased_terms();
        self.ratio_error(value, xx.value, yy.value)
    }

    /// The error of `value`, a ratio to the root of `x y` whose terms have the errors of the
    /// squared norms.
    fn ratio_error(&self, value: f64, x: f64, y: f64) -> Result<f64, Undefined> {
        let Errors { x: x_error, y: y_error, cross } = self.errors;
        Ok(cross / (x.sqrt() * y.sqrt()) + 0.5 * value.abs() * (x_error / x + y_error / y))
    }

    fn relative_errors(&self) -> f64 {
        let (CkaSums { x, y, .. }, errors) = (self.sums, self.errors);
        let cross = errors.cross / (x.frobenius_squared.sqrt() * y.frobenius_squared.sqrt());
        cross + errors.x / x.frobenius_squared + errors.y / y.frobenius_squared
    }

    /// The value that [`biased`](Self::biased) takes on average if the rows of `y` are paired with
    /// those of `x` at random: `√(Px Py) / (n - 1)`, with the [participation
    /// ratios](Self::participation_ratios) `Px`, `Py`.
    ///
    /// It is exact, with no assumption about the distribution: re-pairing leaves `Cxx` and `Cyy`
    /// alone, and the mean of `‖Cxy‖²` over all `n!` pairings is `tr(Cxx) tr(Cyy) / (n - 1)`. It
    /// lies in (0, 1]. A biased value near it says nothing about similarity. [`independence_floor`]
    /// is its forecast before any rows are seen.
    ///
    /// # Errors
    ///
    /// The same as [`biased`](Self::biased): fewer than 2 rows, or a side with no or too little
    /// variance.
    pub fn floor(&self) -> Result<f64, Undefined> {
        let (x, y) = self.participation_ratios()?;
        bounded(x.sqrt() * y.sqrt() / (self.rows() as f64 - 1.0), 1e-12 + self.relative_errors())
    }

    /// `tr(C)² / ‖C‖²` for `Cxx` and `Cyy`: the effective number of dimensions in which the rows
    /// vary, from 1 to the smaller of the width and `n - 1`.
    ///
    /// These describe the rows seen. As estimates of the population's ratio they are low while rows
    /// are few: rows drawn from a Gaussian whose covariance has the ratio P give about
    /// `P (n - 1) / (P + n)`, so 102 instead of 512 for 128 rows of 512 independent features.
    /// Putting them into [`independence_floor`] would therefore underestimate;
    /// [`floor`](Self::floor) has no such bias.
    ///
    /// # Errors
    ///
    /// The same as [`biased`](Self::biased): fewer than 2 rows, or a side with no or too little
    /// variance.
    pub fn participation_ratios(&self) -> Result<(f64, f64), Undefined> {
        self.check(2)?;
        let ratio = |sums: SideSums| sums.trace * sums.trace / sums.frobenius_squared;
        Ok((ratio(self.sums.x), ratio(self.sums.y)))
    }

    fn check(&self, needed: usize) -> Result<(), Undefined> {
        let CkaSums { rows, x, y, .. } = self.sums;
        if rows < needed {
            return Err(Undefined::TooFewRows { needed, found: rows });
        }
        check_trace(x.trace, Side::X)?;
        check_trace(y.trace, Side::Y)
    }

    /// `h`, and the rounding of its three terms: sums of n and of `features` terms, each rounded
    /// once, to first order; `error` is what products in f32 may have added.
    fn hsic(&self, frobenius: f64, norms: f64, traces: f64, features: usize, error: f64) -> Term {
        let n = self.sums.rows as f64;
        let (diagonal, total) = (n / (n - 2.0) * norms, traces / ((n - 1.0) * (n - 2.0)));
        let magnitude = frobenius + diagonal + total;
        let rounding = (self.sums.rows + features) as f64 * f64::EPSILON * magnitude;
        // What f32 may have done, which is told beside the value, must be a quarter of it at most.
        let rounding = rounding.max(error / 256.0);
        Term { value: frobenius - diagonal + total, rounding }
    }
}

pub(crate) fn check_trace(trace: f64, side: Side) -> Result<(), Undefined> {
    if trace == 0.0 {
        Err(Undefined::ZeroVariance(side))
    } else if trace < f64::from_bits((1023 - 450) << 52) {
        // 2^-450: what underflows is otherwise 2^-120 of its sum and less.
        Err(Undefined::VarianceTooSmall(side))
    } else {
        Ok(())
    }
}

fn bounded(value: f64, slack: f64) -> Result<f64, Undefined> {
    if (-slack..=1.0 + slack).contains(&value) { Ok(value) } else { Err(Undefined::BoundViolated) }
}

/// The biased CKA to expect of *independent* features, before any rows are seen:
/// `√(Px / (Px + n - 1) · Py / (Py + n - 1))`, for `rows` = n observations of features whose
/// covariances have the participation ratios (`tr(Σ)² / ‖Σ‖²`; the width if all features vary
/// alike) Px and Py.
///
/// A forecast to leading order in 1/n, for choosing n; once rows are there, [`Cka::floor`] is exact
/// for them.
///
/// # Panics
///
/// If a participation ratio is not a finite number from 1 up, or `rows < 2`.
///
/// # Example
///
/// With 128 rows two unrelated layers of width 512 look 80 % similar, and of width 2560, 95 %:
/// `512 / (512 + 127) = 0.801`, `2560 / (2560 + 127) = 0.953`.
///
/// ```
/// use settling_cka::independence_floor;
///
/// assert!((independence_floor(512.0, 512.0, 128) - 0.801).abs() < 5e-4);
/// assert!((independence_floor(2560.0, 2560.0, 128) - 0.953).abs() < 5e-4);
/// ```
#[must_use]
#[track_caller]
pub fn independence_floor(x_participation: f64, y_participation: f64, rows: usize) -> f64 {
    assert!(rows >= 2, "CKA needs at least 2 rows, found {rows}");
    let share = |participation: f64| {
        assert!(
            participation >= 1.0 && participation.is_finite(),
            "a participation ratio is a finite number from 1 up, found {participation}"
        );
        participation / (participation + (rows as f64 - 1.0))
    };
    (share(x_participation) * share(y_participation)).sqrt()
}
