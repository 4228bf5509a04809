//! Several processes, killed ones, and locks that do not lock.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use settling_hub::{FileHash, Hub};
use settling_hub_server::{Fault, HubServer, Rule};

use crate::support::{MODEL, bytes, one_file, settings};

const SIZE: usize = 2_000_000;

/// What the processes below do; as a test of its own, nothing.
#[test]
fn child() {
    let (Ok(endpoint), Ok(cache)) =
        (std::env::var("HUB_TEST_ENDPOINT"), std::env::var("HUB_TEST_CACHE"))
    else {
        return;
    };
    let server = HubServer::start();
    let mut settings = settings(&server, Path::new(&cache));
    settings.endpoint = endpoint;
    let path = Hub::new(settings)
        .unwrap()
        .model(MODEL)
        .unwrap()
        .fetch_path("main", "model.safetensors")
        .unwrap();
    assert_eq!(fs::read(path).unwrap(), bytes(SIZE));
}

fn fetching(server: &HubServer, cache: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "processes::child"]);
    command.env("HUB_TEST_ENDPOINT", server.url()).env("HUB_TEST_CACHE", cache);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn server() -> HubServer {
    let server = HubServer::start();
    server.add(one_file(&bytes(SIZE)));
    server
}

fn all_succeed(children: Vec<Child>) {
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn of_eight_processes_one_downloads() {
    let (server, cache) = (server(), tempfile::tempdir().unwrap());
    // Long enough for all of them to come while the first one is at it.
    server.inject(
        Rule::new(Fault::StallAfter(1_000_000, Some(Duration::from_secs(1))))
            .method("GET")
            .path("/cdn/"),
    );
    all_succeed((0..8).map(|_| fetching(&server, cache.path()).spawn().unwrap()).collect());
    assert_eq!(server.bytes_served("/cdn/"), SIZE as u64);
}

#[test]
fn a_lock_is_waited_for_and_then_one_of_two_processes_downloads() {
    let (server, cache) = (server(), tempfile::tempdir().unwrap());
    let repository = Hub::new(settings(&server, cache.path())).unwrap().model(MODEL).unwrap();
    let files = repository.files(&repository.resolve("main").unwrap()).unwrap();
    let FileHash::Sha256(hash) = &files[1].hash else { panic!("{:?}", files[1]) };
    let locks = cache.path().join(".locks/models--EleutherAI--pythia-70m-deduped");
    fs::create_dir_all(&locks).unwrap();
    let lock = fs::File::create(locks.join(format!("{hash}.lock"))).unwrap();
    lock.lock().unwrap();
    let mut children: Vec<Child> =
        (0..2).map(|_| fetching(&server, cache.path()).spawn().unwrap()).collect();
    thread::sleep(Duration::from_secs(3));
    for child in &mut children {
        assert_eq!(child.try_wait().unwrap(), None, "it did not wait");
    }
    assert_eq!(server.bytes_served("/cdn/"), 0);
    drop(lock);
    all_succeed(children);
    assert_eq!(server.bytes_served("/cdn/"), SIZE as u64);
}

#[test]
fn after_a_kill_the_next_process_goes_on() {
    let (server, cache) = (server(), tempfile::tempdir().unwrap());
    server.inject(Rule::new(Fault::StallAfter(400_000, None)).method("GET").path("/cdn/").first(3));
    let blobs = cache.path().join("models--EleutherAI--pythia-70m-deduped/blobs");
    let there = || -> u64 {
        let Ok(entries) = fs::read_dir(&blobs) else { return 0 };
        entries.flatten().map(|entry| entry.metadata().map_or(0, |metadata| metadata.len())).sum()
    };
    for _ in 0..3 {
        let before = there();
        let mut child = fetching(&server, cache.path()).spawn().unwrap();
        let started = Instant::now();
        while there() == before && started.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(there() > before, "nothing came");
    }
    let kept = there();
    server.clear_log();
    all_succeed(vec![fetching(&server, cache.path()).spawn().unwrap()]);
    assert_eq!(server.bytes_served("/cdn/"), SIZE as u64 - kept);
    assert_eq!(fs::read_dir(&blobs).unwrap().count(), 1);
}

/// On some network file systems, locks are given to everybody.
#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn locks_that_do_not_lock_cost_transfers_only() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("flock.c"), folder.path().join("flock.so"));
    fs::write(
        &source,
        "int flock(int fd, int operation) { (void)fd; (void)operation; return 0; }\n",
    )
    .unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    if !built.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no C compiler to make a lock that does not lock");
        return;
    }
    let (server, cache) = (server(), tempfile::tempdir().unwrap());
    server.inject(
        Rule::new(Fault::StallAfter(1_000_000, Some(Duration::from_millis(700))))
            .method("GET")
            .path("/cdn/"),
    );
    let start = || fetching(&server, cache.path()).env("LD_PRELOAD", &library).spawn().unwrap();
    let mut children = vec![start()];
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(150));
        children.push(start());
    }
    // Who loses may fail, and says so; the file is right or not there.
    let succeeded = children
        .into_iter()
        .map(|mut child| child.wait().unwrap().success())
        .filter(|success| *success)
        .count();
    assert!(succeeded >= 1);
    all_succeed(vec![fetching(&server, cache.path()).spawn().unwrap()]);
}
