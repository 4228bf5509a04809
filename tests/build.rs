//! Lets test binaries find libtorch at run time without LD_LIBRARY_PATH. Link arguments reach only the package that emits
//! them, so every package with binaries that link libtorch has a copy of this script.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Set by torch-sys; absent when it is built with `doc-only`.
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
