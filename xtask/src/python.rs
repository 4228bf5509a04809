//! Python as this workspace uses it: pip installs into the user's cache, once for a machine, what
//! set-up and tests need.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::{Result, run};

/// What the tests import: a name for the folder, where the requirements are, and how much pip
/// fetches.
const PACKAGES: [(&str, &str, &str); 2] = [
    ("hub-client", "tests/hub-server/python/requirements.txt", "4 MB"),
    ("tables", "tests/python/requirements.txt", "135 MB"),
];

/// The folders with the packages that tests import, as PYTHONPATH takes them. What is not there yet
/// is installed.
pub(crate) fn packages(root: &Path) -> Result<OsString> {
    let folders = PACKAGES
        .iter()
        .map(|(name, requirements, size)| installed(name, &root.join(requirements), size))
        .collect::<Result<Vec<_>>>()
        .map_err(|why| {
            format!("{why}. To test without Python, set SETTLING_PYTHONPATH to nothing")
        })?;
    env::join_paths(folders).map_err(|error| format!("Python packages: {error}"))
}

fn installed(name: &str, requirements: &Path, size: &str) -> Result<PathBuf> {
    let text = fs::read(requirements)
        .map_err(|error| format!("cannot read {}: {error}", requirements.display()))?;
    // Compiled packages fit one version of Python on one platform. (Another Rust may hash
    // differently: that installs anew.)
    let script =
        "import sys, sysconfig as c; print(sys.implementation.cache_tag, c.get_platform())";
    let output = python().and_then(|mut python| python.args(["-c", script]).output().ok());
    let mut hasher = DefaultHasher::new();
    (text, output.map(|output| output.stdout)).hash(&mut hasher);
    let installed = cache_folder()?.join(format!("{name}-{:016x}", hasher.finish()));
    if installed.is_dir() {
        println!("Python packages ({name}): {}", installed.display());
        return Ok(installed);
    }
    println!("fetching Python packages ({name}) with pip: {size}, once for this machine ...");
    let install = |partial: &Path| {
        run(pip(partial)?
            .args(["install", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--require-hashes", "--only-binary", ":all:", "--target"])
            .arg(partial)
            .arg("--requirement")
            .arg(requirements)
            .env("PIP_ROOT_USER_ACTION", "ignore"))
    };
    install_beside(&installed, install, || installed.is_dir())
        .map_err(|why| format!("Python packages ({name}): {why}"))?;
    Ok(installed)
}

/// Python 3, if there is one.
pub(crate) fn python() -> Option<Command> {
    let name = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let works =
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    works.then(|| Command::new(name))
}

/// Makes the folder `installed` with what `install` puts into the folder that it is given.
///
/// That one lies beside it and is renamed into it: a cut download leaves nothing that looks whole.
pub(crate) fn install_beside(
    installed: &Path,
    install: impl FnOnce(&Path) -> Result<()>,
    usable: impl Fn() -> bool,
) -> Result<()> {
    let _ = fs::remove_dir_all(installed);
    let mut partial = installed.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial)
        .map_err(|error| format!("cannot create {}: {error}", partial.display()))?;
    let result = install(&partial).and_then(|()| {
        // The environment that pip may have needed.
        let _ = fs::remove_dir_all(partial.join("venv"));
        // Another process may have been first; its copy is as good.
        fs::rename(&partial, installed)
            .or_else(|error| if usable() { Ok(()) } else { Err(error) })
            .map_err(|error| {
                format!("cannot move {} to {}: {error}", partial.display(), installed.display())
            })
    });
    let _ = fs::remove_dir_all(&partial);
    result
}

/// pip, of this Python or, where it has none (Debian ships it apart), of a fresh virtual
/// environment.
pub(crate) fn pip(target: &Path) -> Result<Command> {
    let mut python = python().ok_or("no Python 3 to fetch it with: install Python 3")?;
    if python.args(["-m", "pip", "--version"]).output().is_ok_and(|output| output.status.success())
    {
        let mut pip = Command::new(python.get_program());
        pip.args(["-m", "pip"]);
        return Ok(pip);
    }
    let venv = target.join("venv");
    let made = Command::new(python.get_program()).args(["-m", "venv"]).arg(&venv).output();
    if !made.is_ok_and(|output| output.status.success()) {
        return Err("this Python has neither pip nor venv: install one (on Debian, `apt install python3-pip`)".into());
    }
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip"]);
    Ok(pip)
}

/// Where this workspace keeps what it fetched.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let base = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
        (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
        (_, Some(home)) => PathBuf::from(home).join(".cache"),
        _ => return Err("neither XDG_CACHE_HOME nor HOME is set: set one".into()),
    };
    Ok(base.join("settling"))
}
