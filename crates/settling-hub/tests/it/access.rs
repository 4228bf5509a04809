//! Tokens, gated and private repositories, and a hub that says no.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use settling_hub::{ErrorKind, Event, Hub, Repository};
use settling_hub_server::{Fault, Listener, Rule};

use crate::support::{Fixture, MODEL, one_file, settings};

/// The repository, for someone with this token.
fn with_token(fixture: &Fixture, token: &str) -> Repository {
    let mut settings = settings(&fixture.server, fixture.cache.path());
    settings.token = Some(token.to_owned());
    Hub::new(settings).unwrap().model(MODEL).unwrap()
}

#[test]
fn a_gated_repository_wants_a_token() {
    let fixture = Fixture::new(one_file(b"weights").gated("hf_right"));
    let error = fixture.model().fetch_path("main", "model.safetensors").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Access);
    assert!(
        error.to_string().contains("gated") && error.to_string().contains("HF_TOKEN"),
        "{error}"
    );
    let error =
        with_token(&fixture, "hf_wrong").fetch_path("main", "model.safetensors").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Access);
    assert!(error.to_string().contains("ask for access"), "{error}");
    let path = with_token(&fixture, "hf_right").fetch_path("main", "model.safetensors").unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"weights");
}

#[test]
fn the_token_goes_to_the_hub_and_nowhere_else() {
    let fixture = Fixture::new(one_file(b"weights").private("hf_right"));
    with_token(&fixture, "hf_right").fetch_path("main", "model.safetensors").unwrap();
    let log = fixture.server.log();
    assert!(log.iter().any(|one| one.listener == Listener::Cdn));
    for one in log {
        assert_eq!(one.authorized, one.listener == Listener::Hub, "{one:?}");
    }
}

#[test]
fn a_token_that_was_not_given_is_not_looked_for() {
    let fixture = Fixture::new(one_file(b"weights"));
    fixture.model().fetch_path("main", "model.safetensors").unwrap();
    assert!(fixture.server.log().iter().all(|one| !one.authorized));
}

#[test]
fn what_is_not_there_is_named() {
    let fixture = Fixture::new(one_file(b"weights"));
    let error = fixture.model().resolve("step7").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("step7") && error.to_string().contains("revision"),
        "{error}"
    );
    let error = fixture.model().fetch_path("main", "pytorch_model.bin").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("pytorch_model.bin"), "{error}");
    // The hub does not tell strangers what does not exist from what is private.
    let error = fixture.hub.model("nobody/nothing").unwrap().revisions().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Access);
    assert!(error.to_string().contains("no such repository, or it is private"), "{error}");
    fixture.server.set_missing_is_404(true);
    let error = fixture.hub.dataset("nobody/nothing").unwrap().revisions().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    // A refusal is not asked for again.
    assert_eq!(fixture.server.count("GET", "nobody/nothing"), 2);
}

#[test]
fn errors_that_may_pass_are_tried_again() {
    let fixture = Fixture::new(one_file(b"weights"));
    for fault in
        [Fault::Status(500), Fault::Status(502), Fault::Status(503), Fault::Close, Fault::Html]
    {
        fixture.server.clear_faults();
        fixture.server.inject(Rule::new(fault.clone()).path("/api/").first(2));
        let repository = fixture.model();
        let files = repository.files(&repository.resolve("main").unwrap());
        assert_eq!(files.unwrap_or_else(|error| panic!("{fault:?}: {error}")).len(), 2);
    }
    fixture.server.clear_faults();
    fixture.server.inject(Rule::new(Fault::Status(503)));
    fixture.server.clear_log();
    let error = fixture.model().revisions().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(
        error.to_string().contains("503") && error.to_string().contains("3 attempts"),
        "{error}"
    );
    assert_eq!(fixture.server.log().len(), 3);
}

#[test]
fn a_server_that_wants_time_gets_it() {
    let fixture = Fixture::new(one_file(b"weights"));
    let waits = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&waits);
    let hub = Hub::with_listener(settings(&fixture.server, fixture.cache.path()), move |event| {
        if let Event::Retrying { wait, .. } = event {
            heard.lock().unwrap().push(*wait);
        }
    });
    fixture.server.inject(Rule::new(Fault::RetryAfter(1)).path("/refs").first(1));
    fixture.server.inject(Rule::new(Fault::RetryAfter(1)).path("/tree/").first(1));
    let repository = hub.unwrap().model(MODEL).unwrap();
    let started = Instant::now();
    let revisions = repository.revisions().unwrap();
    repository.files(&revisions[0].commit).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(*waits.lock().unwrap(), [Duration::from_secs(1); 2]);

    fixture.server.inject(Rule::new(Fault::RetryAfter(3600)));
    let error = repository.revisions().unwrap_err();
    assert!(error.to_string().contains("3600 s"), "{error}");
}

#[test]
fn silence_and_no_server_at_all_are_errors() {
    let fixture = Fixture::new(one_file(b"weights"));
    fixture.server.inject(Rule::new(Fault::Stall(None)).path("/refs"));
    let started = Instant::now();
    let error = fixture.impatient().revisions().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.to_string().contains("no answer in time"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());

    let url = fixture.server.url();
    let mut settings = settings(&fixture.server, fixture.cache.path());
    settings.timeout = Duration::from_secs(2);
    drop(fixture);
    settings.endpoint = url;
    let error = Hub::new(settings.clone()).unwrap().model(MODEL).unwrap().revisions().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.to_string().contains("no connection"), "{error}");
    // A name that no resolver knows.
    settings.endpoint = "http://hub.invalid".to_owned();
    let error = Hub::new(settings).unwrap().model(MODEL).unwrap().revisions().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "{error}");
}
