//! What a model runs on and in, as the command line says it.

use std::num::NonZeroUsize;

use clap::Args;
use settling::capture::{Device, Engine, Precision};

// A comment for documentation would become the help of every command that has these.
#[derive(Args)]
pub(crate) struct EngineArgs {
    /// Where the model runs: auto, cpu, cuda:N or mps
    #[arg(long, default_value = "auto")]
    device: Device,
    /// Its arithmetic: f32, f64, bf16 or f16
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// Sequences that run at once: bounds memory, changes no result beyond rounding [default: what
    /// suits the device]
    #[arg(long)]
    micro_batch: Option<NonZeroUsize>,
}

impl EngineArgs {
    pub(crate) fn engine(&self) -> Engine {
        let micro_batch = self.micro_batch.map(NonZeroUsize::get);
        Engine { device: self.device, precision: self.precision, micro_batch }
    }
}
