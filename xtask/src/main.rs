//! `cargo xtask <command>`: set-up and everyday commands. No dependencies, so that it builds at
//! once on a fresh clone.

mod crates;
mod libtorch;
mod python;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "\
Usage: cargo xtask <command>

  libtorch           find or fetch libtorch 2.11.0 and link it as .libtorch
  test [ARGS]        run every test of the workspace (ARGS go to `cargo test`)
  check              build every crate alone, with each of its features, and make the packages
  bench [ARGS]       run the benchmarks (ARGS go to criterion)
  demo [ARGS]        train a small suite, study it, draw the figure (--quick for a fast look, --out DIR)
";

/// An error that has been phrased for the person at the terminal.
pub(crate) type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let result = match command.as_deref() {
        Some("libtorch") if rest.is_empty() => libtorch::ensure(&root()).map(|_| ()),
        Some("test") => test(&rest),
        Some("check") if rest.is_empty() => {
            libtorch::ensure(&root()).and_then(|_| crates::check(&root(), cargo))
        }
        Some("bench") => {
            run(cargo().args(["bench", "--package", "settling-benches", "--"]).args(&rest))
        }
        Some("demo") => demo(&rest),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn test(args: &[String]) -> Result<()> {
    let libraries = libtorch::ensure(&root())?.join("lib");
    // Test binaries have an rpath (build.rs of their packages); documentation tests have none.
    let name = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let others = std::env::var_os(name).unwrap_or_default();
    let paths = std::iter::once(libraries).chain(std::env::split_paths(&others));
    let paths = std::env::join_paths(paths).map_err(|error| format!("{name}: {error}"))?;
    // The user's own, or nothing to go without.
    let packages = match std::env::var_os("SETTLING_PYTHONPATH") {
        Some(own) => own,
        None => python::packages(&root())?,
    };
    // Features add and never change: with all of the formats, every test there is.
    let features =
        "settling-tokens/parquet,settling-core/serde,settling-cka/serde,settling-mcc/serde";
    let all = ["test", "--workspace", "--features", features];
    run(cargo().args(all).args(args).env(name, paths).env("SETTLING_PYTHONPATH", packages))
}

fn demo(args: &[String]) -> Result<()> {
    libtorch::ensure(&root())?;
    let demo = ["run", "--release", "--package", "settling-examples", "--example", "demo", "--"];
    run(cargo().args(demo).args(args))
}

/// Cargo, in the workspace root.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Runs `command` to its end; a failure to start and a failing exit are errors that show the
/// command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}")) }
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
