//! The cache, shared with the official Python client. Skipped where its packages are not:
//! `cargo xtask test` installs them.

use std::path::Path;
use std::process::Command;

use settling_core::{CheckpointSeries, Step, TensorSource};
use settling_hub::HubSeries;

use crate::support::{Fixture, MODEL, suite};

/// Runs `program` with the client's packages, for this hub and cache. `None` if they are not there.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn python(fixture: &Fixture, offline: bool, program: &str) -> Option<String> {
    let Some(packages) = std::env::var_os("SETTLING_PYTHONPATH").filter(|path| !path.is_empty())
    else {
        eprintln!("skipped: SETTLING_PYTHONPATH is not set");
        return None;
    };
    let output = Command::new("python3")
        .args(["-c", program, MODEL])
        .env("PYTHONPATH", packages)
        .env("HF_ENDPOINT", fixture.server.url())
        .env("HF_HUB_CACHE", fixture.cache.path())
        .env("HF_HOME", fixture.cache.path().join("home"))
        .env("HF_HUB_DISABLE_XET", "1")
        .env("HF_HUB_OFFLINE", if offline { "1" } else { "0" })
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn python_finds_what_we_fetched() {
    let fixture = Fixture::new(suite());
    let series = HubSeries::open(&fixture.hub, MODEL).unwrap();
    let checkpoint = series.open(Step(1000)).unwrap();
    let program = "
import sys
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download
model = sys.argv[1]
print(hf_hub_download(model, 'model.safetensors', revision='step1000'))
print(hf_hub_download(model, 'config.json', revision='step1000'))
print(snapshot_download(model, revision='step1000', local_files_only=True))
report = scan_cache_dir()
assert not report.warnings, report.warnings
(repo,) = report.repos
(revision,) = repo.revisions
print(revision.commit_hash, *revision.refs, *sorted(file.file_name for file in revision.files))
";
    let Some(output) = python(&fixture, true, program) else { return };
    let lines: Vec<&str> = output.lines().collect();
    let folder = checkpoint.folder();
    assert_eq!(Path::new(lines[0]), folder.join("model.safetensors"));
    assert_eq!(Path::new(lines[1]), folder.join("config.json"));
    assert_eq!(Path::new(lines[2]), folder);
    let commit = &series.revision(Step(1000)).unwrap().commit;
    assert_eq!(lines[3], format!("{commit} step1000 config.json model.safetensors"));
}

#[test]
fn we_find_what_python_fetched() {
    let fixture = Fixture::new(suite());
    let program = "
import sys
from huggingface_hub import snapshot_download
for revision in ['step0', 'step2000']:
    snapshot_download(sys.argv[1], revision=revision)
";
    if python(&fixture, false, program).is_none() {
        return;
    }
    fixture.server.clear_log();
    let series = HubSeries::open(&fixture.offline_hub(), MODEL).unwrap();
    assert_eq!(series.steps().unwrap(), [Step(0), Step(2000)]);
    let value = series.open(Step(2000)).unwrap().read("a").unwrap().to_f32().unwrap()[0];
    assert_eq!(value, 20.0);
    assert!(fixture.server.log().is_empty());
    // And online: nothing of it is fetched again.
    let series = HubSeries::builder(&fixture.hub, MODEL).steps(vec![Step(0)]).open().unwrap();
    series.open(Step(0)).unwrap();
    assert_eq!(fixture.server.count("GET", "/resolve/"), 0);
}
