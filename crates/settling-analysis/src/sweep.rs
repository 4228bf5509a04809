//! What becomes of an association under every definition of a grid of thresholds.

use settling_mcc::{Contingency, Permutation, PermutationTest};

use crate::{Error, ErrorKind, Threshold, Trajectory, Unknown, Window};

/// A layer, as a [`Sweep`] sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepUnit {
    /// What says whether it converges early, such as its CKA with the last checkpoint.
    pub trajectory: Trajectory,
    /// What says whether it is large, such as its PER at the end.
    pub size: f64,
}

/// The definitions that a [`Sweep`] tries: every combination of one of each. Fix it before you look
/// at its results.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepGrid {
    /// What a trajectory must reach.
    pub reach: Vec<Threshold>,
    /// The window in which it must.
    pub window: Vec<Window>,
    /// What a size must reach.
    pub size: Vec<Threshold>,
}

/// The MCC under every definition of a grid: how much a conclusion owes to the choice of
/// thresholds.
///
/// ```
/// use settling_mcc::Permutation;
/// use settling_analysis::{Sweep, SweepGrid, SweepUnit, Threshold, Trajectory, Window};
///
/// // Four layers: the larger, the earlier.
/// let layer = |early, size| {
///     let trajectory = Trajectory::new([(0, Some(0.0)), (10, Some(early)), (100, Some(1.0))])?;
///     Ok::<_, settling_analysis::Error>(SweepUnit { trajectory, size })
/// };
/// let layers = [layer(0.8, 0.97)?, layer(0.6, 0.96)?, layer(0.3, 0.9)?, layer(0.1, 0.8)?];
/// let sweep = Sweep::new(&layers, &SweepGrid {
///     reach: [0.2, 0.4, 0.7, 0.9].map(Threshold::AtLeast).to_vec(),
///     window: vec![Window::UpTo(0.1)],
///     size: [0.85, 0.95].map(Threshold::AtLeast).to_vec(),
/// })?;
///
/// // Six of eight tables have a coefficient (nobody reaches 0.9), and it is positive in all six.
/// let share = sweep.share(|mcc| mcc > 0.0);
/// assert_eq!((share.holds, share.undefined, share.points), (6, 2, 8));
///
/// // Twice it is 1: but that the largest of so many is 1 happens in 8 of 24 pairings by chance.
/// let test = sweep.max_statistic(&Permutation::default())?.test;
/// assert_eq!(test.p.greater, 8.0 / 24.0);
/// # Ok::<(), settling_analysis::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    points: Vec<SweepPoint>,
    sizes: Vec<f64>,
    predictions: Vec<Threshold>,
    /// The outcomes, by reach and window.
    outcomes: Vec<Result<Vec<bool>, Unknown>>,
}

/// One definition of a [`Sweep`], and the table under it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SweepPoint {
    /// What a trajectory must reach.
    pub reach: Threshold,
    /// The window in which it must.
    pub window: Window,
    /// What a size must reach.
    pub size: Threshold,
    /// Large sizes are predicted, early trajectories actual; or why a unit's trajectory has no
    /// answer.
    pub table: Result<Contingency, Unknown>,
}

impl SweepPoint {
    /// The coefficient, if it is defined.
    #[must_use]
    pub fn mcc(&self) -> Option<f64> {
        self.table.ok()?.mcc().value()
    }
}

/// The part of a grid on which a conclusion holds: [`Sweep::share`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct GridShare {
    /// Definitions under which it holds.
    pub holds: usize,
    /// Definitions under which the MCC is undefined, where it does not hold.
    pub undefined: usize,
    /// All definitions of the grid.
    pub points: usize,
}

impl GridShare {
    /// The share of the whole grid on which the conclusion holds; 0 of an empty one.
    #[must_use]
    pub fn share(self) -> f64 {
        self.holds as f64 / self.points.max(1) as f64
    }
}

/// A test of all definitions of a [`Sweep`] at once: [`Sweep::max_statistic`].
#[derive(Clone, Debug, PartialEq)]
pub struct MaxStatistic {
    /// How likely the most extreme MCC of the grid is at least as extreme as the one found, if
    /// there is no association.
    pub test: PermutationTest,
    /// For each definition, in the order of [`Sweep::points`], the p-values corrected for having
    /// tried all of them: how likely the most extreme MCC of the grid is at least as extreme as the
    /// one found *here*. `None` where the MCC is undefined.
    pub adjusted: Vec<Option<PermutationTest>>,
}

impl Sweep {
    /// Makes a table for every definition.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`](ErrorKind::InvalidValue), if a size is not finite: leave out the unit, and
    /// say so.
    pub fn new(units: &[SweepUnit], grid: &SweepGrid) -> Result<Self, Error> {
        if let Some(unit) = units.iter().position(|unit| !unit.size.is_finite()) {
            let message =
                format!("expected finite sizes, found {} at unit {unit}", units[unit].size);
            return Err(Error::new(ErrorKind::InvalidValue, message));
        }
        let sizes: Vec<f64> = units.iter().map(|unit| unit.size).collect();
        let (mut points, mut outcomes) = (Vec::new(), Vec::new());
        for &reach in &grid.reach {
            for &window in &grid.window {
                let early = units.iter().map(|unit| unit.trajectory.early(window, reach));
                let early: Result<Vec<bool>, Unknown> = early.collect();
                for &size in &grid.size {
                    let table = early.as_ref().map_err(|&unknown| unknown).map(|early| {
                        let large = sizes.iter().map(|&value| size.reached_by(value));
                        large.zip(early.iter().copied()).collect()
                    });
                    points.push(SweepPoint { reach, window, size, table });
                }
                outcomes.push(early);
            }
        }
        Ok(Self { points, sizes, predictions: grid.size.clone(), outcomes })
    }

    /// The surface: every definition with its table, by reach, then window, then size.
    #[must_use]
    pub fn points(&self) -> &[SweepPoint] {
        &self.points
    }

    /// The part of the grid on which a conclusion about the MCC holds.
    pub fn share(&self, conclusion: impl Fn(f64) -> bool) -> GridShare {
        let defined: Vec<f64> = self.points.iter().filter_map(SweepPoint::mcc).collect();
        GridShare {
            holds: defined.iter().filter(|&&mcc| conclusion(mcc)).count(),
            undefined: self.points.len() - defined.len(),
            points: self.points.len(),
        }
    }

    /// How unusual the most extreme MCC of the grid is, over the ways to pair sizes and
    /// trajectories anew; so that a definition that was chosen among many is not taken for one that
    /// was fixed before.
    ///
    /// In each arrangement the most extreme MCC over the grid is taken: the largest for `greater`,
    /// the least for `less`, the farthest from 0 for `two_sided`. An arrangement never changes
    /// which MCCs are defined, since it keeps the margins. The cost is arrangements x grid x units
    /// / 64.
    ///
    /// Like [every permutation test](Permutation) it takes units as exchangeable, which the layers
    /// of one model are not.
    ///
    /// # Errors
    ///
    /// [`Undefined`](ErrorKind::Undefined), if no definition of the grid has an MCC.
    ///
    /// # Panics
    ///
    /// If `arrangements` is 0.
    ///
    /// # Reference
    ///
    /// Westfall & Young (1993), "Resampling-based multiple testing", single-step maxT.
    pub fn max_statistic(&self, permutation: &Permutation) -> Result<MaxStatistic, Error> {
        let observed: Vec<Option<f64>> = self.points.iter().map(SweepPoint::mcc).collect();
        let defined = || observed.iter().copied().flatten();
        if defined().next().is_none() {
            let message = format!(
                "expected an MCC, found it undefined at all {} points of the grid",
                observed.len()
            );
            return Err(Error::new(ErrorKind::Undefined, message));
        }
        let tests = self.tests();
        let extremes = permutation.extremes(&self.sizes, |sizes| {
            let large: Vec<Bits> = self
                .predictions
                .iter()
                .map(|threshold| sizes.iter().map(|&size| threshold.reached_by(size)).collect())
                .collect();
            tests.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], test| {
                let mcc = test.mcc(large[test.prediction].common(&test.early));
                [low.min(mcc), high.max(mcc)]
            })
        });
        let p = |lowest: f64, highest: f64| extremes.test(lowest, highest);
        let (lowest, highest) =
            (defined().fold(f64::INFINITY, f64::min), defined().fold(f64::NEG_INFINITY, f64::max));
        // Many definitions share a coefficient.
        let mut known: Vec<(f64, PermutationTest)> = Vec::new();
        let mut adjusted = |mcc: f64| {
            if let Some((_, p)) = known.iter().find(|(other, _)| *other == mcc) {
                return *p;
            }
            let test = p(mcc, mcc);
            known.push((mcc, test));
            test
        };
        let adjusted = observed.iter().map(|mcc| mcc.map(&mut adjusted)).collect();
        Ok(MaxStatistic { test: p(lowest, highest), adjusted })
    }

    /// The definitions that have an MCC, each pair of variables once.
    fn tests(&self) -> Vec<Test> {
        let mut tests: Vec<Test> = Vec::new();
        let large: Vec<Bits> = self
            .predictions
            .iter()
            .map(|threshold| self.sizes.iter().map(|&size| threshold.reached_by(size)).collect())
            .collect();
        let mut seen: Vec<(&Bits, Bits)> = Vec::new();
        for (outcome, points) in
            self.outcomes.iter().zip(self.points.chunks(self.predictions.len().max(1)))
        {
            let Ok(early) = outcome else { continue };
            let early: Bits = early.iter().copied().collect();
            for (prediction, point) in points.iter().enumerate() {
                let table = point.table.ok().filter(|table| table.mcc().value().is_some());
                let pair = (&large[prediction], early.clone());
                if let Some(table) = table.filter(|_| !seen.contains(&pair)) {
                    seen.push(pair);
                    tests.push(Test::new(table, prediction, early.clone()));
                }
            }
        }
        tests
    }
}

/// One definition, with what does not change when sizes and trajectories are paired anew.
struct Test {
    prediction: usize,
    early: Bits,
    total: f64,
    expected: f64,
    root: f64,
}

impl Test {
    fn new(table: Contingency, prediction: usize, early: Bits) -> Self {
        let Contingency { true_positives, false_positives, false_negatives, .. } = table;
        // Counts of units in memory, which f64 has.
        let predicted = (true_positives + false_positives) as f64;
        let (actual, total) = ((true_positives + false_negatives) as f64, table.total() as f64);
        Self {
            prediction,
            early,
            total,
            expected: predicted * actual,
            root: (predicted * (total - predicted) * actual * (total - actual)).sqrt(),
        }
    }

    /// The MCC with so many true positives: their number times the total is above what independence
    /// expects by the determinant.
    fn mcc(&self, true_positives: u32) -> f64 {
        (f64::from(true_positives) * self.total - self.expected) / self.root
    }
}

/// A binary variable, 64 observations per word.
#[derive(Clone, PartialEq)]
struct Bits(Vec<u64>);

impl Bits {
    /// How many observations have both variables.
    fn common(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(x, y)| (x & y).count_ones()).sum()
    }
}

impl FromIterator<bool> for Bits {
    fn from_iter<I: IntoIterator<Item = bool>>(values: I) -> Self {
        let mut words = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            if index % 64 == 0 {
                words.push(0);
            }
            words[index / 64] |= u64::from(value) << (index % 64);
        }
        Self(words)
    }
}
