//! What a study will take, said before, and how long is left of it.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, HumanDuration};
use settling::capture::{Device, Precision};
use settling::core::Step;
use settling::{Cost, Remaining, Settings};

use super::model::{Fetched, Model};
use super::{Place, Plan};

/// How fast a download is assumed to be, in bytes a second, for a first idea of how long it takes.
const NETWORK: f64 = 100e6;

/// What one model will take.
pub(crate) struct Forecast {
    model: String,
    pub(crate) left: Remaining,
    /// For each step of which something is missing.
    work: BTreeMap<Step, Work>,
    to_fetch: u64,
    /// Of the largest step.
    step_bytes: u64,
    result_bytes: u64,
    reference_bytes: u64,
    model_bytes: u64,
}

/// Operations on the device and on the CPU.
#[derive(Clone, Copy, Default)]
struct Work {
    model: f64,
    analysis: f64,
}

impl Forecast {
    pub(crate) fn new<C: Fetched>(model: &Model<C>, left: Remaining, settings: &Settings) -> Self {
        let training = settings.training.as_deref();
        let cost = |name: &String| {
            let protocol = settings.protocols.iter().find(|protocol| protocol.name == *name)?;
            let rows = left.rows.iter().find(|rows| rows.protocol == *name)?;
            Some(Cost::of_unit(&model.architecture, protocol, rows, training))
        };
        let (mut work, mut result_bytes, mut reference_bytes) = (BTreeMap::new(), 0, 0);
        for (step, protocols) in &left.missing {
            let of_step: &mut Work = work.entry(*step).or_default();
            for cost in protocols.iter().filter_map(cost) {
                of_step.model += cost.model;
                of_step.analysis += cost.analysis;
                result_bytes += cost.unit_bytes;
            }
        }
        for protocol in &settings.protocols {
            reference_bytes += cost(&protocol.name).map_or(0, |cost| cost.reference_bytes);
        }
        let opened = left.opened();
        let elements = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        Self {
            model: model.name.clone(),
            to_fetch: model.series.to_fetch(&opened),
            step_bytes: opened
                .iter()
                .map(|step| model.series.to_fetch(&[*step]))
                .max()
                .unwrap_or(0),
            model_bytes: 4 * model
                .architecture
                .parameters()
                .iter()
                .map(|(_, shape)| elements(shape))
                .sum::<u64>(),
            left,
            work,
            result_bytes,
            reference_bytes,
        }
    }
}

/// How long is left: from how fast matrix products are here, until the first step has shown how
/// fast this study is.
pub(crate) struct Clock {
    /// Of the device for the model, of the CPU for the rest; in operations a second.
    speeds: [f64; 2],
    /// What is left, in seconds at these speeds, and what has been done of it.
    left: f64,
    done: f64,
    /// How long that took, and since when the next is under way.
    took: Duration,
    since: Instant,
}

impl Clock {
    pub(crate) fn new(forecasts: &[Forecast], plan: &Plan) -> Result<Self, Box<dyn Error>> {
        let mut clock = Self {
            speeds: [f64::INFINITY; 2],
            left: 0.0,
            done: 0.0,
            took: Duration::ZERO,
            since: Instant::now(),
        };
        // Where nothing is left to compute, the device need not even be there.
        if forecasts.iter().any(|forecast| !forecast.work.is_empty()) {
            clock.speeds = [
                plan.device.product_speed(plan.precision)?,
                // Singular values and CKA are computed in f64.
                Device::Cpu.product_speed(Precision::F64)?,
            ];
        }
        let works = forecasts.iter().flat_map(|forecast| forecast.work.values());
        clock.left = works.map(|work| clock.seconds(*work)).sum();
        Ok(clock)
    }

    fn seconds(&self, work: Work) -> f64 {
        work.model / self.speeds[0] + work.analysis / self.speeds[1]
    }

    /// A step is done.
    pub(crate) fn done(&mut self, forecast: &Forecast, step: Step) {
        let seconds = forecast.work.get(&step).map_or(0.0, |work| self.seconds(*work));
        let now = Instant::now();
        if seconds > 0.0 {
            self.done += seconds;
            self.left -= seconds;
            self.took += now - self.since;
        }
        self.since = now;
    }

    /// How long is left.
    fn estimate(&self) -> Duration {
        // A prior worth ten seconds, or else a first step of a small model would decide alone.
        let pace = (self.took.as_secs_f64() + 10.0) / (self.done + 10.0);
        let pace = if self.done > 0.0 { pace } else { 1.0 };
        Duration::from_secs_f64((self.left * pace).max(0.0))
    }

    /// For the end of a line.
    pub(crate) fn note(&self) -> String {
        match self.estimate().as_secs() {
            0 => String::new(),
            seconds => format!(", {} left", HumanDuration(Duration::from_secs(seconds))),
        }
    }
}

/// Says what will be fetched, computed, held and written.
pub(crate) fn print_plan(forecasts: &[Forecast], plan: &Plan, clock: &Clock) {
    let total = |of: fn(&Forecast) -> u64| forecasts.iter().map(of).sum::<u64>();
    let largest = |of: fn(&Forecast) -> u64| forecasts.iter().map(of).max().unwrap_or(0);
    for forecast in forecasts {
        let (left, model) = (&forecast.left, &forecast.model);
        let done = left.steps - left.missing.len();
        println!("plan      {model}: {} steps, {done} of them done", left.steps);
    }
    if total(|forecast| forecast.left.missing.len() as u64) == 0 {
        return;
    }
    let to_fetch = total(|forecast| forecast.to_fetch);
    if to_fetch > 0 {
        let time = at_least(Duration::from_secs_f64(to_fetch as f64 / NETWORK));
        // The last step, the one at hand, and the next.
        let at_once = match plan.place {
            Place::Hub { delete_after: true } => {
                to_fetch.min(3 * largest(|forecast| forecast.step_bytes))
            }
            _ => to_fetch,
        };
        println!(
            "fetch     {}, at most {} of it on disk at once; {time} at 100 MB/s",
            DecimalBytes(to_fetch),
            DecimalBytes(at_once)
        );
    }
    let work = forecasts.iter().flat_map(|forecast| forecast.work.values());
    let operations: f64 = work.map(|work| work.model + work.analysis).sum();
    let [device, cpu] = clock.speeds.map(|speed| speed / 1e9);
    println!(
        "compute   {operations:.1e} operations, {}: matrix products run at {device:.0} GFLOP/s here ({}, {}), those of the \
         analysis at {cpu:.0}",
        at_least(clock.estimate()),
        plan.device,
        plan.precision,
    );
    println!(
        "memory    {} a model in f32, {} for the activations of the last step, of {} that they may have",
        DecimalBytes(largest(|forecast| forecast.model_bytes)),
        DecimalBytes(largest(|forecast| forecast.reference_bytes)),
        DecimalBytes(plan.reference_memory as u64),
    );
    println!("write     {}", DecimalBytes(total(|forecast| forecast.result_bytes)));
}

fn at_least(time: Duration) -> String {
    format!("at least {}", HumanDuration(time.max(Duration::from_secs(1))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At first what is known beforehand, then what was seen.
    #[test]
    fn what_is_left_is_told_by_the_pace_so_far() {
        let mut clock = Clock {
            speeds: [1.0, 1.0],
            left: 300.0,
            done: 0.0,
            took: Duration::ZERO,
            since: Instant::now(),
        };
        assert_eq!(clock.estimate(), Duration::from_secs(300));
        // A third is done, twice as slow as was thought.
        (clock.done, clock.left, clock.took) = (100.0, 200.0, Duration::from_secs(200));
        let left = clock.estimate().as_secs_f64();
        assert!((380.0..400.0).contains(&left), "{left}");
        (clock.done, clock.left) = (300.0, 0.0);
        assert_eq!(clock.note(), "");
    }
}
