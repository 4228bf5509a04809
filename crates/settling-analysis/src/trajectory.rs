//! A number over the training of one layer, and the rules that make it binary.

use std::fmt;

use crate::{Error, ErrorKind, Threshold, Window};

/// A number over the training of one layer: its similarity (CKA) to the last checkpoint, its
/// effective rank (PER), ...
///
/// The rules that make such numbers binary are its methods. Each says what it does with undefined
/// values: they are never passed over, and where the answer depends on one, it is [`Unknown`].
///
/// ```
/// use settling_analysis::{Crossing, Settling, Threshold, Trajectory, Window};
///
/// let early = [(0, Some(0.1)), (1_000, Some(0.5)), (3_000, Some(0.4))];
/// let late = [(13_000, Some(0.8)), (143_000, Some(1.0))];
/// let cka = Trajectory::new(early.into_iter().chain(late))?;
///
/// // The paper's text: at least 0.45 at some step within the first 10 %.
/// assert_eq!(cka.early(Window::UpTo(0.1), Threshold::AtLeast(0.45)), Ok(true));
/// // Its published code: more than 0.45 at step 13000.
/// assert_eq!(cka.early(Window::Step(13_000), Threshold::Above(0.45)), Ok(true));
///
/// // It reaches 0.45 at step 1000, and stays there from 13000; half-way between 0.4 and 0.5 on the
/// // line from 0.4 to 0.8.
/// let settling = |crossing| cka.settling(Threshold::AtLeast(0.45), crossing);
/// assert_eq!(settling(Crossing::Measured), Ok(Settling::At(13_000.0)));
/// assert_eq!(settling(Crossing::Linear).unwrap().step().unwrap().round(), 4_250.0);
/// # Ok::<(), settling_analysis::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    points: Vec<(u64, Option<f64>)>,
}

/// How a [settling step](Trajectory::settling) is placed among the measured points.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Crossing {
    /// It is a measured step. What lies between two measurements is left open: the true one is at
    /// most this, and later than the measured step before.
    Measured,
    /// The place where the straight line from the last point below to the first point above
    /// crosses the threshold.
    Linear,
    /// The same over ln(1 + step), for steps that are spaced like powers.
    Log,
}

/// The step from which on a layer stays at its end: [`Trajectory::settling`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Settling {
    /// Every value from this step on reaches the threshold.
    At(f64),
    /// The last value alone reaches it. If the trajectory is the similarity to its own last point,
    /// that one is 1 by definition, and the layer was never seen settled.
    OnlyLast,
    /// The last value does not reach it.
    Never,
}

impl Settling {
    /// The step, if the layer settled before the last one.
    #[must_use]
    pub fn step(self) -> Option<f64> {
        match self {
            Self::At(step) => Some(step),
            Self::OnlyLast | Self::Never => None,
        }
    }
}

/// Why a rule has no answer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Unknown {
    /// No step was measured where the rule looks.
    NotMeasured,
    /// The rule looks at the last step alone, where a layer is at its end by definition.
    OnlyLast,
    /// The answer depends on the value at this step, which is undefined.
    Undefined(u64),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMeasured => f.write_str("no step was measured where the rule looks"),
            Self::OnlyLast => f.write_str("no step but the last was measured where the rule looks"),
            Self::Undefined(step) => write!(f, "the value at step {step} is undefined"),
        }
    }
}

impl std::error::Error for Unknown {}

impl Trajectory {
    /// A trajectory of steps and their values, `None` where a step was measured and the value is
    /// undefined.
    ///
    /// The last point is the end of training: if it was not measured, give it as `None`.
    ///
    /// # Errors
    ///
    /// [`UnorderedSteps`](ErrorKind::UnorderedSteps), if a step is not greater than the one before;
    /// [`InvalidValue`](ErrorKind::InvalidValue), if a value is NaN or infinite.
    pub fn new(points: impl IntoIterator<Item = (u64, Option<f64>)>) -> Result<Self, Error> {
        let points: Vec<(u64, Option<f64>)> = points.into_iter().collect();
        if let Some(pair) = points.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            let message = format!(
                "expected steps that ascend, found step {} after step {}; sort the points, and keep one for each step",
                pair[1].0, pair[0].0
            );
            return Err(Error::new(ErrorKind::UnorderedSteps, message));
        }
        let value = |&(step, value): &(u64, Option<f64>)| Some((step, value?));
        if let Some((step, value)) = points.iter().filter_map(value).find(|(_, v)| !v.is_finite()) {
            let message = format!(
                "expected finite values, found {value} at step {step}; an undefined one is `None`"
            );
            return Err(Error::new(ErrorKind::InvalidValue, message));
        }
        Ok(Self { points })
    }

    /// The points, ascending by step.
    #[must_use]
    pub fn points(&self) -> &[(u64, Option<f64>)] {
        &self.points
    }

    /// The last value.
    ///
    /// # Errors
    ///
    /// If it is undefined, or there is none.
    pub fn last(&self) -> Result<f64, Unknown> {
        let &(step, value) = self.points.last().ok_or(Unknown::NotMeasured)?;
        value.ok_or(Unknown::Undefined(step))
    }

    /// Whether the value reaches `threshold` in `window`: early convergence, if the values are
    /// similarities to the end.
    ///
    /// Undefined values: with [`Window::UpTo`] the answer is yes if a defined value reaches the
    /// threshold, no if all are defined and none does, else unknown. The last point is the end, and
    /// decides nothing.
    ///
    /// # Errors
    ///
    /// [`Unknown`] with the reason, where the answer depends on a value that there is not.
    pub fn early(&self, window: Window, threshold: Threshold) -> Result<bool, Unknown> {
        let steps: Vec<u64> = self.points.iter().map(|&(step, _)| step).collect();
        let decisive = &self.points[window.within(&steps)];
        if decisive.is_empty() {
            let nothing = window.named(&steps).is_empty();
            return Err(if nothing { Unknown::NotMeasured } else { Unknown::OnlyLast });
        }
        if decisive.iter().any(|(_, value)| value.is_some_and(|value| threshold.reached_by(value)))
        {
            return Ok(true);
        }
        all_defined(decisive)?;
        Ok(false)
    }

    /// The step from which on all values reach `threshold`, the last one included.
    ///
    /// Undefined values: what comes before the last defined value below the threshold does not
    /// matter; an undefined value after it makes the answer unknown.
    ///
    /// # Errors
    ///
    /// [`Unknown`] with the reason, where the answer depends on a value that there is not.
    pub fn settling(&self, threshold: Threshold, crossing: Crossing) -> Result<Settling, Unknown> {
        let below = |&(_, value): &(u64, Option<f64>)| {
            value.is_some_and(|value| !threshold.reached_by(value))
        };
        let settled = self.points.iter().rposition(below).map_or(0, |index| index + 1);
        if self.points.is_empty() {
            return Err(Unknown::NotMeasured);
        }
        let Some(&(step, value)) = self.points.get(settled) else { return Ok(Settling::Never) };
        all_defined(&self.points[settled..])?;
        if settled + 1 == self.points.len() {
            return Ok(Settling::OnlyLast);
        }
        let before = settled.checked_sub(1).map(|before| self.points[before]);
        let (Some((start, Some(low))), Some(high)) = (before, value) else {
            return Ok(Settling::At(step as f64));
        };
        let (start, end) = (start as f64, step as f64);
        // The value below is less than the one that reaches the threshold.
        let share = (threshold.number() - low) / (high - low);
        Ok(Settling::At(match crossing {
            Crossing::Measured => end,
            Crossing::Linear => start + share * (end - start),
            Crossing::Log => (start.ln_1p() + share * (end.ln_1p() - start.ln_1p())).exp_m1(),
        }))
    }

    /// Whether the last value reaches `threshold`.
    ///
    /// # Errors
    ///
    /// If it is undefined.
    pub fn large_at_end(&self, threshold: Threshold) -> Result<bool, Unknown> {
        self.last().map(|value| threshold.reached_by(value))
    }

    /// Whether the value is large and stable: it reaches `threshold` at every measured step from
    /// the fraction `from` of training on (`step >= from * last`), and its largest and least values
    /// there are at most `spread` apart.
    ///
    /// Undefined values: the answer is no if the defined values say so already, else unknown.
    ///
    /// # Errors
    ///
    /// [`Unknown`] with the reason, where the answer depends on a value that there is not.
    ///
    /// ```
    /// use settling_analysis::{Threshold, Trajectory, Unknown};
    ///
    /// let points = [(0, Some(0.97)), (80, Some(0.96)), (90, None), (100, Some(0.955))];
    /// let per = Trajectory::new(points)?;
    /// let large = |from, spread| per.large_and_stable(Threshold::AtLeast(0.95), from, spread);
    /// assert_eq!(large(0.95, 0.01), Ok(true));
    /// assert_eq!(large(0.5, 0.01), Err(Unknown::Undefined(90)));
    /// assert_eq!(large(0.5, 0.001), Ok(false));
    /// # Ok::<(), settling_analysis::Error>(())
    /// ```
    pub fn large_and_stable(
        &self,
        threshold: Threshold,
        from: f64,
        spread: f64,
    ) -> Result<bool, Unknown> {
        let last = self.points.last().map_or(0, |&(step, _)| step);
        let start = self.points.partition_point(|&(step, _)| (step as f64) < from * last as f64);
        let end = &self.points[start..];
        let values: Vec<f64> = end.iter().filter_map(|&(_, value)| value).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.iter().any(|&value| !threshold.reached_by(value)) || largest - least > spread {
            return Ok(false);
        }
        if end.is_empty() {
            return Err(Unknown::NotMeasured);
        }
        all_defined(end)?;
        Ok(true)
    }
}

/// A threshold relative to the largest of `values`, such as 0.9 of the largest final gradient PER
/// of any layer; `None` without values. Undefined values are left out by whoever calls this: with
/// them the largest is that of the others.
///
/// # Panics
///
/// If a value is NaN.
///
/// ```
/// use settling_analysis::share_of_largest;
///
/// assert_eq!(share_of_largest([0.25, 0.5, 0.375], 0.75), Some(0.375));
/// ```
#[must_use]
pub fn share_of_largest(values: impl IntoIterator<Item = f64>, share: f64) -> Option<f64> {
    let largest = values.into_iter().reduce(|largest, value| {
        assert!(!value.is_nan() && !largest.is_nan(), "values are not NaN");
        largest.max(value)
    });
    largest.map(|largest| share * largest)
}

fn all_defined(points: &[(u64, Option<f64>)]) -> Result<(), Unknown> {
    match points.iter().find(|(_, value)| value.is_none()) {
        Some(&(step, _)) => Err(Unknown::Undefined(step)),
        None => Ok(()),
    }
}
