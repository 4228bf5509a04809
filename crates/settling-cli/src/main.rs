//! The program `settling`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    settling_cli::run(std::env::args_os()).into()
}
