//! The official Python client finds at this server what it finds at the hub: `python/check.py`.

use std::process::Command;

use settling_hub_server::{Fault, File, HubServer, Listener, Repo, RepoKind, Rule};

fn weights(step: u64) -> Vec<u8> {
    format!("weights of step {step}").repeat(10_000).into_bytes()
}

fn rows(count: u32) -> Vec<u8> {
    (0..count).map(|place| (place % 251) as u8).collect()
}

/// Longer than what the client writes at a time (10 MiB), so that there is something to go on from.
fn to_be_cut() -> File {
    File::new("cut.bin", rows(12_000_000))
}

/// What check.py expects to find, in pages of three.
fn serve() -> HubServer {
    let server = HubServer::start();
    server.set_page_size(3);
    let config = || File::new("config.json", "{\"hidden_size\": 8}\n");

    let mut model = Repo::model("suite/model");
    let first = [config(), File::new("model.safetensors", weights(0)), to_be_cut()];
    model.commit("step0", "Add weights", first);
    let second = [
        config(),
        File::new("model.safetensors", weights(1000)),
        File::new("shards/a.bin", "shard a"),
        File::new("shards/b.bin", "shard b"),
        File::new("shards/deep/c.txt", "c"),
    ];
    model.commit("step1000", "Add weights", second);
    for (reference, revision) in [
        ("main", "step1000"),
        ("feature/x", "main"),
        ("refs/tags/v1", "step0"),
        ("refs/pr/1", "v1"),
    ] {
        model.point(reference, revision);
    }
    model.commit("feature/x", "Add notes", [File::new("notes.md", "# Notes")]);
    let cut = Rule::new(Fault::Cut(11_000_000)).method("GET").path(to_be_cut().etag()).first(1);
    server.inject(cut);
    server.add(model);

    let mut dataset = Repo::dataset("suite/rows");
    let big = File::made("big.bin", 30 << 30, "b".repeat(64), |offset, buffer| {
        for (place, byte) in (offset..).zip(buffer) {
            *byte = (place % 251) as u8;
        }
    });
    dataset.commit("main", "Save rows -- Step 0", [File::new("README.md", "# Rows\n"), big]);
    for step in 1..4 {
        let rows = [rows(100_000), step.to_string().into_bytes()].concat();
        let title = format!("Save rows -- Step {step}");
        dataset.commit("main", &title, [File::new("rows.parquet", rows)]);
    }
    dataset.point("refs/convert/parquet", "main");
    server.add(dataset);

    for repo in [
        Repo::model("suite/old-name"),
        Repo::model("suite/gated").gated("secret"),
        Repo::model("suite/private").private("secret"),
        Repo::model("suite/broken"),
    ] {
        let mut repo = repo;
        repo.commit("main", "Add files", [File::new("model.bin", "gated")]);
        server.add(repo);
    }
    server.edit(RepoKind::Model, "suite/old-name", |repo| {
        repo.replace("main", "Rename", [config(), File::new("model.safetensors", weights(0))])
    });
    server.rename(RepoKind::Model, "suite/old-name", "suite/new-name");
    server.inject(Rule::new(Fault::Status(500)).path("suite/broken"));
    server
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that did nothing says so")]
fn the_python_client_is_content() {
    let packages = std::env::var_os("SETTLING_PYTHONPATH").filter(|folder| !folder.is_empty());
    let Some(packages) = packages else {
        eprintln!(
            "skipped: SETTLING_PYTHONPATH is not set; `cargo xtask test` installs huggingface_hub and sets it"
        );
        return;
    };
    // With the small files served directly, and by way of the hub's redirect.
    for resolve_cache in [false, true] {
        let server = serve();
        server.set_resolve_cache(resolve_cache);
        let home = tempfile::tempdir().unwrap();
        let output = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python/check.py"))
            .env("PYTHONPATH", &packages)
            .env("HF_ENDPOINT", server.url())
            .env("HF_HOME", home.path())
            .env("HF_HUB_DISABLE_TELEMETRY", "1")
            .env("HF_HUB_DISABLE_PROGRESS_BARS", "1")
            .env_remove("HF_TOKEN")
            .output()
            .unwrap();
        let (said, complaints) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}\n{complaints}");
        assert!(said.ends_with("all checks passed\n"), "{said}");

        // What the client cannot say: that its token stayed at home, and that it went on where it
        // had been cut.
        let log = server.log();
        let at_store = log.iter().filter(|one| one.listener == Listener::Cdn);
        assert!(at_store.clone().all(|one| !one.authorized), "{log:#?}");
        assert!(log.iter().any(|one| one.authorized));
        let cut = to_be_cut();
        assert_eq!(server.count("HEAD", "/api/resolve-cache/") > 0, resolve_cache);
        let fetches = at_store.filter(|one| one.target.ends_with(cut.etag()));
        let fetches: Vec<_> =
            fetches.map(|one| (one.range.as_deref(), one.status, one.sent)).collect();
        assert_eq!(fetches, [(None, 200, 11_000_000), (Some("bytes=10485760-"), 206, 1_514_240)]);
    }
}
