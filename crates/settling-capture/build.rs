//! Lets binaries of this workspace find libtorch at run time without LD_LIBRARY_PATH, and its CUDA
//! part at all. Link arguments reach only the package that emits them, so every package with
//! binaries that link libtorch names this script.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    // Set by torch-sys; absent when it is built with `doc-only`.
    let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    // CUDA support registers itself when it is loaded. No symbol of it is named, so the linker
    // would leave it out.
    let cuda = Path::new(&folder).join("libtorch_cuda.so");
    if cuda.is_file() {
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg={}", cuda.display());
        println!("cargo::rustc-link-arg=-Wl,--as-needed");
    }
}
