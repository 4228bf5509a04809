//! The program `settling`.

use std::process::ExitCode;

fn main() -> ExitCode {
    settling_cli::run(std::env::args_os()).into()
}
