//! What the hub lists, and listings that are wrong.

use std::time::Duration;

use settling_hub::{ErrorKind, FileHash};
use settling_hub_server::{Fault, File, Repo, RepoKind, Rule};

use crate::support::{Fixture, MODEL, one_file, suite};

#[test]
fn branches_and_tags_are_revisions() {
    let mut repo = suite();
    repo.point("refs/tags/v1", "step0");
    let fixture = Fixture::new(repo);
    let revisions = fixture.model().revisions().unwrap();
    let names: Vec<&str> = revisions.iter().map(|revision| revision.name.as_str()).collect();
    assert_eq!(names, ["main", "step0", "step1", "step1000", "step2000", "v1"]);
    assert_eq!(revisions[0].commit, revisions[4].commit);
    assert_eq!(fixture.model().resolve("step2000").unwrap(), revisions[0].commit);
    assert_eq!(fixture.model().resolve("v1").unwrap(), revisions[1].commit);
}

#[test]
fn files_have_the_sizes_and_hashes_of_the_hub() {
    let fixture = Fixture::new(one_file(b"hello\n"));
    let repository = fixture.model();
    let files = repository.files(&repository.resolve("main").unwrap()).unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!((files[0].path.as_str(), files[0].size), ("config.json", 2));
    // What `printf {} | git hash-object --stdin` says.
    assert_eq!(files[0].hash, FileHash::Git("9e26dfeeb6e641a33dae4961196235bdb965b21b".to_owned()));
    // What `echo hello | sha256sum` says.
    let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    assert_eq!(files[1].hash, FileHash::Sha256(sha256.to_owned()));
}

#[test]
fn a_listing_of_many_pages_is_whole() {
    let mut repo = Repo::model(MODEL);
    let files = (0..25).map(|n| File::new(format!("folder/{n:02}.txt"), n.to_string()));
    repo.commit("main", "Add files", files);
    for n in 0..7 {
        repo.commit("main", &format!("Commit {n}"), [File::new("n", n.to_string())]);
    }
    let fixture = Fixture::new(repo);
    fixture.server.set_page_size(3);
    let repository = fixture.model();
    let files = repository.files(&repository.resolve("main").unwrap()).unwrap();
    assert_eq!(files.len(), 26);
    let commits = repository.commits("main").unwrap();
    assert_eq!(commits.len(), 8);
    assert_eq!(commits[0].title, "Commit 6");
}

#[test]
fn listings_are_asked_for_at_once() {
    let mut repo = Repo::model(MODEL);
    for step in 0..154 {
        repo.replace(
            &format!("step{step}"),
            "Add",
            [File::new("model.safetensors", step.to_string())],
        );
    }
    let fixture = Fixture::new(repo);
    fixture.server.set_delay(Duration::from_millis(20));
    let repository = fixture.model();
    let commits: Vec<String> =
        repository.revisions().unwrap().into_iter().map(|one| one.commit).collect();
    let lists = repository.files_of_many(&commits).unwrap();
    assert_eq!(lists.len(), 154);
    let most = fixture.server.most_at_once();
    assert!((4..=16).contains(&most), "{most} at once");
    // One request for all revisions, one for each of them.
    assert_eq!(fixture.server.log().len(), 155);
}

#[test]
fn a_renamed_repository_is_found() {
    let fixture = Fixture::new(one_file(b"weights"));
    fixture.server.rename(RepoKind::Model, MODEL, "EleutherAI/pythia-70m-new");
    let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"weights");
}

#[test]
fn a_listing_that_is_none_is_an_error() {
    let fixture = Fixture::new(one_file(b"weights"));
    let repository = fixture.model();
    let commit = repository.resolve("main").unwrap();
    for (body, part) in [
        ("<html>", "no listing"),
        ("{}", "no listing"),
        (r#"[{"type":"file","path":"../../evil","oid":"","size":1}]"#, "../../evil"),
        (r#"[{"type":"file","path":"/etc/passwd","oid":"","size":1}]"#, "/etc/passwd"),
        (r#"[{"type":"file","path":"a\u0000b","oid":"","size":1}]"#, "a\\0b"),
        (r#"[{"type":"file","path":"a","oid":"../x","size":1}]"#, "40 hexadecimal digits"),
        (
            r#"[{"type":"file","path":"a","oid":"","size":1,"lfs":{"oid":"/abs","size":1}}]"#,
            "64 hexadecimal digits",
        ),
    ] {
        fixture.server.clear_faults();
        fixture.server.inject(Rule::new(Fault::Body(body.into())).path("/tree/"));
        let error = repository.files(&commit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(error.to_string().contains(part) && error.to_string().contains(MODEL), "{error}");
    }
    let file =
        r#"{"type":"file","path":"a","oid":"9e26dfeeb6e641a33dae4961196235bdb965b21b","size":1}"#;
    fixture.server.clear_faults();
    fixture
        .server
        .inject(Rule::new(Fault::Body(format!("[{file},{file}]").into_bytes())).path("/tree/"));
    assert!(repository.files(&commit).unwrap_err().to_string().contains("twice"));
}

#[test]
fn commits_that_are_none_are_an_error() {
    let mut repo = Repo::model(MODEL);
    repo.replace_as("../../evil", "main", "Add", [File::new("a", "b")]);
    let fixture = Fixture::new(repo);
    for error in
        [fixture.model().revisions().unwrap_err(), fixture.model().resolve("main").unwrap_err()]
    {
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(error.to_string().contains("evil"), "{error}");
    }
}

#[test]
fn the_next_page_of_another_host_is_not_asked_for() {
    let mut repo = one_file(b"weights");
    repo.commit("main", "More", [File::new("a", "a"), File::new("b", "b")]);
    let fixture = Fixture::new(repo);
    let elsewhere = format!("<{}/next>; rel=\"next\"", fixture.server.cdn_url());
    fixture.server.inject(Rule::new(Fault::Header("Link".into(), elsewhere)).path("/tree/"));
    let repository = fixture.model();
    let error = repository.files(&repository.resolve("main").unwrap()).unwrap_err();
    assert!(error.to_string().contains("elsewhere"), "{error}");
}

#[test]
fn a_branch_that_moves_does_not_move_what_is_being_read() {
    let fixture = Fixture::new(one_file(b"before"));
    let repository = fixture.model();
    let commit = repository.resolve("main").unwrap();
    let files = repository.files(&commit).unwrap();
    fixture.server.edit(RepoKind::Model, MODEL, |repo| {
        repo.commit("main", "Move", [File::new("model.safetensors", "after")])
    });
    let path = repository.fetch(&commit, &files[1]).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"before");
    assert_ne!(repository.resolve("main").unwrap(), commit);
}
