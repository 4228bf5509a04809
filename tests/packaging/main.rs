//! What somebody meets who depends on a crate from a project of their own. A binary of its own: it
//! runs cargo, which no other test should wait for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Where the workspace is built, which this test is a part of: `target/debug/deps/`.
fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_path_buf()
}

/// A crate outside the workspace that asks libtorch for its devices. Its profile is the
/// workspace's, so that little is built for it.
fn project(folder: &Path) {
    let root = root();
    let profile = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let (_, profile) = profile.split_once("[profile.dev]\n").unwrap();
    let manifest = format!(
        "[package]\nname = \"somebody-elses\"\nedition = \"2024\"\n\n\
         [dependencies]\nsettling-capture = {{ path = {:?} }}\n\n[workspace]\n\n[profile.dev]\n{profile}",
        root.join("crates/settling-capture")
    );
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let program = "fn main() {\n    let cpu = settling_capture::Device::Cpu;\n    \
                   println!(\"{:e}\", cpu.product_speed(settling_capture::Precision::F32).unwrap());\n}\n";
    fs::write(folder.join("src/main.rs"), program).unwrap();
}

fn cargo(folder: &Path, command: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([command, "--offline", "--quiet"])
        .arg("--target-dir")
        .arg(target())
        .current_dir(folder)
        .env_remove("LD_LIBRARY_PATH");
    if std::env::var_os("LIBTORCH").is_none() {
        cargo.env("LIBTORCH", root().join(".libtorch"));
    }
    cargo
}

#[track_caller]
fn speed(command: &mut Command) {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let speed: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
    assert!(speed > 0.0);
}

/// The line that docs/LIBTORCH.md and the docs of settling-capture give.
fn documented_line() -> String {
    let page = fs::read_to_string(root().join("docs/LIBTORCH.md")).unwrap();
    let (_, code) = page.split_once("```rust\n").unwrap();
    code.split("```").next().unwrap().to_owned()
}

#[test]
fn a_crate_outside_the_workspace_links_libtorch_by_one_documented_line() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path());
    // What cargo starts needs nothing.
    speed(&mut cargo(folder.path(), "run"));
    // What is started without cargo needs one line.
    let line = documented_line();
    assert_eq!(line.trim().lines().filter(|line| line.contains("println!")).count(), 1);
    fs::write(folder.path().join("build.rs"), line).unwrap();
    let built = cargo(folder.path(), "build").output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = target().join("debug/somebody-elses");
    speed(Command::new(&program).env_remove("LD_LIBRARY_PATH"));
    fs::remove_file(program).unwrap();
}

/// A clone in which nobody has called `cargo xtask libtorch`.
#[test]
fn a_build_without_libtorch_ends_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--package", "torch-sys", "--target-dir"])
        .arg(folder.path())
        .current_dir(root())
        .env_remove("CPLUS_INCLUDE_PATH")
        .env("LIBTORCH", folder.path().join("none"))
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(error.contains("there is no libtorch: run `cargo xtask libtorch`"), "{error}");
}
