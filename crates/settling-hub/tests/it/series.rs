//! Series of steps: which files, which revisions, what is kept.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use settling_checkpoint::{
    Audit, Checkpoint, FindingKind, PicoDynamics, PicoSplit, StepPattern, Verdict,
};
use settling_core::{CheckpointSeries, Signal, Step, TensorSource};
use settling_hub::{ErrorKind, HubSeries, StepNames, Suite};
use settling_hub_server::{Fault, File, Repo, RepoKind, Rule};

use crate::support::{Fixture, MODEL, suite, weights};

fn open(fixture: &Fixture, steps: Option<&[Step]>) -> HubSeries {
    HubSeries::builder(&fixture.hub, MODEL).steps(steps.map(<[Step]>::to_vec)).open().unwrap()
}

/// How many files of weights the cache holds.
fn cached(fixture: &Fixture) -> usize {
    let blobs = fs::read_dir(fixture.model().cache_folder().join("blobs"));
    blobs.map_or(0, |blobs| {
        blobs.filter(|blob| blob.as_ref().unwrap().metadata().unwrap().len() > 1000).count()
    })
}

#[test]
fn steps_are_revisions_and_hold_their_weights() {
    let fixture = Fixture::new(suite());
    let series = open(&fixture, None);
    assert_eq!(series.steps().unwrap(), [Step(0), Step(1), Step(1000), Step(2000)]);
    let checkpoint = series.open(Step(1000)).unwrap();
    assert_eq!(checkpoint.tensors().len(), 2);
    assert_eq!(checkpoint.read("a").unwrap().to_f32().unwrap(), [10.0; 1000]);
    assert!(checkpoint.folder().ends_with(&series.revision(Step(1000)).unwrap().commit));
    assert_eq!(fs::read(series.fetch_file(Step(0), "config.json").unwrap()).unwrap(), b"{}");
    let error = series.open(Step(7)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
    assert!(error.to_string().contains("0, 1, 1000, 2000"), "{error}");
    assert_eq!(series.size(), 4 * weights(0).len() as u64);
}

#[test]
fn chosen_steps_are_listed_alone_and_the_last_is_always_among_them() {
    let fixture = Fixture::new(suite());
    let series = open(&fixture, Some(&[Step(1)]));
    assert_eq!(series.steps().unwrap(), [Step(1), Step(2000)]);
    assert_eq!(fixture.server.count("GET", "/tree/"), 2);
    let error = HubSeries::builder(&fixture.hub, MODEL).steps(vec![Step(7)]).open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
}

#[test]
fn an_audit_needs_no_download() {
    let fixture = Fixture::new(suite());
    let series = open(&fixture, None);
    let report = Audit::new().run_listing(series.listing()).unwrap();
    assert!(
        report.findings.iter().any(|one| matches!(
            &one.kind,
            FindingKind::IdenticalSteps { steps } if *steps == [Step(0), Step(1)]
        )),
        "{report}"
    );
    assert_eq!(fixture.server.count("GET", "/cdn/"), 0);
    assert_eq!(series.fingerprint(Step(0)).unwrap(), series.fingerprint(Step(1)).unwrap());
    assert_ne!(series.fingerprint(Step(0)).unwrap(), series.fingerprint(Step(1000)).unwrap());
}

#[test]
fn a_fingerprint_is_of_the_weights_and_of_the_configuration() {
    let config = |theta: &str| File::new("config.json", format!(r#"{{"rope_theta":{theta}}}"#));
    let mut repo = Repo::model(MODEL);
    for (step, theta, value) in [(0, "10000", 0), (1, "10000", 0), (2, "500", 0), (3, "500", 3)] {
        let files = [
            config(theta),
            File::new("model.safetensors", weights(value)),
            File::new("README.md", step.to_string()),
        ];
        repo.replace(&format!("step{step}"), "Add weights", files);
    }
    let fixture = Fixture::new(repo);
    let series = open(&fixture, None);
    let fingerprint = |step| series.fingerprint(Step(step)).unwrap().unwrap();
    assert_eq!(fingerprint(0), fingerprint(1), "equal files, another commit");
    assert_ne!(fingerprint(1), fingerprint(2), "another configuration of the same weights");
    assert_ne!(fingerprint(2), fingerprint(3), "other weights of the same configuration");

    // The listings have what the audit needs to see the same.
    for listing in [series.listing(), series.full_listing()] {
        let report = Audit::new().run_listing(listing).unwrap();
        let changed = FindingKind::ChangedConfig { step: Step(2), previous: Step(1) };
        assert!(report.findings.iter().any(|one| one.kind == changed), "{report}");
    }
    assert_eq!(fixture.server.count("GET", "/cdn/"), 0);
}

#[test]
fn a_stale_copy_in_another_format_is_not_read_and_is_told_of() {
    // As one published model has them: the .bin of each step, beside it in some the safetensors of
    // the last.
    let mut repo = Repo::model(MODEL);
    for step in [1000, 2000, 3000] {
        let files = [
            File::new("model.safetensors", weights(if step == 1000 { 10 } else { 30 })),
            File::new("pytorch_model.bin", step.to_string()),
        ];
        repo.replace(&format!("step{step}"), "Add weights", files);
    }
    let fixture = Fixture::new(repo);
    let series = open(&fixture, None);
    assert_eq!(series.weights(Step(1000)).unwrap()[0].path, "pytorch_model.bin");
    assert_eq!(Audit::new().run_listing(series.listing()).unwrap().verdict(), Verdict::Sound);
    let full = Audit::new().run_listing(series.full_listing()).unwrap();
    assert_eq!(full.verdict(), Verdict::Broken, "{full}");
}

#[test]
fn deleted_after_use_and_the_last_with_the_series() {
    let fixture = Fixture::new(suite());
    let series = open(&fixture, None).delete_after(true);
    drop(series.open(Step(2000)).unwrap());
    assert_eq!(cached(&fixture), 1, "the last is kept");
    let checkpoint = series.open(Step(1000)).unwrap();
    assert_eq!(cached(&fixture), 2);
    assert_eq!(checkpoint.read("b").unwrap().to_f32().unwrap()[0], -10.0);
    drop(checkpoint);
    assert_eq!(cached(&fixture), 1);
    series.open(Step(2000)).unwrap();
    assert_eq!(fixture.server.count("GET", "/cdn/"), 2);
    // Two steps of one content: it stays while one of them is in use.
    let (zero, one) = (series.open(Step(0)).unwrap(), series.open(Step(1)).unwrap());
    drop(zero);
    assert_eq!(cached(&fixture), 2);
    assert_eq!(one.read("a").unwrap().to_f32().unwrap()[0], 0.0);
    drop(one);
    assert_eq!(cached(&fixture), 1);
    drop(series);
    assert_eq!(cached(&fixture), 0);
    // The small files stay.
    assert!(fs::read_dir(fixture.model().cache_folder().join("blobs")).unwrap().count() > 0);
}

#[test]
fn what_was_there_before_is_not_deleted() {
    let fixture = Fixture::new(suite());
    open(&fixture, None).open(Step(1000)).unwrap();
    let series = open(&fixture, None).delete_after(true);
    drop(series.open(Step(1000)).unwrap());
    drop(series);
    assert_eq!(cached(&fixture), 1);
}

#[test]
fn the_next_step_comes_while_this_one_is_studied() {
    let fixture = Fixture::new(suite());
    let series = open(&fixture, None).delete_after(true);
    let checkpoint = series.open(Step(0)).unwrap();
    series.prefetch(Step(1000));
    series.prefetch(Step(1000));
    series.prefetch(Step(7)); // Not there: no matter.
    for _ in 0..200 {
        if cached(&fixture) == 2 {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(cached(&fixture), 2);
    drop(checkpoint);
    fixture.server.clear_log();
    assert_eq!(series.open(Step(1000)).unwrap().read("a").unwrap().to_f32().unwrap()[0], 10.0);
    assert_eq!(fixture.server.count("GET", "/cdn/"), 0);
    assert_eq!(cached(&fixture), 0);

    // What goes wrong is told when the step is opened, and the next attempt is a new one.
    fixture.server.inject(Rule::new(Fault::Status(404)).method("GET").path("/cdn/"));
    series.prefetch(Step(1));
    let error = series.open(Step(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    fixture.server.clear_faults();
    series.open(Step(1)).unwrap();
}

/// By another process that shares the cache, and was done with the step.
#[test]
fn what_was_removed_after_it_was_prefetched_comes_again() {
    let fixture = Fixture::new(suite());
    let series = open(&fixture, None).delete_after(true);
    let folder = fixture.model().cache_folder();
    let commit = &series.revision(Step(1000)).unwrap().commit;
    let pointer = folder.join("snapshots").join(commit).join("model.safetensors");
    series.prefetch(Step(1000));
    while !pointer.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    fs::remove_file(fs::canonicalize(&pointer).unwrap()).unwrap();
    fs::remove_file(&pointer).unwrap();
    let checkpoint = series.open(Step(1000)).unwrap();
    assert_eq!(checkpoint.read("a").unwrap().to_f32().unwrap()[0], 10.0);
    // And goes with the checkpoint, not before.
    assert_eq!(cached(&fixture), 1);
    drop(checkpoint);
    assert_eq!(cached(&fixture), 0);
}

#[test]
fn a_branch_that_moves_does_not_move_a_series() {
    let fixture = Fixture::new(suite());
    let series = open(&fixture, None);
    series.open(Step(0)).unwrap();
    fixture.server.edit(RepoKind::Model, MODEL, |repo| repo.point("step1000", "step0"));
    assert_eq!(series.open(Step(1000)).unwrap().read("a").unwrap().to_f32().unwrap()[0], 10.0);
    assert_ne!(
        series.revision(Step(1000)).unwrap().commit,
        series.revision(Step(0)).unwrap().commit
    );
}

#[test]
fn shards_and_other_formats_are_read() {
    let index = r#"{"metadata":{},"weight_map":{"a":"model-00001-of-00001.safetensors","b":"model-00001-of-00001.safetensors"}}"#;
    let mut repo = Repo::model(MODEL);
    for step in [0, 1000] {
        let files = [
            File::new("model.safetensors.index.json", index),
            File::new("model-00001-of-00001.safetensors", weights(if step == 0 { 0 } else { 10 })),
        ];
        repo.replace(&format!("step{step}"), "Add", files);
    }
    let fixture = Fixture::new(repo);
    let series = open(&fixture, None);
    assert_eq!(series.open(Step(1000)).unwrap().read("a").unwrap().to_f32().unwrap()[0], 10.0);
    assert_eq!(series.open_remote(Step(0)).unwrap().read("a").unwrap().to_f32().unwrap()[0], 0.0);
}

#[test]
fn pytorch_files_are_read_by_ranges_too() {
    let golden = "../settling-checkpoint/tests/pytorch/pythia.bin";
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
    let mut repo = Repo::model(MODEL);
    repo.replace("step0", "Add", [File::new("pytorch_model.bin", fs::read(&golden).unwrap())]);
    let fixture = Fixture::new(repo);
    let series = open(&fixture, None);
    let (here, there) =
        (Checkpoint::open_file(&golden).unwrap(), series.open_remote(Step(0)).unwrap());
    assert!(here.tensors().len() > 1);
    assert_eq!(here.tensors(), there.tensors());
    for meta in here.tensors() {
        assert_eq!(
            there.read(&meta.name).unwrap(),
            here.read(&meta.name).unwrap(),
            "{}",
            meta.name
        );
    }
    assert!(!fixture.model().cache_folder().join("blobs").exists());
}

#[test]
fn a_revision_without_weights_is_named() {
    let fixture = Fixture::new(suite());
    fixture.server.edit(RepoKind::Model, MODEL, |repo| {
        repo.replace("step3000", "Forget the weights", [File::new("config.json", "{}")])
    });
    let error = HubSeries::open(&fixture.hub, MODEL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("step3000"), "{error}");
    // The others are there for who asks for them... but for the last, which everything is compared
    // with.
    let error = HubSeries::builder(&fixture.hub, MODEL).steps(vec![Step(0)]).open().unwrap_err();
    assert!(error.to_string().contains("step3000"), "{error}");
}

#[test]
fn two_revisions_for_one_step_are_an_error_unless_they_are_one_commit() {
    let mut repo = suite();
    repo.point("refs/tags/step02000", "step2000");
    let fixture = Fixture::new(repo);
    assert_eq!(open(&fixture, None).steps().unwrap().len(), 4);
    fixture.server.edit(RepoKind::Model, MODEL, |repo| repo.point("refs/tags/step02000", "step0"));
    let error = HubSeries::open(&fixture.hub, MODEL).unwrap_err();
    assert!(error.to_string().contains("step02000") && error.kind() == ErrorKind::Steps, "{error}");
    let error = HubSeries::builder(&fixture.hub, MODEL)
        .pattern("ckpt_{N}".parse::<StepPattern>().unwrap())
        .open()
        .unwrap_err();
    assert!(
        error.to_string().contains("ckpt_{N}") && error.to_string().contains("main"),
        "{error}"
    );
}

#[test]
fn what_picos_trainer_recorded_is_read_from_its_commits() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../settling-checkpoint/tests/pytorch/pico");
    let local = PicoDynamics::open(golden, PicoSplit::Train, Signal::Weight).unwrap();
    let path = PicoSplit::Train.file(Signal::Weight);
    let mut repo = Repo::model("pico-lm/pico-decoder-tiny");
    for step in local.steps().unwrap() {
        let file = local.open(step).unwrap().files().next().unwrap().to_path_buf();
        let file = File::new(&path, fs::read(file).unwrap());
        for (content, files) in [
            ("HF Model".to_owned(), vec![File::new("model.safetensors", weights(1))]),
            ("Learning Dynamics Data (train)".to_owned(), vec![file]),
            ("Learning Dynamics Data (val)".to_owned(), vec![File::new("x", step.to_string())]),
        ] {
            repo.commit("run-1", &format!("Saving {content} -- Step {step}"), files);
        }
    }
    let fixture = Fixture::new(repo);
    let builder = HubSeries::builder(&fixture.hub, "pico-lm/pico-decoder-tiny");
    let open = |signal| builder.clone().pico_dynamics("run-1", PicoSplit::Train, signal).open();
    let series = open(Signal::Weight).unwrap();
    assert_eq!(series.steps().unwrap(), local.steps().unwrap());
    for step in local.steps().unwrap() {
        let (here, there) = (local.open(step).unwrap(), series.open(step).unwrap());
        assert!(!here.tensors().is_empty());
        assert_eq!(here.tensors(), there.tensors());
        let remote = series.open_remote(step).unwrap();
        for meta in here.tensors() {
            let expected = here.read(&meta.name).unwrap();
            assert_eq!(there.read(&meta.name).unwrap(), expected);
            assert_eq!(remote.read(&meta.name).unwrap(), expected);
        }
    }
    let error = open(Signal::Gradient).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
    assert!(error.to_string().contains("train_gradients.pt"), "{error}");
}

#[test]
fn the_steps_of_a_suite_are_branches_main_or_commits() {
    let mut amber = Repo::model("LLM360/Amber");
    for (branch, value) in [("ckpt_000", 0), ("ckpt_017", 17), ("main", 35)] {
        amber.replace(branch, "Add", [File::new("model.safetensors", weights(value))]);
    }
    let fixture = Fixture::new(amber);
    assert_eq!(Suite::for_model("LLM360/Amber").unwrap().name, "amber");
    let series = HubSeries::open(&fixture.hub, "LLM360/Amber").unwrap();
    assert_eq!(series.steps().unwrap(), [Step(0), Step(17), Step(359)]);
    assert_eq!(series.open(Step(359)).unwrap().read("a").unwrap().to_f32().unwrap()[0], 35.0);

    let mut pico = Repo::model("pico-lm/pico-decoder-tiny");
    for step in [0, 1000, 2000] {
        let file = File::new("model.safetensors", weights((step / 100) as u8));
        pico.commit("pico-decoder-tiny-1", &format!("Saving HF Model -- Step {step}"), [file]);
        pico.commit(
            "pico-decoder-tiny-1",
            &format!("Saving Learning Dynamics Data (train) -- Step {step}"),
            [File::new("x", step.to_string())],
        );
    }
    let fixture = Fixture::new(pico);
    let suite = Suite::named("pico").unwrap();
    assert!(matches!(suite.steps, StepNames::Commits { .. }));
    let builder = HubSeries::builder(&fixture.hub, "pico-lm/pico-decoder-tiny");
    let series = builder.suite(suite).steps(vec![Step(1000)]).open().unwrap();
    assert_eq!(series.steps().unwrap(), [Step(1000), Step(2000)]);
    assert_eq!(series.open(Step(1000)).unwrap().read("a").unwrap().to_f32().unwrap()[0], 10.0);
}
