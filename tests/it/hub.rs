//! A study of a model on a hub: the numbers of the same files in a folder, and no byte more than
//! needed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use settling::capture::Engine;
use settling::checkpoint::{Audit, StepDirectories, Verdict};
use settling::core::{CheckpointSeries, Positions, Step};
use settling::hub::{Hub, HubSeries, HubSettings};
use settling::models::ModelSource;
use settling::tokens::{NpyTokens, write_npy};
use settling::{ModelStudy, Plan, Protocol, Store, Study, TransformerAdapter};
use settling_hub_server::{File, HubServer, Repo};
use tempfile::TempDir;

use settling_testkit::{TINY_STEPS, tiny_batch, train_tiny};

const MODEL: &str = "owner/tiny";

fn study(out: &Path) -> Study {
    let mut protocol = Protocol::corrected();
    protocol.rows.positions = Positions::All;
    Study::new(Store::open(out).unwrap(), [protocol]).unwrap()
}

fn adapter() -> TransformerAdapter {
    TransformerAdapter::new(Engine { micro_batch: Some(4), ..Engine::default() })
}

fn write(found: &ModelStudy, out: &Path) {
    study(out).write_tables(std::slice::from_ref(found)).unwrap();
}

/// The same checkpoints in a folder and on a hub.
struct Fixture {
    folder: TempDir,
    server: HubServer,
}

impl Fixture {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        train_tiny(&folder.path().join("m"));
        let mut repo = Repo::model(MODEL);
        for step in TINY_STEPS {
            let place = folder.path().join(format!("m/step{step}"));
            let file = |name: &str| File::new(name, fs::read(place.join(name)).unwrap());
            let files = [file("config.json"), file("model.safetensors")];
            repo.replace(&format!("step{step}"), "Add weights", files);
        }
        write_npy(folder.path().join("rows.npy"), &tiny_batch(99)).unwrap();
        let server = HubServer::start();
        server.add(repo);
        Self { folder, server }
    }

    fn series(&self, cache: &Path) -> HubSeries {
        let mut settings = HubSettings::new(cache);
        settings.endpoint = self.server.url();
        settings.backoff = Duration::from_millis(1);
        HubSeries::open(&Hub::new(settings).unwrap(), MODEL).unwrap()
    }

    /// What `look` sees of the plan of a study.
    fn plan<C, R>(
        &self,
        series: &C,
        out: &Path,
        look: impl FnOnce(Plan<'_, C, TransformerAdapter>) -> R,
    ) -> R
    where
        C: CheckpointSeries<Source: ModelSource>,
    {
        let tokens = NpyTokens::open(self.folder.path().join("rows.npy")).unwrap();
        look(study(out).plan("m", series, &adapter(), Some(&tokens)).unwrap())
    }

    fn study<C>(&self, series: &C, out: &Path) -> ModelStudy
    where
        C: CheckpointSeries<Source: ModelSource>,
    {
        self.plan(series, out, |plan| plan.run(&mut |_| {})).unwrap()
    }

    /// The bytes of weights that were asked for since the last time.
    fn served(&self) -> u64 {
        let bytes = self.server.bytes_served("/cdn/");
        self.server.clear_log();
        bytes
    }
}

#[test]
fn the_hub_gives_the_numbers_of_the_files_and_no_byte_twice() {
    let fixture = Fixture::new();
    let (cache, here, there) =
        (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let local = StepDirectories::open(fixture.folder.path().join("m")).unwrap();
    write(&fixture.study(&local, here.path()), here.path());
    let series = fixture.series(cache.path());
    let size = series.size();
    let study = fixture.study(&series, there.path());
    let study = study.with_audit(Audit::new().run(&series).unwrap());
    write(&study, there.path());
    assert_eq!(fixture.served(), size);
    for table in ["records.csv", "mcc.csv"] {
        let read = |out: &TempDir| fs::read(out.path().join(table)).unwrap();
        assert_eq!(read(&here), read(&there), "{table}");
    }
}

#[test]
fn what_is_done_is_not_fetched_again() {
    let fixture = Fixture::new();
    let out = TempDir::new().unwrap();
    let series_of = |cache: &TempDir| fixture.series(cache.path()).delete_after(true);
    let run = |series: &HubSeries| fixture.study(series, out.path());
    let cache = TempDir::new().unwrap();
    let first = run(&series_of(&cache));
    let size = fixture.served();
    assert_eq!(size, series_of(&cache).size(), "each step once, the last one too");
    // Done: the weights are gone, and none are fetched to see that.
    assert!(first.steps.iter().all(|step| !step.reused));
    let second = run(&series_of(&TempDir::new().unwrap()));
    assert!(second.steps.iter().all(|step| step.reused));
    assert_eq!(second.records, first.records);
    assert_eq!(fixture.served(), 0);
    // One unit is lost: it and the reference are fetched.
    fs::remove_dir_all(out.path().join("m/step4")).unwrap();
    let third = run(&series_of(&TempDir::new().unwrap()));
    assert_eq!(third.records, first.records);
    let reused: BTreeMap<Step, bool> =
        third.steps.iter().map(|step| (step.step, step.reused)).collect();
    assert_eq!(reused.values().filter(|reused| !**reused).count(), 1);
    assert!(!reused[&Step(4)]);
    assert_eq!(fixture.served(), size / 2);
}

/// What is said beforehand is what is fetched then.
#[test]
fn what_is_left_is_told_before_it_is_done() {
    let fixture = Fixture::new();
    let (out, cache) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let told = |series: &HubSeries| {
        fixture.plan(series, out.path(), |plan| {
            let sizes = (plan.steps().len(), plan.rows().len());
            (plan.missing().to_vec(), plan.opened(), sizes)
        })
    };
    let series = fixture.series(cache.path());
    let (missing, opened, sizes) = told(&series);
    assert_eq!(opened, TINY_STEPS.map(Step));
    assert_eq!(sizes, (TINY_STEPS.len(), 1));
    assert!(missing.iter().all(|(_, protocols)| protocols == &["corrected"]));
    let bytes = series.bytes_to_fetch(&opened);
    assert_eq!((bytes, fixture.served()), (series.size(), 0));
    fixture.study(&series, out.path());
    assert_eq!(fixture.served(), bytes);
    assert_eq!(series.bytes_to_fetch(&opened), 0);
    let (missing, opened, _) = told(&series);
    assert_eq!((missing, opened), (Vec::new(), Vec::new()));

    // One unit is lost: the last step is needed too. Or it was there, of another step's weights.
    let unit = out.path().join("m/step4");
    fs::rename(&unit, out.path().join("m/lost")).unwrap();
    let fresh = fixture.series(TempDir::new().unwrap().path());
    let (missing, opened, _) = told(&fresh);
    assert_eq!(missing, [(Step(4), vec!["corrected".to_owned()])]);
    assert_eq!(opened, [Step(4), Step(12)]);
    assert_eq!(fresh.bytes_to_fetch(&opened), fresh.size() / 2);
    fs::rename(out.path().join("m/step1"), unit).unwrap();
    let missing: Vec<Step> = told(&fresh).0.into_iter().map(|(step, _)| step).collect();
    assert_eq!(missing, [Step(1), Step(4)]);
    // A folder is not read for it: what is there of that step counts.
    let local = StepDirectories::open(fixture.folder.path().join("m")).unwrap();
    let missing = fixture.plan(&local, out.path(), |plan| plan.missing().to_vec());
    let missing: Vec<Step> = missing.into_iter().map(|(step, _)| step).collect();
    assert_eq!(missing, [Step(1), Step(4)]);
}

#[test]
fn the_verdict_on_the_checkpoints_is_kept_with_the_numbers() {
    let fixture = Fixture::new();
    let out = TempDir::new().unwrap();
    // As if step 4 were the last.
    let (from, to) =
        (fixture.folder.path().join("m/step12"), fixture.folder.path().join("m/step4"));
    fs::copy(from.join("model.safetensors"), to.join("model.safetensors")).unwrap();
    let local = StepDirectories::open(fixture.folder.path().join("m")).unwrap();
    let study = fixture.study(&local, out.path());
    let audit = Audit::new().run(&local).unwrap();
    assert_eq!(audit.verdict(), Verdict::Broken);
    write(&study.with_audit(audit), out.path());
    let json = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(out.path().join(name)).unwrap()).unwrap()
    };
    assert_eq!(json("m/audit.json")["verdict"], "broken");
    let manifest = json("manifest.json");
    assert_eq!(manifest["models"][0]["audit"]["verdict"], "broken");
    let finding = manifest["models"][0]["audit"]["findings"][0].as_str().unwrap();
    assert!(finding.contains("step 4"), "{finding}");
}
