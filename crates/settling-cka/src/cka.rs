//! CKA as sums over rows, and the numbers that follow from them.

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
    sums: CkaSums,
    errors: Errors,
}

/// What products in f32 may have left in the squared Frobenius norms of [`CkaSums`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Errors {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) cross: f64,
}

impl Cka {
    pub(crate) fn new(sums: CkaSums, errors: Errors) -> Self {
        Self { sums, errors }
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
            None => Ok(Self::new(sums, Errors::default())),
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
    /// factor of r² `features / n`.
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
        Ok(self.debiased_terms()?.ratio())
    }

    fn debiased_terms(&self) -> Result<DebiasedTerms, Undefined> {
        self.check(4)?;
        let CkaSums { x, y, cross_frobenius_squared, cross_norms, .. } = self.sums;
        let h_xx = self.self_term(x).ok_or(Undefined::SelfTermNotPositive(Side::X))?;
        let h_yy = self.self_term(y).ok_or(Undefined::SelfTermNotPositive(Side::Y))?;
        let (h_xy, _) = self.hsic(cross_frobenius_squared, cross_norms, x.trace * y.trace);
        Ok(DebiasedTerms { h_xy, h_xx, h_yy })
    }

    /// `h` of a side with itself, if it is positive beyond rounding.
    fn self_term(&self, sums: SideSums) -> Option<f64> {
        let (value, magnitude) =
            self.hsic(sums.frobenius_squared, sums.squared_norms, sums.trace * sums.trace);
        // Sums of n and of `features` terms, each rounded once: their first-order error bound. An
        // estimate that is 2^10 times that has three digits at the least; below, what remains of
        // the difference may be nothing but rounding.
        let rounding = (self.sums.rows + sums.features) as f64 * f64::EPSILON * magnitude;
        (value > 1024.0 * rounding).then_some(value)
    }

    /// HSIC₁ of xy, xx and yy; the latter two, which are not negative, are 0 where they are not
    /// positive beyond rounding.
    pub(crate) fn unbiased_hsic(&self) -> Result<[f64; 3], Undefined> {
        let CkaSums { rows, x, y, cross_frobenius_squared, cross_norms } = self.sums;
        if rows < 4 {
            return Err(Undefined::TooFewRows { needed: 4, found: rows });
        }
        let n = rows as f64;
        let (xy, _) = self.hsic(cross_frobenius_squared, cross_norms, x.trace * y.trace);
        let own = |side| self.self_term(side).unwrap_or(0.0);
        Ok([xy, own(x), own(y)].map(|h| h / (n * (n - 3.0))))
    }

    /// How far products in f32 may have moved [`debiased`](Self::debiased); as
    /// [`biased_error`](Self::biased_error).
    ///
    /// # Errors
    ///
    /// The same as [`debiased`](Self::debiased): fewer than 4 rows, a side with no or too little
    /// variance, or a self-similarity that is not positive.
    pub fn debiased_error(&self) -> Result<f64, Undefined> {
        let terms = self.debiased_terms()?;
        self.ratio_error(terms.ratio(), terms.h_xx, terms.h_yy)
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

    /// `h`, and the sum of the magnitudes of its three terms.
    fn hsic(&self, frobenius: f64, norms: f64, traces: f64) -> (f64, f64) {
        let n = self.sums.rows as f64;
        let (diagonal, total) = (n / (n - 2.0) * norms, traces / ((n - 1.0) * (n - 2.0)));
        (frobenius - diagonal + total, frobenius + diagonal + total)
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

struct DebiasedTerms {
    h_xy: f64,
    h_xx: f64,
    h_yy: f64,
}

impl DebiasedTerms {
    fn ratio(&self) -> f64 {
        self.h_xy / (self.h_xx.sqrt() * self.h_yy.sqrt())
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
