//! What a plan takes: bytes, memory, time.

use settling_core::{CheckpointSeries, Step};
use settling_models::Architecture;

use super::Plan;
use super::cost::Cost;
use super::protocol_run::ProtocolRun;
use crate::adapter::ModelAdapter;

/// What it takes to do what is missing of a model, from sizes alone: [`Plan::forecast`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Forecast {
    /// Bytes of weights to fetch.
    pub fetch: u64,
    /// Bytes of weights of the largest step.
    pub largest_step: u64,
    /// Bytes of one model in f32 in memory.
    pub model_memory: u64,
    /// Bytes of the activations of the last checkpoint, which are kept if
    /// [they may](crate::Study::with_reference_memory).
    pub reference_memory: u64,
    /// Bytes of the results. An estimate.
    pub results: u64,
    /// Floating-point operations of the model, on the device that it runs on.
    pub model_operations: f64,
    /// Floating-point operations of CKA and singular values. An estimate.
    pub analysis_operations: f64,
}

impl Forecast {
    /// The least time it takes, in seconds, on a machine that is this fast.
    ///
    /// ```
    /// use settling::{Forecast, Speeds};
    ///
    /// let mut forecast = Forecast::default();
    /// (forecast.model_operations, forecast.analysis_operations) = (6e12, 1e12);
    /// // 6 s for the model and 2 s for the rest.
    /// assert_eq!(forecast.seconds(Speeds { model: 1e12, analysis: 0.5e12 }), 8.0);
    /// ```
    #[must_use]
    pub fn seconds(&self, speeds: Speeds) -> f64 {
        self.model_operations / speeds.model + self.analysis_operations / speeds.analysis
    }
}

/// How fast matrix products are, in floating-point operations per second; a multiplication and
/// an addition are two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speeds {
    /// The speed of the device and precision that the model runs on.
    pub model: f64,
    /// The speed of the CPU in f64, for singular values and CKA.
    pub analysis: f64,
}

impl<C, A> Plan<'_, C, A>
where
    C: CheckpointSeries,
    A: ModelAdapter<C::Source>,
{
    /// What it takes to do what is missing, of a model of this architecture.
    ///
    /// # Panics
    ///
    /// If the rows are more than fit into memory.
    #[must_use]
    pub fn forecast(&self, architecture: &Architecture) -> Forecast {
        let opened = self.opened();
        let elements = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let weights = architecture.parameters();
        let mut forecast = Forecast {
            fetch: self.series.bytes_to_fetch(&opened),
            largest_step: opened
                .iter()
                .map(|step| self.series.bytes_to_fetch(&[*step]))
                .max()
                .unwrap_or(0),
            model_memory: 4 * weights.iter().map(|(_, shape)| elements(shape)).sum::<u64>(),
            ..Forecast::default()
        };
        for (step, _) in self.missing() {
            let cost = self.step_cost(*step, architecture);
            forecast.model_operations += cost.model;
            forecast.analysis_operations += cost.analysis;
            forecast.results += cost.unit_bytes;
        }
        let units = self.runs.iter().map(|run| self.unit_cost(run, architecture));
        forecast.reference_memory = units.map(|cost| cost.reference_bytes).sum();
        forecast
    }

    /// What is missing of one step, added up over its protocols.
    ///
    /// # Panics
    ///
    /// If the rows are more than fit into memory.
    #[must_use]
    pub fn step_cost(&self, step: Step, architecture: &Architecture) -> Cost {
        let missing = self.missing().iter().find(|(other, _)| *other == step);
        let protocols = missing.map_or(&[][..], |(_, protocols)| protocols);
        let runs = self.runs.iter().filter(|run| protocols.contains(&run.protocol.name));
        runs.map(|run| self.unit_cost(run, architecture)).sum()
    }

    fn unit_cost(&self, run: &ProtocolRun<'_>, architecture: &Architecture) -> Cost {
        let training = self.study.training.as_deref();
        Cost::of_unit(architecture, run.protocol, &run.used(), training)
    }
}
