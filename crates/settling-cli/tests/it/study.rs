//! `settling study` as its users run it: a suite of a hub by name, plans, shards, exit codes.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::program::{run, settling, succeed, suite, text};

fn study(arguments: &[&str]) -> Command {
    settling("study", arguments)
}

/// The paper's command, in small: a known suite, of which nothing but the size is given.
#[cfg(feature = "hub")]
#[test]
fn a_suite_that_is_known_by_its_name_brings_its_own_rows() {
    use settling::core::{TokenBatch, TokenSource as _};
    use settling::tokens::NpyTokens;
    use settling_hub_server::{File, HubServer, Repo};
    use settling_testkit::TINY_STEPS;

    let (suite, work) = (suite(), TempDir::new().unwrap());
    let server = HubServer::start();
    let mut repo = Repo::model("EleutherAI/pythia-14m-deduped");
    for step in TINY_STEPS {
        let place = suite.path().join(format!("m/step{step}"));
        // Pythia's context: the rows are its.
        let config = fs::read_to_string(place.join("config.json")).unwrap();
        let context = "\"max_position_embeddings\": 12";
        assert!(config.contains(context), "{config}");
        let config = config.replace(context, "\"max_position_embeddings\": 2048");
        let weights = fs::read(place.join("model.safetensors")).unwrap();
        let files = [File::new("config.json", config), File::new("model.safetensors", weights)];
        repo.replace(&format!("step{step}"), "Add weights", files);
    }
    server.add(repo);
    // Two batches of the training; of the last the first 128 rows are taken.
    let rows = (0..2 * 1024_u32 * 2049).map(|place| (place / 2049 + place * 7) as u16 % 96);
    let ids: Vec<u16> = rows.collect();
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let mut data = Repo::dataset("EleutherAI/pile-deduped-pythia-preshuffled");
    data.replace("main", "Add data", [File::new("document-00000-of-00000.bin", bytes).in_lfs()]);
    server.add(data);

    let (cache, out) = (work.path().join("cache"), work.path().join("out"));
    let command = |more: &[&str]| {
        let suite = ["--suite", "pythia-deduped", "--models", "14m", "--delete-after"];
        let some = ["--sequences", "4", "--out", text(&out)];
        let mut command = study(&[&suite[..], &some, more].concat());
        command.env("HF_ENDPOINT", server.url()).env("HF_HOME", &cache).env_remove("HF_TOKEN");
        command
    };
    let plan = succeed(&mut command(&["--plan"]));
    assert!(plan.contains("pythia-14m-deduped: 4 steps, 0 of them done\nfetch "), "{plan}");
    assert!(plan.contains("\ncompute ") && plan.contains("\nwrite "), "{plan}");
    assert!(!out.join("records.csv").exists());
    // Of the rows no more than a window of a megabyte.
    assert!(server.bytes_served("/cdn/") <= 1 << 20);

    let done = succeed(&mut command(&[]));
    assert!(done.starts_with(&plan[..40]) && done.contains("report.html"), "{done}");
    let used = NpyTokens::open(out.join("tokens.npy")).unwrap();
    let used = used.read_rows(0..128).unwrap();
    let last = &ids[1024 * 2049..][..128 * 2049];
    let last = TokenBatch::new(last.iter().map(|&id| id.into()).collect(), 2049).unwrap();
    assert_eq!(used, last);
    for file in ["records.csv", "mcc.csv", "report.html", "main.svg", "main.png"] {
        assert!(out.join(file).metadata().unwrap().len() > 100, "{file}");
    }
    let weights = fs::read_dir(cache.join("hub")).unwrap().map(|entry| entry.unwrap().path());
    let left = weights.filter(|model| text(model).contains("models--"));
    for model in left {
        let snapshots = walk(&model.join("snapshots"));
        assert!(!snapshots.iter().any(|path| path.ends_with("model.safetensors")), "{snapshots:?}");
    }

    // Again: nothing is fetched but lists.
    server.clear_log();
    let again = succeed(&mut command(&[]));
    assert!(
        again.starts_with("plan      pythia-14m-deduped: 4 steps, 4 of them done\n\n"),
        "{again}"
    );
    assert_eq!(server.bytes_served("/cdn/"), 0);
}

#[cfg(feature = "hub")]
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn shards_end_with_the_bytes_of_one_run_and_quiet_is_quiet() {
    let (suite, work) = (suite(), TempDir::new().unwrap());
    let rows = suite.path().join("rows.npy");
    let command = |out: &str, more: &[&str]| {
        let folder = work.path().join(out);
        let of_suite = ["--suite", text(suite.path()), "--models", "m", "--tokens", text(&rows)];
        let out = ["--positions", "all", "--out", text(&folder)];
        study(&[&of_suite[..], &out, more].concat())
    };
    assert_eq!(succeed(&mut command("one", &["--quiet"])), "");
    let first = succeed(&mut command("many", &["--shard", "1/2"]));
    assert!(first.contains("m: 2 steps, 0 of them done"), "{first}");
    assert!(first.contains("2 steps of other shards are not there yet"), "{first}");
    assert!(!work.path().join("many/records.csv").exists());
    let (code, stdout, stderr) = run(&mut command("many", &["--merge"]));
    assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
    assert!(stderr.contains("m: steps 1, 12\n"), "{stderr}");
    assert_eq!(succeed(&mut command("many", &["--shard", "2/2", "--quiet"])), "");
    // Nothing runs: the device need not be there. (Its kind is part of what the results are known
    // by.)
    let (code, _, stderr) = run(&mut command("many", &["--merge", "--device", "cuda:7"]));
    assert_eq!(code, 3, "{stderr}");
    let merged = succeed(&mut command("many", &["--merge"]));
    assert!(merged.contains("report.html") && !merged.contains("plan "), "{merged}");
    for table in ["records.csv", "mcc.csv", "settling.csv", "summary.csv"] {
        let [one, many] =
            ["one", "many"].map(|out| fs::read(work.path().join(out).join(table)).unwrap());
        assert!(one == many, "{table}");
    }
}

/// Scripts and schedulers decide by the code; people by what is said.
#[test]
fn what_is_wrong_is_said_with_the_code_of_its_class() {
    let (suite, work) = (suite(), TempDir::new().unwrap());
    let (rows, out) = (suite.path().join("rows.npy"), work.path().join("out"));
    let file = work.path().join("file");
    fs::write(&file, "").unwrap();
    let ends = |code: i32, says: &str, arguments: &[&str]| {
        let (found, stdout, stderr) = run(&mut study(arguments));
        assert_eq!(found, code, "{arguments:?}\n{stdout}{stderr}");
        assert!(stderr.contains(says), "{arguments:?}\n{stderr}");
    };
    let (folder, rows, out) = (text(suite.path()), text(&rows), text(&out));
    let local = ["--suite", folder, "--models", "m", "--out", out];
    ends(2, "--tokens is missing", &local);
    let local = [&local[..], &["--tokens", rows]].concat();
    if cfg!(feature = "hub") {
        let known = ["--suite", "pythia-deduped", "--out", out, "--models", "7b"];
        ends(2, "no model of pythia-deduped is told by `7b`", &known);
        ends(2, "pythia-deduped", &[&local[..], &["--delete-after"]].concat());
    } else {
        ends(2, "--features hub", &["--hub", "--models", "a/b", "--out", out, "--tokens", rows]);
        ends(2, "--features hub", &[&local[..], &["--delete-after"]].concat());
    }
    ends(2, "shard 3/2", &[&local[..], &["--shard", "3/2"]].concat());
    ends(2, "m has no step 5", &[&local[..], &["--steps", "5"]].concat());
    ends(3, "file", &["--suite", folder, "--models", "m", "--out", out, "--tokens", text(&file)]);
    ends(3, "nobody", &["--suite", folder, "--models", "nobody", "--out", out, "--tokens", rows]);
    ends(2, "--merge", &[&local[..], &["--merge", "--shard", "1/2"]].concat());
    ends(4, "there is no device cuda:4096", &[&local[..], &["--device", "cuda:4096"]].concat());
    ends(5, "file", &["--suite", folder, "--models", "m", "--tokens", rows, "--out", text(&file)]);
}
