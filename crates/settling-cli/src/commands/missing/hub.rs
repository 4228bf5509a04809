//! A command that asks the hub.

use std::ffi::OsString;

use super::NO_HUB;
use crate::exit::{Failure, Outcome};

/// Whatever it is given.
#[derive(clap::Args)]
#[command(after_help = NO_HUB)]
pub(crate) struct Args {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(args: Args) -> Outcome {
    let _ = args.arguments;
    Err(Failure::usage(NO_HUB).into())
}
