//! A command that runs models.

use std::ffi::OsString;

use crate::exit::{Failure, Outcome};

const HOW: &str = "this build has no libtorch, which runs models: cargo install settling-cli \
                   --features capture";

/// Whatever it is given.
#[derive(clap::Args)]
#[command(after_help = HOW)]
pub(crate) struct Args {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(args: Args) -> Outcome {
    let _ = args.arguments;
    Err(Failure::usage(HOW).into())
}
