/// A place on an axis, in the units of its scale, and what is written there: nothing at a minor tick.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick<T> {
    pub(crate) at: T,
    pub(crate) label: String,
}

/// An axis of values, linear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueAxis {
    low: f64,
    high: f64,
}

impl ValueAxis {
    /// An axis with room for `values` and some padding; the padding ends at `limits` unless the values are beyond them.
    pub(crate) fn new(values: impl IntoIterator<Item = f64>, limits: (f64, f64)) -> Self {
        let (low, high) = extent(values).unwrap_or(limits);
        // A spread far below the values themselves would magnify rounding into a signal.
        let padding = (0.06 * (high - low)).max(0.02 * low.abs().max(high.abs())).max(1e-12);
        let (least, most) = limits;
        Self {
            low: if low < least { low - padding } else { (low - padding).max(least) },
            high: if high > most { high + padding } else { (high + padding).min(most) },
        }
    }

    /// Where `value` lies: 0 at the low end, 1 at the high end.
    pub(crate) fn place(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub(crate) fn ticks(self) -> Vec<Tick<f64>> {
        let (step, decimals) = round_step((self.high - self.low) / 6.5);
        multiples(step, self.low, self.high)
            .map(|at| {
                let label = format!("{at:.decimals$}").replace('-', "\u{2212}");
                Tick { at, label }
            })
            .collect()
    }
}

/// An axis of training steps: logarithmic where the steps span more than a decade or so, with a place of its own for step 0.
#[derive(Clone, Debug)]
pub(crate) struct StepAxis {
    scale: StepScale,
}

#[derive(Clone, Debug)]
enum StepScale {
    Linear { low: f64, high: f64 },
    Log { zero: bool, low: f64, high: f64 },
}

/// How far the first and the last step stay from the ends of the axis.
const INSET: f64 = 0.03;
/// Where the logarithmic part begins behind step 0.
const BEHIND_ZERO: f64 = 0.13;
/// The ratio of the last to the first step from which on the axis is logarithmic.
const LOG_RATIO: f64 = 20.0;

impl StepAxis {
    pub(crate) fn new(steps: impl IntoIterator<Item = u64>) -> Self {
        let steps: Vec<f64> = steps.into_iter().map(|step| step as f64).collect();
        let (low, high) = extent(steps.iter().copied()).unwrap_or((0.0, 0.0));
        let trained = extent(steps.into_iter().filter(|&step| step > 0.0));
        let scale = match trained {
            Some((first, last)) if last / first >= LOG_RATIO => {
                StepScale::Log { zero: low < first, low: first, high: last }
            }
            _ => StepScale::Linear { low, high },
        };
        Self { scale }
    }

    /// Where `step` lies: 0 at the left end, 1 at the right end.
    pub(crate) fn place(&self, step: u64) -> f64 {
        let step = step as f64;
        let (start, within) = match self.scale {
            StepScale::Linear { low, high } if low < high => (INSET, (step - low) / (high - low)),
            StepScale::Linear { .. } => return 0.5,
            StepScale::Log { zero: true, .. } if step < 1.0 => return INSET,
            StepScale::Log { zero, low, high } => {
                (if zero { BEHIND_ZERO } else { INSET }, (step / low).ln() / (high / low).ln())
            }
        };
        start + (1.0 - INSET - start) * within
    }

    /// Where the axis is broken, between step 0 and the logarithmic part.
    pub(crate) fn gap(&self) -> Option<f64> {
        matches!(self.scale, StepScale::Log { zero: true, .. })
            .then_some(f64::midpoint(INSET, BEHIND_ZERO))
    }

    pub(crate) fn ticks(&self) -> Vec<Tick<u64>> {
        match self.scale {
            StepScale::Linear { low, high } => {
                let (step, _) = round_step((high - low) / 5.0);
                let at = multiples(step.max(1.0), low, high).map(|at| at as u64);
                at.map(|at| Tick { at, label: step_label(at) }).collect()
            }
            StepScale::Log { zero, low, high } => {
                let zero = zero.then(|| Tick { at: 0, label: step_label(0) });
                zero.into_iter().chain(log_ticks(low as u64, high as u64)).collect()
            }
        }
    }
}

/// The multiples 1 to 9 of each power of ten from `low` to `high`; labelled at the powers, and at 2 and 5 times a power where
/// there are few powers, or at every other or third one and so on where there are many.
fn log_ticks(low: u64, high: u64) -> Vec<Tick<u64>> {
    let powers = (0..=19).filter(|&power| (low..=high).contains(&10_u64.pow(power)));
    let every = powers.clone().count().div_ceil(7).max(1) as u32;
    let few = powers.count() < 3;
    let mut ticks = Vec::new();
    for power in low.ilog10()..=high.ilog10() {
        for digit in 1..=9 {
            let Some(at) = 10_u64.pow(power).checked_mul(digit) else { continue };
            let labelled = if few {
                [1, 2, 5].contains(&digit)
            } else {
                digit == 1 && power.is_multiple_of(every)
            };
            if (low..=high).contains(&at) {
                ticks.push(Tick {
                    at,
                    label: if labelled { step_label(at) } else { String::new() },
                });
            }
        }
    }
    ticks
}

/// `500`, `1k`, `1.5k`, `143k`, `2M`.
fn step_label(step: u64) -> String {
    let (unit, suffix) = match step {
        0..1_000 => (1, ""),
        1_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        _ => (1_000_000_000, "G"),
    };
    format!("{}{suffix}", step as f64 / f64::from(unit))
}

fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().fold(None, |extent, value| {
        let (low, high) = extent.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`, and the decimals that write its multiples.
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

    fn labels<T>(ticks: Vec<Tick<T>>) -> Vec<String> {
        ticks.into_iter().map(|tick| tick.label).filter(|label| !label.is_empty()).collect()
    }

    fn value_labels(values: &[f64], limits: (f64, f64)) -> Vec<String> {
        labels(ValueAxis::new(values.iter().copied(), limits).ticks())
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
        let axis = ValueAxis::new([0.01, 0.99], (0.0, 1.0));
        assert_eq!((axis.low, axis.high), (0.0, 1.0));
        let axis = ValueAxis::new([-0.2, 1.1], (0.0, 1.0));
        assert!(axis.low < -0.2 && axis.high > 1.1);
    }

    #[test]
    fn one_value_still_has_an_axis_around_it() {
        for value in [0.0, 0.5, 1.0] {
            let axis = ValueAxis::new([value], (0.0, 1.0));
            assert!((0.0..=1.0).contains(&axis.place(value)), "{axis:?}");
            assert!(!axis.ticks().is_empty());
        }
    }

    #[test]
    fn the_steps_of_a_pre_training_are_logarithmic_with_a_place_for_zero() {
        let axis = StepAxis::new([0, 1, 2, 512, 143_000]);
        assert_eq!(labels(axis.ticks()), ["0", "1", "10", "100", "1k", "10k", "100k"]);
        assert!((axis.place(0) - INSET).abs() < 1e-12);
        assert!((axis.place(1) - BEHIND_ZERO).abs() < 1e-12);
        assert!((axis.place(143_000) - (1.0 - INSET)).abs() < 1e-12);
        assert!(
            (axis.place(10) - axis.place(1) - (axis.place(1000) - axis.place(100))).abs() < 1e-12
        );
        let gap = axis.gap().expect("an axis with a step 0 is broken behind it");
        assert!(axis.place(0) < gap && gap < axis.place(1));
        let minor = axis.ticks().into_iter().filter(|tick| tick.label.is_empty());
        assert_eq!(
            minor.map(|tick| tick.at).take(9).collect::<Vec<_>>(),
            [2, 3, 4, 5, 6, 7, 8, 9, 20]
        );
    }

    #[test]
    fn the_labels_of_steps_are_neither_too_many_nor_too_few() {
        let of = |steps: &[u64]| labels(StepAxis::new(steps.iter().copied()).ticks());
        assert_eq!(of(&[300, 9000]), ["500", "1k", "2k", "5k"]);
        assert_eq!(of(&[1, 10_000_000_000]), ["1", "100", "10k", "1M", "100M", "10G"]);
        assert_eq!(of(&[0, 1000, 5000]), ["0", "1k", "2k", "3k", "4k", "5k"]);
        assert_eq!(of(&[0, 3]), ["0", "1", "2", "3"]);
        assert_eq!(of(&[0, 2500]), ["0", "500", "1k", "1.5k", "2k", "2.5k"]);
        assert_eq!(of(&[1, u64::MAX]).last().map(String::as_str), Some("1000000000G"));
    }

    #[test]
    fn a_single_step_is_in_the_middle() {
        for step in [0, 143_000] {
            let axis = StepAxis::new([step]);
            assert!((axis.place(step) - 0.5).abs() < 1e-12);
            assert_eq!(axis.ticks().len(), 1);
            assert!(axis.gap().is_none());
        }
    }
}
