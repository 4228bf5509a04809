//! `settling study`: the whole study of models, from checkpoints to the report.

mod args;
mod forecast;
mod model;
mod places;
mod request;
mod run;
mod some_steps;
mod summary;

#[cfg(not(feature = "hub"))]
mod folders;
#[cfg(feature = "hub")]
mod on_hub;

use crate::exit::Outcome;

pub(crate) use args::Args;

pub(crate) fn run(args: Args) -> Outcome {
    run::run(&args.request()?)
}
