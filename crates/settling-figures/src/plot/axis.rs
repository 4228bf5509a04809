//! Where a number lies on an axis, and what is written beside it.

use settling_analysis::StepAxis;

/// A place on an axis, and what is written there: nothing at a minor tick.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// The number, in the units of the axis.
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// One axis of a panel: where a number lies, from 0 at the low end to 1 at the high end, and what
/// is written beside it.
///
/// It is linear or logarithmic. A logarithmic one has a place of its own for 0 if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    scale: Scale,
    unit: Unit,
    /// What `low` and `high` of the scale are placed at.
    ends: (f64, f64),
    lane: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
enum Scale {
    Linear { low: f64, high: f64 },
    Log { zero: bool, low: f64, high: f64 },
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    /// Decimals.
    Number,
    /// Whole numbers, with k for thousands.
    Count,
    /// Percentages.
    Share,
}

/// How far the first and the last step stay from the ends of the axis.
const INSET: f64 = 0.03;
/// The place after 0 where the logarithmic part begins.
const BEHIND_ZERO: f64 = 0.13;
/// The ratio of the last to the first step from which on an axis is logarithmic.
const LOG_RATIO: f64 = 20.0;
/// The end of an axis that has a lane above it, and the place of the lane.
const BELOW_LANE: f64 = 0.84;
const LANE: f64 = 0.94;

impl Axis {
    /// A linear axis with room for `values` and some padding; the padding ends at `limits` unless
    /// the values are beyond them.
    pub(crate) fn values(values: impl IntoIterator<Item = f64>, limits: (f64, f64)) -> Self {
        let (low, high) = extent(values).unwrap_or(limits);
        // A spread far below the values themselves would magnify rounding into a signal.
        let padding = (0.06 * (high - low)).max(0.02 * low.abs().max(high.abs())).max(1e-12);
        let (least, most) = limits;
        let scale = Scale::Linear {
            low: if low < least { low - padding } else { (low - padding).max(least) },
            high: if high > most { high + padding } else { (high + padding).min(most) },
        };
        Self { scale, unit: Unit::Number, ends: (0.0, 1.0), lane: None }
    }

    /// An axis of whole numbers: logarithmic where they span more than a decade or so.
    pub(crate) fn counts(counts: impl IntoIterator<Item = u64>) -> Self {
        Self::steps(counts, StepAxis::BySteps)
    }

    /// An axis of training steps.
    pub(crate) fn steps(steps: impl IntoIterator<Item = u64>, axis: StepAxis) -> Self {
        let ratio = match axis {
            StepAxis::Linear => f64::INFINITY,
            // A single step has no ratio.
            StepAxis::Logarithmic => 1.0 + f64::EPSILON,
            _ => LOG_RATIO,
        };
        Self::spanning(steps.into_iter().map(|step| step as f64), Unit::Count, ratio)
    }

    /// An axis of shares of a whole that are not negative, such as 0.001 and 1: logarithmic as
    /// [`counts`](Self::counts).
    pub(crate) fn shares(shares: impl IntoIterator<Item = f64>) -> Self {
        Self::spanning(shares, Unit::Share, LOG_RATIO)
    }

    /// Like [`shares`](Self::shares), written as decimals.
    pub(crate) fn ratios(ratios: impl IntoIterator<Item = f64>) -> Self {
        Self::spanning(ratios, Unit::Number, LOG_RATIO)
    }

    /// The axis with a lane beyond its high end, for what has no number.
    pub(crate) fn with_lane(mut self, label: &'static str) -> Self {
        self.ends.1 = BELOW_LANE;
        self.lane = Some(label);
        self
    }

    /// Logarithmic where the largest number is at least `ratio` times the least above 0.
    fn spanning(numbers: impl IntoIterator<Item = f64>, unit: Unit, ratio: f64) -> Self {
        let numbers: Vec<f64> = numbers.into_iter().collect();
        let (low, high) = extent(numbers.iter().copied()).unwrap_or((0.0, 0.0));
        let positive = extent(numbers.into_iter().filter(|&number| number > 0.0));
        let (scale, start) = match positive {
            Some((first, last)) if last / first >= ratio => {
                let zero = low < first;
                let start = if zero { BEHIND_ZERO } else { INSET };
                (Scale::Log { zero, low: first, high: last }, start)
            }
            _ => (Scale::Linear { low, high }, INSET),
        };
        Self { scale, unit, ends: (start, 1.0 - INSET), lane: None }
    }

    /// The place of `number`: 0 at the low end, 1 at the high end.
    pub(crate) fn place(&self, number: f64) -> f64 {
        let within = match self.scale {
            Scale::Linear { low, high } if low < high => (number - low) / (high - low),
            Scale::Linear { .. } => 0.5,
            Scale::Log { zero: true, low, .. } if number < 0.5 * low => return INSET,
            Scale::Log { low, high, .. } => (number / low).ln() / (high / low).ln(),
        };
        let (start, end) = self.ends;
        start + (end - start) * within
    }

    /// The place of the lane, if there is one.
    pub(crate) fn lane(&self) -> Option<(f64, &'static str)> {
        self.lane.map(|label| (LANE, label))
    }

    /// Whether equal distances are equal differences or equal ratios.
    pub(crate) fn scale(&self) -> &'static str {
        match self.scale {
            Scale::Linear { .. } => "linear",
            Scale::Log { .. } => "logarithmic",
        }
    }

    /// The place where the axis is broken: between 0 and the logarithmic part.
    pub(crate) fn gap(&self) -> Option<f64> {
        matches!(self.scale, Scale::Log { zero: true, .. })
            .then_some(f64::midpoint(INSET, BEHIND_ZERO))
    }

    pub(crate) fn ticks(&self) -> Vec<Tick> {
        match self.scale {
            Scale::Linear { low, high } => {
                let (step, decimals) = match self.unit {
                    Unit::Count => (round_step((high - low) / 5.0).0.max(1.0), 0),
                    Unit::Number | Unit::Share => round_step((high - low) / 6.5),
                };
                let tick = |at| Tick { at, label: self.label(at, decimals) };
                multiples(step, low, high).map(tick).collect()
            }
            Scale::Log { zero, low, high } => {
                let zero = zero.then(|| Tick { at: 0.0, label: self.label(0.0, 0) });
                zero.into_iter().chain(self.log_ticks(low, high)).collect()
            }
        }
    }

    /// The multiples 1 to 9 of each power of ten from `low` to `high`; labeled at the powers, and
    /// at 2 and 5 times a power where there are few powers, or at every other or third one and so
    /// on where there are many.
    fn log_ticks(&self, low: f64, high: f64) -> Vec<Tick> {
        // What is a power of ten but for rounding belongs to the axis.
        let range = low * (1.0 - 1e-9)..=high * (1.0 + 1e-9);
        let powers = low.log10().floor() as i32 - 1..=high.log10().ceil() as i32;
        let shown = powers.clone().filter(|&power| range.contains(&power_of_ten(power))).count();
        let every = shown.div_ceil(7).max(1) as i32;
        let mut ticks = Vec::new();
        for power in powers {
            for digit in 1..=9 {
                let at = power_of_ten(power) * f64::from(digit);
                let labeled = if shown < 3 {
                    [1, 2, 5].contains(&digit)
                } else {
                    digit == 1 && power.rem_euclid(every) == 0
                };
                if range.contains(&at) {
                    let decimals = usize::try_from(-power).unwrap_or(0);
                    let label = if labeled { self.label(at, decimals) } else { String::new() };
                    ticks.push(Tick { at, label });
                }
            }
        }
        ticks
    }

    fn label(&self, at: f64, decimals: usize) -> String {
        let label = match self.unit {
            Unit::Count => count_label(at as u64),
            Unit::Number => format!("{at:.decimals$}"),
            Unit::Share => {
                format!("{:.decimals$} %", 100.0 * at, decimals = decimals.saturating_sub(2))
            }
        };
        label.replace('-', "\u{2212}")
    }
}

/// `500`, `1k`, `1.5k`, `143k`, `2M`; with all digits where that is shorter.
pub(crate) fn count_label(count: u64) -> String {
    let suffixes = ["", "k", "M", "G", "T", "P", "E"];
    let (mut unit, mut place) = (1_u64, 0);
    while place + 1 < suffixes.len() && count / unit >= 1_000 {
        (unit, place) = (1_000 * unit, place + 1);
    }
    let (short, digits) =
        (format!("{}{}", count as f64 / unit as f64, suffixes[place]), count.to_string());
    if short.len() <= digits.len() { short } else { digits }
}

/// The same on every machine, and 1, 10, 100 ... exactly.
fn power_of_ten(power: i32) -> f64 {
    let mut product = 1.0;
    for _ in 0..power.unsigned_abs() {
        product *= 10.0;
    }
    if power < 0 { 1.0 / product } else { product }
}

fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`, and the decimals that
/// write its multiples.
fn round_step(least: f64) -> (f64, usize) {
    if least <= 0.0 {
        return (1.0, 0);
    }
    let power = least.log10().floor() as i32;
    let unit = 10_f64.powi(power);
    // 10 times the power is 1 times the next one, which also shortens the decimals.
    let step = [1.0, 2.0, 5.0]
        .map(|digit| digit * unit)
        .into_iter()
        .find(|&step| step >= least * (1.0 - 1e-9));
    let (step, power) = step.map_or((10.0 * unit, power + 1), |step| (step, power));
    (step, usize::try_from(-power).unwrap_or(0))
}

/// The multiples of `step` from `low` to `high`, ends included.
fn multiples(step: f64, low: f64, high: f64) -> impl Iterator<Item = f64> {
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(move |index| index as f64 * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Vec<Tick>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    fn value_labels(values: &[f64], limits: (f64, f64)) -> Vec<String> {
        labels(Axis::values(values.iter().copied(), limits).ticks())
    }

    #[test]
    fn counts_are_short_whatever_their_size() {
        let cases = [(0, "0"), (999, "999"), (1_500, "1.5k"), (143_000, "143k"), (2_000_000, "2M")];
        for (count, label) in cases {
            assert_eq!(count_label(count), label);
        }
        assert_eq!(count_label(1_000_000_000_000_000), "1P");
        assert_eq!(
            (count_label(143_001), count_label(1_000_000_007)),
            ("143001".into(), "1000000007".into())
        );
    }

    #[test]
    fn value_ticks_are_round_numbers() {
        let unit = (0.0, 1.0);
        assert_eq!(value_labels(&[0.0, 1.0], unit), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(value_labels(&[0.62, 0.97], unit), ["0.6", "0.7", "0.8", "0.9"]);
        assert_eq!(value_labels(&[-0.12, 0.9], unit), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(
            value_labels(&[0.9912, 0.9955], unit),
            ["0.975", "0.980", "0.985", "0.990", "0.995", "1.000"]
        );
        assert_eq!(
            value_labels(&[0.0, 30.0], (0.0, f64::MAX)),
            ["0", "5", "10", "15", "20", "25", "30"]
        );
    }

    #[test]
    fn the_limits_bound_the_padding_but_never_the_values() {
        let axis = Axis::values([0.01, 0.99], (0.0, 1.0));
        assert_eq!((axis.place(0.0), axis.place(1.0)), (0.0, 1.0));
        let axis = Axis::values([-0.2, 1.1], (0.0, 1.0));
        assert!(axis.place(-0.2) > 0.0 && axis.place(1.1) < 1.0);
    }

    #[test]
    fn one_value_still_has_an_axis_around_it() {
        for value in [0.0, 0.5, 1.0] {
            let axis = Axis::values([value], (0.0, 1.0));
            assert!((0.0..=1.0).contains(&axis.place(value)), "{axis:?}");
            assert!(!axis.ticks().is_empty());
        }
    }

    #[test]
    fn the_steps_of_a_pre_training_are_logarithmic_with_a_place_for_zero() {
        let axis = Axis::counts([0, 1, 2, 512, 143_000]);
        assert_eq!(labels(axis.ticks()), ["0", "1", "10", "100", "1k", "10k", "100k"]);
        assert!((axis.place(0.0) - INSET).abs() < 1e-12);
        assert!((axis.place(1.0) - BEHIND_ZERO).abs() < 1e-12);
        assert!((axis.place(143_000.0) - (1.0 - INSET)).abs() < 1e-12);
        assert!(
            (axis.place(10.0) - axis.place(1.0) - (axis.place(1000.0) - axis.place(100.0))).abs()
                < 1e-12
        );
        let gap = axis.gap().expect("an axis with a step 0 is broken after it");
        assert!(axis.place(0.0) < gap && gap < axis.place(1.0));
        let minor = axis.ticks().into_iter().filter(|tick| tick.label.is_empty());
        assert_eq!(
            minor.map(|tick| tick.at).take(9).collect::<Vec<_>>(),
            [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 20.0]
        );
    }

    #[test]
    fn the_labels_of_steps_are_neither_too_many_nor_too_few() {
        let of = |steps: &[u64]| labels(Axis::counts(steps.iter().copied()).ticks());
        assert_eq!(of(&[300, 9000]), ["500", "1k", "2k", "5k"]);
        assert_eq!(of(&[1, 10_000_000_000]), ["1", "100", "10k", "1M", "100M", "10G"]);
        assert_eq!(of(&[0, 1000, 5000]), ["0", "1k", "2k", "3k", "4k", "5k"]);
        assert_eq!(of(&[0, 3]), ["0", "1", "2", "3"]);
        assert_eq!(of(&[0, 2500]), ["0", "500", "1k", "1.5k", "2k", "2.5k"]);
        assert_eq!(of(&[1, u64::MAX]).last().map(String::as_str), Some("1E"));
    }

    #[test]
    fn a_protocol_can_ask_for_either_axis() {
        let scale = |steps: &[u64], axis| Axis::steps(steps.iter().copied(), axis).scale();
        let (few, many) = ([0, 1000, 2000], [1, 10, 143_000]);
        assert_eq!(scale(&few, StepAxis::BySteps), "linear");
        assert_eq!(scale(&many, StepAxis::BySteps), "logarithmic");
        assert_eq!(scale(&few, StepAxis::Logarithmic), "logarithmic");
        assert_eq!(scale(&many, StepAxis::Linear), "linear");
        // One step above 0 has no ratio.
        assert_eq!(scale(&[0, 8], StepAxis::Logarithmic), "linear");
    }

    #[test]
    fn a_single_step_is_in_the_middle() {
        for step in [0, 143_000] {
            let axis = Axis::counts([step]);
            assert!((axis.place(step as f64) - 0.5).abs() < 1e-12);
            assert_eq!(axis.ticks().len(), 1);
            assert!(axis.gap().is_none());
        }
    }

    #[test]
    fn shares_and_ratios_span_decades_or_not() {
        let of = |axis: &Axis| labels(axis.ticks());
        assert_eq!(of(&Axis::shares([0.0, 0.004, 1.0])), ["0 %", "1 %", "10 %", "100 %"]);
        assert_eq!(of(&Axis::shares([1e-5, 1.0])).first().map(String::as_str), Some("0.001 %"));
        assert_eq!(of(&Axis::ratios([0.03, 1.0])), ["0.05", "0.1", "0.2", "0.5", "1"]);
        assert_eq!(of(&Axis::ratios([0.9, 1.0])).first().map(String::as_str), Some("0.90"));
    }

    #[test]
    fn a_lane_lies_beyond_the_numbers() {
        let axis = Axis::shares([0.001, 1.0]).with_lane("none");
        let (lane, label) = axis.lane().expect("a lane");
        assert!(axis.place(1.0) < lane && lane < 1.0);
        assert_eq!(label, "none");
    }
}
