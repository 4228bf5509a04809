//! How the tests start the program, and what they start it on.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The command `name` of the program.
pub(crate) fn settling(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_settling"));
    command.arg(name).args(arguments).env("OMP_NUM_THREADS", "1");
    command
}

/// The exit code, and what it says.
pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// What it says, without a complaint.
pub(crate) fn succeed(command: &mut Command) -> String {
    let (code, stdout, stderr) = run(command);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert_eq!(stderr, "");
    stdout
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A small model of the tests of settling-checkpoint.
pub(crate) fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../settling-checkpoint/tests/models").join(name)
}

/// A model with its checkpoints in a folder `<suite>/m/step<N>`.
#[cfg(feature = "capture")]
pub(crate) fn suite() -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    settling_testkit::train_tiny(&folder.path().join("m"));
    let rows = settling_testkit::tiny_batch(99);
    settling::tokens::write_npy(folder.path().join("rows.npy"), &rows).unwrap();
    folder
}
