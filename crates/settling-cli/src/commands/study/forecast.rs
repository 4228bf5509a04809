//! What a study will take, said before, and how long is left of it.

use std::error::Error;
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, HumanDuration};
use settling::capture::{Device, Precision};
use settling::core::{CheckpointSeries, Step};
use settling::models::{Architecture, ModelSource};
use settling::{Cost, Forecast, Plan, Speeds, TransformerAdapter};

use super::model::Held;
#[cfg(feature = "hub")]
use super::request::Place;
use super::request::Request;

/// How fast a download is assumed to be, in bytes per second, for a first idea of how long it
/// takes.
const NETWORK: f64 = 100e6;

/// The plan of one model, and what it takes.
pub(super) struct Planned<'a, C> {
    pub(super) plan: Plan<'a, Held<C>, TransformerAdapter>,
    architecture: &'a Architecture,
    forecast: Forecast,
}

impl<'a, C> Planned<'a, C>
where
    C: CheckpointSeries,
    C::Source: ModelSource,
{
    pub(super) fn new(
        plan: Plan<'a, Held<C>, TransformerAdapter>,
        architecture: &'a Architecture,
    ) -> Self {
        let forecast = plan.forecast(architecture);
        Self { plan, architecture, forecast }
    }

    /// What is missing of a step.
    pub(super) fn cost(&self, step: Step) -> Cost {
        self.plan.step_cost(step, self.architecture)
    }
}

/// How long is left: from how fast matrix products are here, until the first step has shown how
/// fast this study is.
pub(super) struct Clock {
    speeds: Speeds,
    /// What is left, in seconds at these speeds, and what has been done of it.
    left: f64,
    done: f64,
    /// How long that took, and since when the next is under way.
    took: Duration,
    since: Instant,
}

impl Clock {
    pub(super) fn new<C>(
        plans: &[Planned<'_, C>],
        request: &Request,
    ) -> Result<Self, Box<dyn Error>>
    where
        C: CheckpointSeries,
        C::Source: ModelSource,
    {
        // Where nothing is left to compute, the device need not even be there.
        let nothing = plans.iter().all(|planned| planned.plan.missing().is_empty());
        let speeds = if nothing {
            Speeds { model: f64::INFINITY, analysis: f64::INFINITY }
        } else {
            measured(request.engine.device, request.engine.precision)?
        };
        let left = plans.iter().map(|planned| planned.forecast.seconds(speeds)).sum();
        Ok(Self { speeds, left, done: 0.0, took: Duration::ZERO, since: Instant::now() })
    }

    /// A step of this cost is done.
    pub(super) fn done(&mut self, cost: Cost) {
        let seconds = cost.model / self.speeds.model + cost.analysis / self.speeds.analysis;
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
    pub(super) fn note(&self) -> String {
        match self.estimate().as_secs() {
            0 => String::new(),
            seconds => format!(", {} left", HumanDuration(Duration::from_secs(seconds))),
        }
    }
}

/// How fast matrix products are here. Singular values and CKA are computed in f64, on a CUDA device
/// where the model runs on one.
fn measured(device: Device, precision: Precision) -> Result<Speeds, Box<dyn Error>> {
    let analysis = if matches!(device, Device::Cuda(_)) { device } else { Device::Cpu };
    Ok(Speeds {
        model: device.product_speed(precision)?,
        analysis: analysis.product_speed(Precision::F64)?,
    })
}

/// Says what will be fetched, computed, held and written.
pub(super) fn print_plan<C>(plans: &[Planned<'_, C>], request: &Request, clock: &Clock)
where
    C: CheckpointSeries,
    C::Source: ModelSource,
{
    let total = |of: fn(&Forecast) -> u64| plans.iter().map(|one| of(&one.forecast)).sum::<u64>();
    let largest =
        |of: fn(&Forecast) -> u64| plans.iter().map(|one| of(&one.forecast)).max().unwrap_or(0);
    for Planned { plan, .. } in plans {
        let (steps, missing) = (plan.steps().len(), plan.missing().len());
        println!("plan      {}: {steps} steps, {} of them done", plan.model(), steps - missing);
    }
    if plans.iter().all(|planned| planned.plan.missing().is_empty()) {
        return;
    }
    let to_fetch = total(|forecast| forecast.fetch);
    if to_fetch > 0 {
        let time = at_least(Duration::from_secs_f64(to_fetch as f64 / NETWORK));
        // The last step, the one at hand, and the next.
        let at_once = match request.place {
            #[cfg(feature = "hub")]
            Place::Hub { delete_after: true } => {
                to_fetch.min(3 * largest(|forecast| forecast.largest_step))
            }
            _ => to_fetch,
        };
        println!(
            "fetch     {}, at most {} of it on disk at once; {time} at 100 MB/s",
            DecimalBytes(to_fetch),
            DecimalBytes(at_once)
        );
    }
    let operations: f64 = plans
        .iter()
        .map(|one| one.forecast.model_operations + one.forecast.analysis_operations)
        .sum();
    let Speeds { model, analysis } = clock.speeds;
    println!(
        "compute   {operations:.1e} operations, {}: matrix products run at {:.0} GFLOP/s here ({}, {}), those of the \
         analysis at {:.0}",
        at_least(clock.estimate()),
        model / 1e9,
        request.engine.device,
        request.engine.precision,
        analysis / 1e9,
    );
    println!(
        "memory    {} for a model in f32, {} for the activations of the last step, of {} that they may have",
        DecimalBytes(largest(|forecast| forecast.model_memory)),
        DecimalBytes(largest(|forecast| forecast.reference_memory)),
        DecimalBytes(request.reference_memory as u64),
    );
    println!("write     {}", DecimalBytes(total(|forecast| forecast.results)));
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
            speeds: Speeds { model: 1.0, analysis: 1.0 },
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
