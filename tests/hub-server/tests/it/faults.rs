//! What the official client does not reach: ranges to the letter, failures as ordered, many clients
//! at once, the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use settling_hub_server::{Exchange, Fault, File, HubServer, Listener, Repo, RepoKind, Rule};

const WEIGHTS: &[u8] = b"0123456789";

/// What came back, read to the end of the body or of the connection.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// Whether the body has as many bytes as the head promised.
    fn is_whole(&self) -> bool {
        self.header("content-length") == Some(&self.body.len().to_string())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn to(url: &str) -> Self {
        Self(BufReader::new(TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap()))
    }

    /// `None` where the connection ends before a head.
    fn ask(&mut self, method: &str, target: &str, headers: &str) -> Option<Reply> {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: hub\r\n{headers}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut lines = self.0.by_ref().lines().map_while(Result::ok);
        let first = lines.next()?;
        let status = first.split(' ').nth(1).unwrap().parse().unwrap();
        let heads = lines.take_while(|line| !line.is_empty());
        let heads = heads.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        let mut reply = Reply { status, headers: heads.collect(), body: Vec::new() };
        if method != "HEAD" {
            let length = reply.header("content-length").unwrap().parse().unwrap();
            self.0.by_ref().take(length).read_to_end(&mut reply.body).unwrap();
        }
        Some(reply)
    }

    /// What comes after the body that the head promised.
    fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }
}

/// A hub with one repository, `a/b`, of a small and a large file.
fn serve() -> HubServer {
    let server = HubServer::start();
    let mut repo = Repo::model("a/b");
    repo.commit("main", "First", [File::new("config.json", "{}"), File::new("w.bin", WEIGHTS)]);
    server.add(repo);
    server
}

fn large() -> String {
    format!("/cdn/{}", File::new("w.bin", WEIGHTS).etag())
}

fn get(server: &HubServer, target: &str) -> Reply {
    let url = if target.starts_with("/cdn/") { server.cdn_url() } else { server.url() };
    Client::to(&url).ask("GET", target, "").unwrap()
}

/// The large file under one fault.
fn get_under(fault: Fault) -> Reply {
    let server = serve();
    server.inject(Rule::new(fault).path("/cdn/"));
    get(&server, &large())
}

#[test]
fn ranges_are_served_to_the_letter() {
    let server = serve();
    let mut client = Client::to(&server.cdn_url());
    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, &b"234"[..], "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=10-", 416, b"range not satisfiable", "bytes */10"),
        ("bytes=5-4", 416, b"range not satisfiable", "bytes */10"),
    ] {
        let reply = client.ask("GET", &large(), &format!("Range: {range}\r\n")).unwrap();
        assert_eq!((reply.status, &*reply.body), (status, body), "{range}");
        assert_eq!(reply.header("content-range"), Some(content_range), "{range}");
    }
    let reply = client.ask("GET", &large(), "Range: lines=1-2\r\n").unwrap();
    assert_eq!((reply.status, &*reply.body), (200, WEIGHTS));
    let ranges: Vec<_> = server.log().into_iter().map(|one| (one.range, one.sent)).collect();
    assert_eq!(ranges[0], (Some("bytes=2-4".to_owned()), 3));
}

#[test]
fn a_head_has_no_body_and_the_connection_stays() {
    let server = serve();
    let mut client = Client::to(&server.url());
    let commit =
        server.edit(RepoKind::Model, "a/b", |repo| repo.resolve("main").unwrap().to_owned());
    for _ in 0..2 {
        let reply = client.ask("HEAD", "/a/b/resolve/main/config.json", "").unwrap();
        assert_eq!((reply.status, reply.header("content-length")), (200, Some("2")));
        assert_eq!(reply.header("x-repo-commit"), Some(&*commit));
    }
    let reply =
        client.ask("HEAD", "/a/b/resolve/main/w.bin", "Authorization: Bearer x\r\n").unwrap();
    assert_eq!((reply.status, reply.header("x-linked-size")), (302, Some("10")));
    assert_eq!(reply.header("location"), Some(&*format!("{}{}", server.cdn_url(), large())));
    // A trap that the hub sets too: this is the length of the redirect, not of the file.
    assert_ne!(reply.header("content-length"), Some("10"));
    let expected = Exchange {
        listener: Listener::Hub,
        method: "HEAD".to_owned(),
        target: "/a/b/resolve/main/w.bin".to_owned(),
        range: None,
        authorized: true,
        status: 302,
        sent: 0,
    };
    assert_eq!(server.log()[2], expected);
    assert_eq!((server.count("HEAD", "config.json"), server.count("GET", "config.json")), (2, 0));
}

#[test]
fn answers_are_replaced() {
    for status in [403, 404, 500, 502, 503] {
        assert_eq!(get_under(Fault::Status(status)).status, status);
    }
    let reply = get_under(Fault::RetryAfter(7));
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
    let reply = get_under(Fault::Html);
    assert!(reply.status == 200 && reply.body.starts_with(b"<!DOCTYPE html>"), "{reply:?}");
    assert!(reply.header("content-type").unwrap().starts_with("text/html"));
    let reply = get_under(Fault::Body(b"{\"garb".to_vec()));
    assert!(reply.status == 200 && reply.body == b"{\"garb" && reply.is_whole(), "{reply:?}");
}

#[test]
fn bodies_are_damaged() {
    let reply = get_under(Fault::FlipBit(3));
    assert!(reply.body == b"0122456789" && reply.is_whole(), "{reply:?}");
    let reply = get_under(Fault::Resize(2));
    assert!(reply.body == b"0123456789\0\0" && reply.is_whole(), "{reply:?}");
    let reply = get_under(Fault::Resize(-2));
    assert!(reply.body == b"01234567" && reply.is_whole(), "{reply:?}");
    let reply = get_under(Fault::Cut(4));
    assert_eq!((&*reply.body, reply.header("content-length")), (&b"0123"[..], Some("10")));
    let reply = get_under(Fault::MisstateLength(2));
    assert_eq!((&*reply.body, reply.header("content-length")), (WEIGHTS, Some("12")));

    let server = serve();
    server.inject(Rule::new(Fault::MisstateLength(-2)));
    let mut client = Client::to(&server.cdn_url());
    assert_eq!(client.ask("GET", &large(), "").unwrap().body, b"01234567");
    assert_eq!(client.rest(), b"89");
}

#[test]
fn headers_lie() {
    for (name, value) in [
        ("ETag", "\"../../evil\""),
        ("X-Linked-Etag", "\"/abs\""),
        ("X-Linked-Size", "11"),
        ("Content-Length", "123456"),
    ] {
        let server = serve();
        server.inject(Rule::new(Fault::Header(name.to_owned(), value.to_owned())).method("HEAD"));
        let reply = Client::to(&server.url()).ask("HEAD", "/a/b/resolve/main/w.bin", "").unwrap();
        assert_eq!((reply.status, reply.header(name)), (302, Some(value)));
    }
}

#[test]
fn a_connection_closes_before_the_answer_and_faults_add_up() {
    let server = serve();
    server.inject(Rule::new(Fault::Close).path("/api/").nth(2));
    server.inject(Rule::new(Fault::Status(503)).path("/api/").nth(3));
    server.inject(
        Rule::new(Fault::Header("Retry-After".to_owned(), "1".to_owned())).path("/api/").nth(3),
    );
    let ask = || Client::to(&server.url()).ask("GET", "/api/models/a/b", "");
    assert_eq!(ask().unwrap().status, 200);
    assert!(ask().is_none());
    let reply = ask().unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert_eq!(ask().unwrap().status, 200);
    let statuses: Vec<_> = server.log().iter().map(|one| one.status).collect();
    assert_eq!(statuses, [200, 0, 503, 200]);
}

#[test]
fn rules_count_what_they_match() {
    let server = serve();
    server.inject(Rule::new(Fault::Status(500)).method("GET").path("config.json").first(2));
    let mut client = Client::to(&server.url());
    let mut ask = |method, target| client.ask(method, target, "").unwrap().status;
    assert_eq!(ask("HEAD", "/a/b/resolve/main/config.json"), 200);
    assert_eq!(ask("GET", "/a/b/resolve/main/w.bin"), 302);
    let statuses = [(); 3].map(|()| ask("GET", "/a/b/resolve/main/config.json"));
    assert_eq!(statuses, [500, 500, 200]);
    server.inject(Rule::new(Fault::Status(502)));
    assert_eq!(ask("GET", "/api/models/a/b"), 502);
    server.clear_faults();
    assert_eq!(ask("GET", "/api/models/a/b"), 200);
}

#[test]
fn stalls_last_as_told_and_no_longer_than_the_server() {
    let pause = Duration::from_millis(200);
    for fault in [Fault::Stall(Some(pause)), Fault::StallAfter(4, Some(pause))] {
        let started = Instant::now();
        assert_eq!(get_under(fault).body, WEIGHTS);
        assert!(started.elapsed() >= pause);
    }

    let server = serve();
    server.inject(Rule::new(Fault::StallAfter(4, None)));
    let mut client = TcpStream::connect(server.cdn_url().strip_prefix("http://").unwrap()).unwrap();
    write!(client, "GET {} HTTP/1.1\r\n\r\n", large()).unwrap();
    client.set_read_timeout(Some(pause)).unwrap();
    let mut read = Vec::new();
    assert!(client.read_to_end(&mut read).is_err(), "nothing more comes");
    assert!(read.ends_with(b"\r\n\r\n0123"));
    let started = Instant::now();
    drop(server);
    assert!(started.elapsed() < Duration::from_secs(5));
    // Closed or reset, but over.
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let end = client.read(&mut [0; 1]);
    assert!(
        !matches!(&end, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
        "{end:?}"
    );
}

#[test]
fn forty_clients_are_served_at_once() {
    let server = serve();
    server.inject(Rule::new(Fault::Stall(None)));
    let mut clients: Vec<_> = (0..40).map(|_| Client::to(&server.cdn_url())).collect();
    for client in &mut clients {
        write!(client.0.get_mut(), "GET {} HTTP/1.1\r\n\r\n", large()).unwrap();
    }
    let started = Instant::now();
    while server.most_at_once() < 40 {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", server.most_at_once());
        std::thread::yield_now();
    }
}

#[test]
fn answers_are_delayed_and_bytes_counted() {
    let server = serve();
    let delay = Duration::from_millis(100);
    server.set_delay(delay);
    let started = Instant::now();
    for _ in 0..2 {
        assert_eq!(get(&server, &large()).body, WEIGHTS);
    }
    assert!(started.elapsed() >= 2 * delay);
    assert_eq!((server.most_at_once(), server.bytes_served("/cdn/")), (1, 20));
    server.clear_log();
    assert!(server.log().is_empty());
}

#[test]
fn trees_name_what_they_should_not() {
    let server = HubServer::start();
    let mut repo = Repo::model("evil/tree");
    repo.commit("main", "Evil", [File::new("../../evil", "1"), File::new("/abs", "2")]);
    server.add(repo);
    let tree = get(&server, "/api/models/evil/tree/tree/main?recursive=true").json();
    let files = tree.as_array().unwrap().iter().filter(|entry| entry["type"] == "file");
    let paths: Vec<_> = files.map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["../../evil", "/abs"]);
    assert_eq!(get(&server, "/evil/tree/resolve/main/..%2F..%2Fevil").body, b"1");
}

#[test]
fn a_branch_moves_while_it_is_read() {
    let server = serve();
    let head = || get(&server, "/api/models/a/b/revision/main").json()["sha"].clone();
    let before = head();
    let id = server.edit(RepoKind::Model, "a/b", |repo| {
        repo.replace("main", "Second", [File::new("w.bin", "new")])
    });
    assert_ne!(head(), before);
    assert_eq!(head(), id.as_str());
    let before = before.as_str().unwrap();
    assert_eq!(get(&server, &format!("/a/b/resolve/{before}/config.json")).body, b"{}");
    assert_eq!(get(&server, "/a/b/resolve/main/config.json").status, 404);
    let commits = get(&server, "/api/models/a/b/commits/main").json();
    let titles: Vec<_> = commits.as_array().unwrap().iter().map(|one| &one["title"]).collect();
    assert_eq!(titles, ["Second", "First"]);
    let given = "f".repeat(40);
    server.edit(RepoKind::Model, "a/b", |repo| repo.replace_as(&given, "other", "Given", []));
    assert_eq!(get(&server, "/api/models/a/b/revision/other").json()["sha"], given.as_str());
}

#[test]
fn what_is_missing_is_hidden_from_strangers_unless_told() {
    let server = serve();
    let reply = get(&server, "/api/models/no/such");
    assert_eq!((reply.status, reply.header("x-error-code")), (401, Some("RepoNotFound")));
    server.set_missing_is_404(true);
    let reply = get(&server, "/api/models/no/such");
    assert_eq!((reply.status, reply.header("x-error-code")), (404, Some("RepoNotFound")));
    assert!(reply.header("x-error-message").is_some());
}

#[test]
fn references_are_found_with_their_slashes_bare_too() {
    let server = serve();
    server.edit(RepoKind::Model, "a/b", |repo| repo.point("refs/pr/1", "main"));
    for revision in ["main", "refs/pr/1", "refs%2Fpr%2F1", "refs%2fheads%2fmain"] {
        let reply = get(&server, &format!("/a/b/resolve/{revision}/config.json"));
        assert_eq!((reply.status, &*reply.body), (200, &b"{}"[..]), "{revision}");
        assert_eq!(
            get(&server, &format!("/api/models/a/b/tree/{revision}")).status,
            200,
            "{revision}"
        );
    }
}

#[test]
fn ids_have_one_name_or_two_and_may_be_words_of_the_protocol() {
    let server = HubServer::start();
    for id in ["gpt2", "evil/tree", "a/resolve", "resolve/resolve"] {
        let mut repo = Repo::model(id);
        repo.commit("main", "First", [File::new("id.txt", id)]);
        server.add(repo);
    }
    for id in ["gpt2", "evil/tree", "a/resolve", "resolve/resolve"] {
        assert_eq!(get(&server, &format!("/api/models/{id}")).json()["id"], id);
        assert_eq!(get(&server, &format!("/api/models/{id}/tree/main")).status, 200, "{id}");
        assert_eq!(get(&server, &format!("/{id}/resolve/main/id.txt")).body, id.as_bytes());
    }
}

#[test]
fn what_is_no_address_is_refused() {
    let server = serve();
    for target in [
        "/",
        "/a",
        "/a/b",
        "/api/models",
        "/api/models/",
        "/api/models/a/b/c",
        "/x",
        "//",
        "/api/models/a/b/tree",
    ] {
        assert!(get(&server, target).status >= 400, "{target}");
    }
    assert_eq!(get(&server, "/cdn/unknown").status, 403);
}
