//! Lets binaries find libtorch at run time, and its CUDA part at all.
//!
//! What `cargo run` and `cargo test` start finds it without further ado, in whichever workspace: cargo
//! puts search paths below the target folder into the library path, and here is a link there. A
//! binary that is started in any other way needs an rpath. Link arguments reach only the package that
//! emits them, so each package with such a binary emits the one that it finds in
//! `DEP_SETTLING_CAPTURE_LINK`: docs of this crate, "Linking".

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // Set by torch-sys; absent when it is built with `doc-only`.
    let Ok(libraries) = env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    let link = link_argument(&libraries);
    println!("cargo::rustc-link-arg={link}");
    println!("cargo::metadata=LINK={link}");
    below_the_target_folder(Path::new(&libraries));
}

/// An rpath; and CUDA support, which registers itself when it is loaded: no symbol of it is named, so
/// the linker would leave it out.
fn link_argument(libraries: &str) -> String {
    let cuda = Path::new(libraries).join("libtorch_cuda.so");
    match cuda.is_file() {
        true => format!("-Wl,-rpath,{libraries},--no-as-needed,{},--as-needed", cuda.display()),
        false => format!("-Wl,-rpath,{libraries}"),
    }
}

/// A link to the whole folder: the libraries find each other by relative paths.
#[cfg(unix)]
fn below_the_target_folder(libraries: &Path) {
    let Some(out) = env::var_os("OUT_DIR") else { return };
    let link = Path::new(&out).join("libtorch");
    let _ = std::fs::remove_file(&link);
    // Where it cannot be made, a library path has to be set by hand.
    if std::os::unix::fs::symlink(libraries, &link).is_ok() {
        println!("cargo::rustc-link-search=native={}", link.display());
    }
}

#[cfg(not(unix))]
fn below_the_target_folder(_: &Path) {}
