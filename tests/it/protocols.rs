//! Whole studies under several protocols: held to transformers and numpy, number by number, and
//! what is computed again when.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use settling::analysis::{Window, layer_variables};
use settling::capture::Engine;
use settling::checkpoint::StepDirectories;
use settling::core::{Component, Step};
use settling::records::{Record, read_mcc, read_records};
use settling::tokens::NpyTokens;
use settling::{
    Error, ErrorKind, GradientBatches, ModelStudy, Protocol, Shard, Store, Study, TrainingData,
    TransformerAdapter,
};
use tempfile::TempDir;

/// What golden/make.py has written.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/suite").join(name)
}

fn mixed() -> Protocol {
    Protocol::read(golden("mixed.toml")).unwrap()
}

/// The choices of a study.
struct Setup {
    protocols: Vec<Protocol>,
    training: Option<Arc<TrainingData>>,
    shard: Shard,
}

fn setup(protocols: Vec<Protocol>) -> Setup {
    let rows = NpyTokens::open(golden("training.npy")).unwrap();
    let training = Some(Arc::new(TrainingData::new(rows, 130).unwrap()));
    Setup { protocols, training, shard: Shard::All }
}

impl Setup {
    fn study(&self, out: &Path) -> Result<Study, Error> {
        let study = Study::new(Store::open(out)?, self.protocols.clone())?.with_shard(self.shard);
        Ok(match &self.training {
            Some(training) => study.with_training(Arc::clone(training)),
            None => study,
        })
    }
}

fn study(setup: &Setup, out: &Path) -> Result<ModelStudy, Error> {
    let study = setup.study(out)?;
    let found = study_only(&study)?;
    study.write_tables(std::slice::from_ref(&found))?;
    Ok(found)
}

fn study_only(study: &Study) -> Result<ModelStudy, Error> {
    settling::capture::set_threads(1);
    let series = StepDirectories::open(golden("m")).unwrap();
    let adapter = TransformerAdapter::new(Engine::default());
    let tokens = NpyTokens::open(golden("rows.npy")).unwrap();
    study.plan("m", &series, &adapter, Some(&tokens))?.run(&mut |_| {})
}

/// The name of a number in expected.json.
fn name(record: &Record) -> String {
    let Record { step, site, signal, metric, estimator, .. } = record;
    match metric.as_str() {
        // How the spectrum was found is ours.
        "effective_rank" => format!("{step} {site} {signal} {metric}"),
        _ => format!("{step} {site} {signal} {metric} {estimator}"),
    }
}

/// Every number of three protocols that share a pass over the checkpoints. Transformers' f32
/// differs from its f64 by 3e-7 at most here; ours may err as much on the other side, and rounds
/// sums in another order: ten times that in all.
#[test]
fn every_number_is_that_of_transformers_and_numpy() {
    const TOLERANCE: f64 = 3e-6;
    let expected = fs::read_to_string(golden("expected.json")).unwrap();
    let expected: BTreeMap<String, BTreeMap<String, f64>> =
        serde_json::from_str(&expected).unwrap();
    let out = TempDir::new().unwrap();
    let protocols = vec![Protocol::corrected(), Protocol::published(), mixed()];
    let study = study(&setup(protocols), out.path()).unwrap();
    for (protocol, mut numbers) in expected {
        for record in study.records.iter().filter(|record| record.protocol == protocol) {
            let (name, found) = (name(record), record.value.clone().unwrap());
            let expected = numbers.remove(&name).unwrap_or_else(|| panic!("{protocol}: {name}"));
            let error = (found / expected - 1.0).abs();
            assert!(error < TOLERANCE, "{protocol}: {name}: {found}, expected {expected}");
        }
        assert!(numbers.is_empty(), "{protocol}: not measured: {numbers:?}");
    }
}

#[test]
fn the_tables_have_every_protocol_and_the_manifest_says_what_they_are() {
    let out = TempDir::new().unwrap();
    let protocols = vec![Protocol::corrected(), Protocol::published()];
    let study = study(&setup(protocols.clone()), out.path()).unwrap();
    let open = |name: &str| fs::File::open(out.path().join(name)).unwrap();
    assert_eq!(read_records(open("records.csv")).unwrap(), study.records);
    let mcc = read_mcc(open("mcc.csv")).unwrap();
    let of = |name: &str| mcc.iter().filter(|row| row.protocol == name).collect::<Vec<_>>();
    assert_eq!((of("corrected").len(), of("published").len()), (4, 4));
    for row in of("published") {
        // There is no step of index 13.
        assert_eq!(row.mcc.as_ref().unwrap_err(), "no step was studied at index 13");
        let view = if row.component == Component::Mlp { "write" } else { "ov_flat" };
        assert_eq!(row.view.name(), view);
    }
    let manifest: serde_json::Value = serde_json::from_reader(open("manifest.json")).unwrap();
    for (index, protocol) in protocols.iter().enumerate() {
        let printed = manifest["protocols"][index].clone();
        assert_eq!(&serde_json::from_value::<Protocol>(printed).unwrap(), protocol);
        assert_eq!(manifest["models"][0]["tokens"][index]["protocol"], protocol.name.as_str());
    }
    assert_eq!(manifest["models"][0]["tokens"][0]["rows"], 130);
    assert_eq!(manifest["models"][0]["tokens"][1]["rows"], 128);
    // A protocol alone gives the numbers that it gives beside others.
    let alone = TempDir::new().unwrap();
    let alone = self::study(&setup(vec![Protocol::published()]), alone.path()).unwrap();
    let beside = study.records.iter().filter(|record| record.protocol == "published");
    assert!(alone.records.iter().eq(beside));
}

fn computed(study: &ModelStudy) -> Vec<(u64, String)> {
    study.steps.iter().map(|step| (step.step.0, step.computed.join(" "))).collect()
}

fn all(names: &str) -> Vec<(u64, String)> {
    [0, 6, 12].map(|step| (step, names.to_owned())).to_vec()
}

/// Each process computes its share; whoever finds everything done writes the tables, which are
/// those of one process.
#[test]
fn shards_together_are_one_study() {
    let [whole, out] = [(); 2].map(|()| TempDir::new().unwrap());
    let mut setup = setup(vec![Protocol::corrected(), mixed()]);
    let single = study(&setup, whole.path()).unwrap();

    let mut run = |shard: Option<&str>| {
        setup.shard = shard.map_or(Shard::All, |shard| shard.parse().unwrap());
        let study = setup.study(out.path()).unwrap();
        let found = study_only(&study).unwrap();
        (study.write_tables(std::slice::from_ref(&found)), found)
    };
    let steps = |study: &ModelStudy| study.steps.iter().map(|s| s.step.0).collect::<Vec<_>>();
    // Of the steps 0, 6 and 12, the last of which is the reference of all.
    let (tables, first) = run(Some("2/2"));
    assert_eq!(computed(&first), [(6, "corrected mixed".to_owned())]);
    assert_eq!(first.missing, [Step(0), Step(12)]);
    assert!(first.records.iter().all(|record| record.step == Step(6)));
    let error = tables.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("m: the steps 0, 12 are not there"), "{error}");
    assert!(!out.path().join("records.csv").exists());

    let (tables, second) = run(Some("1/2"));
    let both = "corrected mixed".to_owned();
    assert_eq!(computed(&second), [(0, both.clone()), (6, String::new()), (12, both)]);
    assert_eq!((&second.records, second.missing.len()), (&single.records, 0));
    tables.unwrap();
    let same_tables = || {
        for table in ["records.csv", "mcc.csv", "settling.csv", "summary.csv"] {
            let [one, other] =
                [&whole, &out].map(|folder| fs::read(folder.path().join(table)).unwrap());
            assert!(one == other, "{table}");
        }
    };
    same_tables();
    // Units too, to the byte.
    for unit in ["step0/mixed", "step6/corrected", "step12/mixed"] {
        for file in ["records.csv", "spectra.safetensors", "unit.json"] {
            let [one, other] = [&whole, &out]
                .map(|folder| fs::read(folder.path().join("m").join(unit).join(file)).unwrap());
            assert!(one == other, "{unit}/{file}");
        }
    }

    // A unit of another shard that is not from these inputs does not count.
    let seal = out.path().join("m/step6/mixed/unit.json");
    fs::write(&seal, fs::read_to_string(&seal).unwrap().replace("\"key\": \"", "\"key\": \"0"))
        .unwrap();
    assert_eq!(run(Some("1/2")).1.missing, [Step(6)]);
    let (tables, merged) = run(None);
    tables.unwrap();
    assert_eq!(steps(&merged), [0, 6, 12]);
    assert_eq!(computed(&merged)[1], (6, "mixed".to_owned()));
    same_tables();
}

#[test]
fn only_what_a_changed_protocol_measures_is_computed_again() {
    let out = TempDir::new().unwrap();
    let mut setup = setup(vec![Protocol::corrected(), mixed()]);
    let run = |setup: &Setup| study(setup, out.path()).unwrap();
    let first = run(&setup);
    assert_eq!(computed(&first), all("corrected mixed"));
    let again = run(&setup);
    assert_eq!((computed(&again), &again.records), (all(""), &first.records));
    assert!(again.steps.iter().all(|step| step.reused));

    // What decides and averages, but measures nothing.
    setup.protocols[1].early.window = Window::Index(1);
    setup.protocols[1].summary.least_gradient_per = 0.25;
    assert_eq!(computed(&run(&setup)), all(""));
    // What is measured.
    setup.protocols[1].views.heads = false;
    let changed = run(&setup);
    assert_eq!(computed(&changed), all("mixed"));
    let of_corrected = |study: &ModelStudy| -> Vec<Record> {
        study.records.iter().filter(|record| record.protocol == "corrected").cloned().collect()
    };
    assert_eq!(of_corrected(&changed), of_corrected(&first));
    // What is lost.
    fs::remove_dir_all(out.path().join("m/step6/corrected")).unwrap();
    let expected = [(0, String::new()), (6, "corrected".to_owned()), (12, String::new())];
    let found = run(&setup);
    assert_eq!((computed(&found), found.records), (expected.to_vec(), changed.records));

    // Other batches of the training change what is taken on them.
    let rows = NpyTokens::open(golden("training.npy")).unwrap();
    setup.training = Some(Arc::new(TrainingData::new(rows, 100).unwrap()));
    assert_eq!(computed(&run(&setup)), all("mixed"));
}

/// The spectra of one batch, of averages, and where ranks are averaged those of each batch.
#[test]
fn every_spectrum_that_a_number_came_from_is_kept() {
    let out = TempDir::new().unwrap();
    study(&setup(vec![Protocol::published(), mixed()]), out.path()).unwrap();
    let names = |place: &str| {
        let path = out.path().join("m").join(place).join("spectra.safetensors");
        let bytes = fs::read(path).unwrap();
        let spectra = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        spectra.tensors().into_iter().map(|(name, one)| (name, one.shape().to_vec())).collect()
    };
    let published: BTreeMap<String, Vec<usize>> = names("step6/published");
    // Two layers of a whole, three heads and an MLP; weights and gradients.
    assert_eq!(published.len(), 2 * 5 * 2);
    assert_eq!(published["layer1.attention.ov_flat.head2.weight"], [8]);
    assert_eq!(published["layer1.attention.ov_flat.head2.gradient"], [16]);
    assert_eq!(published["layer1.attention.ov_flat.gradient"], [24]);
    let mixed: BTreeMap<String, Vec<usize>> = names("step6/mixed");
    assert_eq!(mixed.len(), 2 * 5 * 3);
    assert_eq!(mixed["layer0.mlp.write.gradient.batch1"], [24]);
    // One batch.
    let mixed: BTreeMap<String, Vec<usize>> = names("step0/mixed");
    assert_eq!(mixed["layer0.mlp.write.gradient"], [24]);
}

/// The early variable of the published code looks at one step by its place.
#[test]
fn early_convergence_may_be_that_of_a_step_by_its_place() {
    let out = TempDir::new().unwrap();
    let mut protocol = Protocol::published();
    protocol.early.window = Window::Index(1);
    let study = study(&setup(vec![protocol.clone()]), out.path()).unwrap();
    for layer in layer_variables(&study.records, "m", &protocol.rules()) {
        let cka = study.records.iter().find(|record| {
            record.step == Step(6) && record.site == layer.site && record.estimator == "biased"
        });
        let cka = cka.unwrap().value.clone().unwrap();
        assert_eq!(layer.early, Ok(cka > 0.45), "{} {cka}", layer.site);
    }
}

#[test]
fn what_a_protocol_needs_and_does_not_get_is_said() {
    let out = TempDir::new().unwrap();
    let refused = |change: &dyn Fn(&mut Setup), kind: ErrorKind, parts: &[&str]| {
        let mut setup = setup(vec![Protocol::published()]);
        change(&mut setup);
        let error = study(&setup, out.path()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    refused(
        &|setup| setup.training = None,
        ErrorKind::Usage,
        &["`published`", "batches of the training", "gradients.batches = \"evaluation\""],
    );
    refused(
        &|setup| {
            setup.protocols[0].gradients.batches =
                GradientBatches::Training { from: 1, to: 5, take: None };
        },
        ErrorKind::Usage,
        &["near step 12", "there are 12"],
    );
    refused(
        &|setup| setup.protocols[0].gradients.rows = Some(131),
        ErrorKind::Usage,
        &["131 rows", "has 130"],
    );
    refused(
        &|setup| setup.protocols[0].rows.sequences = Some(131),
        ErrorKind::Usage,
        &["131 sequences", "`rows.sequences`"],
    );
    refused(&|setup| setup.protocols.clear(), ErrorKind::Usage, &["no protocol"]);
    refused(
        &|setup| setup.protocols.push(Protocol::published()),
        ErrorKind::Usage,
        &["two protocols", "`published`"],
    );
    refused(&|setup| setup.protocols[0].name = "a/b".to_owned(), ErrorKind::Usage, &["a/b"]);
}

/// A model whose fused projection has no flat slice that differs, and whose positions end.
#[test]
fn a_model_that_cannot_be_looked_at_like_that_says_why() {
    let folder = TempDir::new().unwrap();
    let gpt2 =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/settling-capture/tests/golden/gpt2");
    let place = folder.path().join("m/step0");
    fs::create_dir_all(&place).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::copy(gpt2.join(file), place.join(file)).unwrap();
    }
    let ids = (0..5 * 13).map(|id| id % 18).collect();
    let batch = settling::core::TokenBatch::new(ids, 13).unwrap();
    settling::tokens::write_npy(folder.path().join("rows.npy"), &batch).unwrap();
    let refused = |lines: &str, kind: ErrorKind, part: &str| {
        let text = format!("name = 'mine'\nbase = 'corrected'\n{lines}");
        let store = Store::open(folder.path().join("out")).unwrap();
        let study = Study::new(store, [Protocol::from_toml(&text).unwrap()]).unwrap();
        let series = StepDirectories::open(folder.path().join("m")).unwrap();
        let adapter = TransformerAdapter::new(Engine::default());
        let tokens = NpyTokens::open(folder.path().join("rows.npy")).unwrap();
        let plan = study.plan("m", &series, &adapter, Some(&tokens));
        let error = plan.and_then(|plan| plan.run(&mut |_| {}));
        let error = error.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert!(error.to_string().contains("`mine`"), "{error}");
    };
    for views in ["activations", "weights"] {
        refused(&format!("views.{views} = 'ov_flat'"), ErrorKind::Input, "there is no site");
    }
    refused("rows.inputs = 'whole'", ErrorKind::Compute, "learned 12 positions");
}
