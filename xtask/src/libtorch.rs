//! Finds libtorch or fetches it, once per machine, and links it as `.libtorch` in the checkout,
//! where `.cargo/config.toml` tells `torch-sys` to look.
//!
//! In this order: a `LIBTORCH` of the user's own; a link made before; a Python package `torch` of
//! the right version; the wheels of `requirements-libtorch.txt`, which pip downloads (from wherever
//! this machine's pip is set up to) and checks.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs};

use crate::python::{cache_folder, install_beside, pip, python};
use crate::{Result, run};

/// tch 0.24 binds exactly this version: its C++ glue names functions by their full signatures.
const VERSION: &str = "2.11.0";

/// Returns the folder that has `lib` and `include`.
pub(crate) fn ensure(root: &Path) -> Result<PathBuf> {
    let link = root.join(".libtorch");
    // Cargo sets LIBTORCH to `.libtorch` itself (.cargo/config.toml) unless the user has set it.
    if let Some(own) = env::var_os("LIBTORCH").map(PathBuf::from).filter(|own| *own != link) {
        check(&own).map_err(|why| {
            format!("LIBTORCH is set to {}, but {why}. Correct it, or unset it to let this command find one", own.display())
        })?;
        println!("libtorch {VERSION}: {} (from LIBTORCH)", own.display());
        return Ok(own);
    }
    if check(&link).is_ok() {
        let target = fs::read_link(&link).unwrap_or_else(|_| link.clone());
        println!("libtorch {VERSION}: {} (linked as .libtorch)", target.display());
        return Ok(link);
    }
    let (folder, origin) = match python_torch() {
        Some(folder) => (folder, "the Python package torch"),
        None => (fetch(root)?, "fetched by pip"),
    };
    relink(&link, &folder)?;
    println!("libtorch {VERSION}: {} ({origin}), linked as .libtorch", folder.display());
    Ok(link)
}

/// Whether `folder` has the headers and libraries of the right version; says what is wrong
/// otherwise.
fn check(folder: &Path) -> Result<()> {
    let library = folder.join("lib").join(format!(
        "{}torch_cpu{}",
        env::consts::DLL_PREFIX,
        env::consts::DLL_SUFFIX
    ));
    if !library.is_file() {
        return Err(format!("there is no {}", library.display()));
    }
    let header = folder.join("include/torch/headeronly/version.h");
    let text = fs::read_to_string(&header)
        .map_err(|error| format!("{} cannot be read ({error})", header.display()))?;
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
        line.map_or("?", str::trim).to_owned()
    };
    let found =
        ["TORCH_VERSION_MAJOR", "TORCH_VERSION_MINOR", "TORCH_VERSION_PATCH"].map(number).join(".");
    if found == VERSION {
        Ok(())
    } else {
        Err(format!("it is version {found}, and {VERSION} is needed"))
    }
}

/// The folder of an importable Python package `torch`, if it is usable. It is looked up, not
/// imported: importing takes seconds.
fn python_torch() -> Option<PathBuf> {
    let script = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";
    let output = python()?.args(["-c", script]).output().ok()?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    (!folder.as_os_str().is_empty() && check(&folder).is_ok()).then_some(folder)
}

/// The libtorch in the user's cache, installed there if it is not yet.
fn fetch(root: &Path) -> Result<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(format!(
            "no libtorch {VERSION} found. This command fetches it on Linux x86-64 only: elsewhere `pip install torch=={VERSION}` \
             and run it again, or set LIBTORCH to a libtorch {VERSION}"
        ));
    }
    let cache = cache_folder()?;
    let installed = cache.join(format!("libtorch-{VERSION}-cpu"));
    let folder = installed.join("torch");
    let usable = || check(&folder);
    if usable().is_err() {
        install_beside(&installed, |partial| install(root, partial), || usable().is_ok())?;
    }
    usable().map_err(|why| format!("the libtorch that pip installed is not usable: {why}"))?;
    Ok(folder)
}

fn install(root: &Path, target: &Path) -> Result<()> {
    let mut pip = pip(target)
        .map_err(|why| format!("no libtorch {VERSION} found, and {why}, or set LIBTORCH"))?;
    let started = Instant::now();
    println!("fetching libtorch {VERSION} with pip: 530 MB, once for this machine ...");
    // Wheels of CPython 3.11 whatever Python runs pip: only the libraries and headers are used, and
    // so one hash is enough.
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-compile",
        "--require-hashes",
    ])
    .args(["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"])
    .args(["--abi", "cp311", "--abi", "none"]);
    for platform in ["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux2014_x86_64"] {
        pip.args(["--platform", platform]);
    }
    pip.arg("--target")
        .arg(target)
        .arg("--requirement")
        .arg(root.join("xtask/requirements-libtorch.txt"));
    run(pip.env("PIP_ROOT_USER_ACTION", "ignore"))?;
    slim(target).map_err(|error| format!("cannot tidy {}: {error}", target.display()))?;
    println!("fetched in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Keeps what a CPU build needs: headers, CPU libraries, and the two CUDA libraries that
/// libtorch_cpu links.
///
/// The folders stay as the wheels have them, because the libraries find each other by relative
/// paths.
fn slim(target: &Path) -> std::io::Result<()> {
    let keep = |folder: &Path, wanted: fn(&str) -> bool| -> std::io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !wanted(&entry.file_name().to_string_lossy()) {
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(path)?
                } else {
                    fs::remove_file(path)?
                }
            }
        }
        Ok(())
    };
    keep(target, |name| matches!(name, "torch" | "nvidia"))?;
    keep(&target.join("torch"), |name| matches!(name, "include" | "lib" | "version.py"))?;
    keep(&target.join("torch/lib"), |name| {
        ["libc10.so", "libtorch.so", "libtorch_cpu.so"].contains(&name)
            || name.starts_with("libgomp")
    })?;
    keep(&target.join("nvidia"), |name| name == "cu13")?;
    keep(&target.join("nvidia/cu13"), |name| name == "lib")?;
    keep(&target.join("nvidia/cu13/lib"), |name| {
        name.starts_with("libcudart.") || name.starts_with("libcupti.")
    })
}

#[cfg(unix)]
fn relink(link: &Path, folder: &Path) -> Result<()> {
    // A stale link is replaced; a real folder there is somebody's own and is not.
    if link.is_symlink() {
        fs::remove_file(link)
            .map_err(|error| format!("cannot replace {}: {error}", link.display()))?;
    }
    std::os::unix::fs::symlink(folder, link)
        .map_err(|error| format!("cannot link {} to {}: {error}", link.display(), folder.display()))
}

#[cfg(not(unix))]
fn relink(_: &Path, folder: &Path) -> Result<()> {
    Err(format!("set LIBTORCH to {}: links are made on Unix only", folder.display()))
}
