//! The program `settling`, as a function that tests and other programs can call.
//!
//! Everything numeric is in the crates that [`settling`] re-exports; here are the command line,
//! what is shown on a terminal, and the exit codes ([`Exit`]).
//!
//! # Should you use this crate?
//!
//! As a program, yes: `settling --help` lists its commands, and `settling COMMAND --help` says what
//! each needs and gives. As a library, only to run a command from another program; to study, audit
//! or measure from Rust, depend on `settling` or on the crate that has the part you want.
//!
//! # Features
//!
//! - `hub` (default): models and data sets of the Hugging Face hub, by name.
//! - `capture`: the commands that run models, through libtorch: `study`, `capture`, `gradients`,
//!   `gpu-check`. the docs of `settling-capture` say where libtorch comes from.
//! - `doc-only`: builds and checks `capture` without libtorch; nothing can be linked or run.
//!
//! Every build lists every command; one that a build is without says how to get it.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// First: the modules after it print with its macros.
#[macro_use]
mod print;

mod allow;
mod commands;
mod draw;
#[cfg(feature = "capture")]
mod engine;
mod exit;
#[cfg(feature = "hub")]
mod hub;
mod part;
mod places;
#[cfg(feature = "capture")]
mod progress;
mod protocols;
#[cfg(feature = "capture")]
mod subject;
#[cfg(feature = "capture")]
mod tensor_file;
mod unique;
mod written;

use std::ffi::OsString;

use clap::Parser as _;

pub use exit::Exit;

use commands::Cli;

/// Runs the program with these arguments, of which the first is its name. Text goes to the standard
/// output, what went wrong to the standard error.
///
/// ```
/// use settling_cli::{Exit, run};
///
/// assert_eq!(run(["settling", "--version"]), Exit::Done);
/// assert_eq!(run(["settling", "no-such-command"]), Exit::Usage);
/// ```
pub fn run<I>(arguments: I) -> Exit
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help is no failure. Nobody may be reading, and the exit code is worth more.
        Err(text) => {
            let _ = text.print();
            return if text.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    cli.run().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        Exit::from_error(error.as_ref())
    })
}
