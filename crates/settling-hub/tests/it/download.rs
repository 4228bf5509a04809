//! Files that come whole, in parts, damaged, or not at all.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use settling_hub::{ErrorKind, Event, Hub};
use settling_hub_server::{Fault, Listener, Rule};

use crate::support::{Fixture, MODEL, bytes, one_file, settings};

const SIZE: usize = 300_000;

/// Everything in the cache but links, folders and locks.
fn files(fixture: &Fixture) -> Vec<String> {
    let blobs = fixture.model().cache_folder().join("blobs");
    let names = fs::read_dir(blobs).map(|entries| {
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    });
    names.unwrap_or_default()
}

#[test]
fn a_file_is_fetched_once() {
    let content = bytes(SIZE);
    let fixture = Fixture::new(one_file(&content));
    let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(fs::read(&path).unwrap(), content);
    assert_eq!(fixture.server.bytes_served("/cdn/"), SIZE as u64);
    assert_eq!(fixture.model().fetch_path("main", "model.safetensors").unwrap(), path);
    assert_eq!(fixture.server.bytes_served("/cdn/"), SIZE as u64);
    assert_eq!(files(&fixture).len(), 1);
}

#[test]
fn an_empty_file_can_be_fetched() {
    let fixture = Fixture::new(one_file(b""));
    let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(fs::read(path).unwrap(), b"");
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_stopped() {
    let content = bytes(SIZE);
    let fixture = Fixture::new(one_file(&content));
    // Though one attempt is allowed: each brings something.
    for n in 1..=5 {
        fixture.server.inject(Rule::new(Fault::Cut(50_000)).method("GET").path("/cdn/").nth(n));
    }
    let mut settings = settings(&fixture.server, fixture.cache.path());
    settings.attempts = 1;
    let model = Hub::new(settings).unwrap().model(MODEL).unwrap();
    let path = model.fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    // What was on its way when the connection broke may be lost; nothing that arrived is fetched
    // twice.
    let ranges: Vec<_> = fixture
        .server
        .log()
        .into_iter()
        .filter(|one| one.listener == Listener::Cdn && one.method == "GET")
        .collect();
    assert_eq!(ranges.len(), 6);
    assert!(fixture.server.bytes_served("/cdn/") < 2 * SIZE as u64);
}

#[test]
fn what_is_there_of_a_file_is_not_fetched_again() {
    let content = bytes(SIZE);
    let fixture = Fixture::new(one_file(&content));
    fixture.server.inject(Rule::new(Fault::Cut(100_000)).method("GET").path("/cdn/"));
    fixture.server.inject(Rule::new(Fault::Status(403)).method("GET").path("/resolve/").nth(2));
    fixture.model().fetch_path("main", "model.safetensors").unwrap_err();
    let there = files(&fixture);
    assert!(there.len() == 1 && there[0].ends_with(".incomplete"), "{there:?}");
    let partial = fixture.model().cache_folder().join("blobs").join(&there[0]);
    let length = fs::metadata(partial).unwrap().len();
    assert!(length > 0);

    fixture.server.clear_faults();
    fixture.server.clear_log();
    let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    assert_eq!(fixture.server.bytes_served("/cdn/"), SIZE as u64 - length);
    assert_eq!(files(&fixture).len(), 1);
}

#[test]
fn a_flipped_bit_is_found_and_the_file_fetched_again() {
    let content = bytes(SIZE);
    let fixture = Fixture::new(one_file(&content));
    fixture.server.inject(Rule::new(Fault::FlipBit(1234)).method("GET").path("/cdn/").first(1));
    let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    // Small files, too, by git's hash.
    fixture.server.inject(Rule::new(Fault::FlipBit(1)).method("GET").path("config.json").first(1));
    let path = fixture.model().fetch_path("main", "config.json").unwrap();
    assert_eq!(fs::read(path).unwrap(), b"{}");
}

#[test]
fn what_is_never_right_is_an_error_and_leaves_nothing() {
    for fault in [
        Fault::FlipBit(7),
        Fault::Resize(10),
        Fault::Resize(-10),
        Fault::MisstateLength(-10),
        Fault::Html,
        Fault::Status(500),
        Fault::Close,
    ] {
        let fixture = Fixture::new(one_file(&bytes(SIZE)));
        fixture.server.inject(Rule::new(fault.clone()).method("GET").path("/cdn/"));
        let error = fixture.model().fetch_path("main", "model.safetensors").unwrap_err();
        let kinds = [ErrorKind::Integrity, ErrorKind::Network];
        assert!(kinds.contains(&error.kind()), "{fault:?}: {error}");
        assert!(
            error.to_string().contains("model.safetensors") && error.to_string().contains(MODEL),
            "{error}"
        );
        assert!(files(&fixture).iter().all(|name| name.ends_with(".incomplete")), "{fault:?}");
        // And when the server is well again, nothing of it is left in the file.
        fixture.server.clear_faults();
        let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
        assert_eq!(fs::read(path).unwrap(), bytes(SIZE), "{fault:?}");
    }
}

#[test]
fn an_answer_that_is_announced_and_then_refused_leaves_no_file() {
    // The answer to HEAD is right, and that to GET is not.
    for status in [401, 403, 404] {
        let fixture = Fixture::new(one_file(&bytes(100)));
        fixture.server.inject(Rule::new(Fault::Status(status)).method("GET").path("/cdn/"));
        let error = fixture.model().fetch_path("main", "model.safetensors").unwrap_err();
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        assert!(files(&fixture).iter().all(|name| name.ends_with(".incomplete")));
    }
}

#[test]
fn lengths_of_redirects_and_odd_etags_do_not_matter() {
    let content = bytes(SIZE);
    let fixture = Fixture::new(one_file(&content));
    let lie = |name: &str, value: &str| Fault::Header(name.to_owned(), value.to_owned());
    for fault in [
        lie("X-Linked-Etag", "\"../../evil\""),
        lie("ETag", "\"../../evil\""),
        lie("X-Linked-Size", "7"),
    ] {
        fixture.server.inject(Rule::new(fault).path("/resolve/"));
    }
    let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
    assert_eq!(files(&fixture).len(), 1);
}

#[test]
fn a_server_that_ignores_ranges_costs_time_only() {
    let content = bytes(SIZE);
    let fixture = Fixture::new(one_file(&content));
    fixture.server.inject(Rule::new(Fault::Cut(100_000)).method("GET").path("/cdn/").first(1));
    fixture
        .server
        .inject(Rule::new(Fault::Body(content.clone())).method("GET").path("/cdn/").nth(2));
    let path = fixture.model().fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
}

#[test]
fn silence_in_the_middle_is_noticed() {
    let content = bytes(SIZE);
    let fixture = Fixture::new(one_file(&content));
    fixture
        .server
        .inject(Rule::new(Fault::StallAfter(70_000, None)).method("GET").path("/cdn/").first(1));
    let path = fixture.impatient().fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(fs::read(path).unwrap(), content);
}

#[test]
fn progress_adds_up() {
    let fixture = Fixture::new(one_file(&bytes(SIZE)));
    fixture.server.inject(Rule::new(Fault::Cut(100_000)).method("GET").path("/cdn/").first(1));
    let log = Arc::new(Mutex::new((0, Vec::new())));
    let heard = Arc::clone(&log);
    let hub = Hub::with_listener(settings(&fixture.server, fixture.cache.path()), move |event| {
        let mut log = heard.lock().unwrap();
        match event {
            Event::Advance { bytes, .. } => log.0 += bytes,
            Event::Download { size, there, .. } => log.1.push(format!("download {size} {there}")),
            Event::Retrying { what, .. } => {
                log.1.push(format!("retry {}", what.contains("model.safetensors")))
            }
            Event::Done { size, .. } => log.1.push(format!("done {size}")),
            other => log.1.push(format!("{other:?}")),
        }
    });
    hub.unwrap().model(MODEL).unwrap().fetch_path("main", "model.safetensors").unwrap();
    let (advanced, events) = &*log.lock().unwrap();
    assert_eq!(*advanced, SIZE as u64);
    assert_eq!(*events, ["download 300000 0", "retry true", "done 300000"]);
}

#[test]
fn a_cache_that_cannot_be_written_is_an_error_and_one_that_is_full_of_it_works() {
    let fixture = Fixture::new(one_file(&bytes(100)));
    let file = fixture.cache.path().join("file");
    fs::write(&file, b"").unwrap();
    let hub = Hub::new(settings(&fixture.server, &file)).unwrap();
    let error = hub.model(MODEL).unwrap().fetch_path("main", "model.safetensors").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cache);
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
}

#[test]
fn it_can_be_called_within_an_asynchronous_runtime() {
    let fixture = Fixture::new(one_file(&bytes(100)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        fixture.model().fetch_path("main", "model.safetensors").unwrap();
        drop(fixture);
    });
    // A runtime that is let go is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
}
