//! The commands, each with its arguments.

mod audit;
mod completions;
mod inspect;
mod mcc;
mod missing;
mod report;
mod similarity;
mod weights;

#[cfg(feature = "capture")]
mod capture;
#[cfg(feature = "capture")]
mod gpu_check;
#[cfg(feature = "capture")]
mod gradients;
#[cfg(feature = "capture")]
mod study;
#[cfg(not(feature = "capture"))]
use missing::libtorch::{self as capture, self as gpu_check, self as gradients, self as study};

#[cfg(feature = "hub")]
mod rows;
#[cfg(not(feature = "hub"))]
use missing::hub as rows;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::exit::{self, Outcome};

/// Studies, audits and measures the checkpoints of a language model's training
#[derive(Parser)]
#[command(name = "settling", version, after_long_help = exit::TABLE, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Study how the layers of models settle over training: from checkpoints to the report
    Study(study::Args),
    /// Measure how many directions the weights of a checkpoint use
    Weights(weights::Args),
    /// Compare two sets of features of the same rows, by every similarity
    Similarity(similarity::Args),
    /// Audit the checkpoints of a run: are they what their names say?
    Audit(audit::Args),
    /// Show what is in a checkpoint, and whether its tensors are as they should be
    Inspect(inspect::Args),
    /// Save activations of a model as one safetensors file
    Capture(capture::Args),
    /// Take the gradients of a model on token rows: loss, norms, ranks
    Gradients(gradients::Args),
    /// Make one document of everything that the tables of a study say
    Report(report::Args),
    /// Relate early convergence with large effective rank, from a records.csv of any tool
    Mcc(mcc::Args),
    /// Fetch token rows: a batch of Pythia's training data
    Rows(rows::Args),
    /// Hold a GPU to the CPU, and time it
    GpuCheck(gpu_check::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

impl Cli {
    pub(crate) fn run(self) -> Outcome {
        match self.command {
            Command::Study(args) => study::run(args),
            Command::Weights(args) => weights::run(args),
            Command::Similarity(args) => similarity::run(args),
            Command::Audit(args) => audit::run(args),
            Command::Inspect(args) => inspect::run(args),
            Command::Capture(args) => capture::run(args),
            Command::Gradients(args) => gradients::run(args),
            Command::Report(args) => report::run(args),
            Command::Mcc(args) => mcc::run(args),
            Command::Rows(args) => rows::run(args),
            Command::GpuCheck(args) => gpu_check::run(args),
            Command::Completions(args) => completions::run(args, Self::command()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_one_that_clap_can_read() {
        Cli::command().debug_assert();
    }
}
