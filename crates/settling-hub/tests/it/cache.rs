//! The cache: its layout, what is offline, what is damaged.

use std::fs;
use std::path::Path;

use settling_checkpoint::{HubCache, StepPattern};
use settling_core::{CheckpointSeries, Step};
use settling_hub::{ErrorKind, HubSeries};
use settling_hub_server::{File, Repo};

use crate::support::{Fixture, MODEL, bytes, one_file, suite};

#[test]
fn files_lie_where_pythons_library_puts_them() {
    let mut repo = one_file(b"weights");
    repo.commit("main", "More", [File::new("a/b/c.txt", "deep")]);
    let fixture = Fixture::new(repo);
    let repository = fixture.model();
    for name in ["model.safetensors", "config.json", "a/b/c.txt"] {
        repository.fetch_path("main", name).unwrap();
    }
    let folder = fixture.cache.path().join("models--EleutherAI--pythia-70m-deduped");
    assert_eq!(repository.cache_folder(), folder);
    let commit = repository.resolve("main").unwrap();
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), commit);
    let snapshot = folder.join("snapshots").join(&commit);
    for (name, link) in [
        (
            "model.safetensors",
            "../../blobs/9f6e9ed0a5de8bf3fbc4e6bf9bafbb0d3bfd1c2e1f6b5ef5e2f1e0ee0b9c1f2c",
        ),
        ("config.json", "../../blobs/9e26dfeeb6e641a33dae4961196235bdb965b21b"),
        ("a/b/c.txt", "../../../../blobs/"),
    ] {
        let target = fs::read_link(snapshot.join(name)).unwrap();
        let blobs = Path::new(link).parent().unwrap();
        if name == "config.json" {
            assert_eq!(target, Path::new(link));
        } else if name == "a/b/c.txt" {
            assert!(target.starts_with("../../../../blobs"), "{}", target.display());
        } else {
            assert_eq!(target.parent(), Some(blobs));
        }
        assert!(snapshot.join(name).is_file());
    }
    assert!(fixture.cache.path().join(".locks/models--EleutherAI--pythia-70m-deduped").is_dir());
}

#[test]
fn what_is_cached_is_there_without_a_network() {
    let fixture = Fixture::new(suite());
    let series = HubSeries::open(&fixture.hub, MODEL).unwrap();
    for step in [Step(1000), Step(2000)] {
        series.open(step).unwrap();
    }
    fixture.server.clear_log();
    let offline = fixture.offline();
    let again = HubSeries::open(&fixture.offline_hub(), MODEL).unwrap();
    assert_eq!(again.steps().unwrap(), [Step(1000), Step(2000)]);
    assert_eq!(again.fingerprint(Step(1000)).unwrap(), series.fingerprint(Step(1000)).unwrap());
    again.open(Step(1000)).unwrap();
    // And to the crate that knows no network.
    let cached = HubCache::open(offline.cache_folder(), &StepPattern::default()).unwrap();
    assert_eq!(cached.steps().unwrap(), [Step(1000), Step(2000)]);

    // A step whose weights were removed is none.
    let deleting = HubSeries::open(&fixture.hub, MODEL).unwrap();
    let deleting = deleting.delete_after(true);
    drop(deleting.open(Step(0)).unwrap());
    fixture.server.clear_log();
    let again = HubSeries::open(&fixture.offline_hub(), MODEL).unwrap();
    assert_eq!(again.steps().unwrap(), [Step(1000), Step(2000)]);
    let chosen = HubSeries::builder(&fixture.offline_hub(), MODEL).steps(vec![Step(0)]).open();
    assert!(chosen.unwrap_err().to_string().contains("no step 0"));

    let error = offline.fetch_path("step1000", "tokenizer.json").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Offline);
    assert!(error.to_string().contains("HF_HUB_OFFLINE"), "{error}");
    assert_eq!(offline.resolve("step7").unwrap_err().kind(), ErrorKind::Offline);
    assert_eq!(offline.commits("main").unwrap_err().kind(), ErrorKind::Offline);
    assert!(fixture.server.log().is_empty());
}

#[test]
fn a_damaged_file_of_the_cache_is_fetched_again() {
    let content = bytes(1000);
    let fixture = Fixture::new(one_file(&content));
    let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
    let blob = fs::canonicalize(&path).unwrap();
    let mut changed = content.clone();
    changed[500] ^= 1;
    for damage in [&changed[..], &content[..999], b""] {
        fs::write(&blob, damage).unwrap();
        let error = fixture.offline().fetch_path("main", "model.safetensors").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Offline, "{error}");
        let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
        assert_eq!(fs::read(path).unwrap(), content);
    }
}

#[test]
fn remains_in_the_cache_are_as_good_as_nothing() {
    let content = bytes(1000);
    let fixture = Fixture::new(one_file(&content));
    let repository = fixture.model();
    let path = repository.fetch_path("main", "model.safetensors").unwrap();
    // A link to nothing.
    fs::remove_file(fs::canonicalize(&path).unwrap()).unwrap();
    assert_eq!(
        fs::read(repository.fetch_path("main", "model.safetensors").unwrap()).unwrap(),
        content
    );
    // A ref that holds no commit.
    let main = repository.cache_folder().join("refs/main");
    for garbage in ["", "garbage", "../../evil"] {
        fs::write(&main, garbage).unwrap();
        assert_eq!(fixture.offline().resolve("main").unwrap_err().kind(), ErrorKind::Offline);
        repository.fetch_path("main", "model.safetensors").unwrap();
        assert_eq!(fs::read_to_string(&main).unwrap(), repository.resolve("main").unwrap());
    }
}

#[test]
fn a_file_that_two_commits_have_is_kept_once() {
    let mut repo = Repo::model(MODEL);
    for branch in ["step0", "step1"] {
        repo.replace(
            branch,
            &format!("Add {branch}"),
            [File::new("model.safetensors", bytes(1000))],
        );
    }
    let fixture = Fixture::new(repo);
    for revision in ["step0", "step1"] {
        fixture.model().fetch_path(revision, "model.safetensors").unwrap();
    }
    assert_eq!(fixture.server.bytes_served("/cdn/"), 1000);
    assert_eq!(fs::read_dir(fixture.model().cache_folder().join("blobs")).unwrap().count(), 1);
}

#[test]
fn a_cache_that_cannot_be_written_can_be_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new(one_file(&bytes(1000)));
    let repository = fixture.model();
    repository.fetch_path("main", "model.safetensors").unwrap();
    let folder = repository.cache_folder();
    let locks = fixture.cache.path().join(".locks");
    fs::remove_dir_all(&locks).unwrap();
    fs::set_permissions(fixture.cache.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let commit = repository.resolve("main").unwrap();
    let files = repository.files(&commit).unwrap();
    let path = repository.fetch(&commit, &files[1]).unwrap();
    fs::set_permissions(fixture.cache.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(path.starts_with(folder));
    // It was not even tried to lock (root may write everywhere).
    assert!(!locks.exists());
}
