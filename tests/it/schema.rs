//! docs/SCHEMA.md against what a study writes: its words, and its Python, run with pandas and
//! polars.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use settling::capture::Engine;
use settling::checkpoint::{Audit, StepDirectories, write_safetensors};
use settling::core::{CheckpointSeries, Component, Signal, Step, TensorData, TensorSource};
use settling::records::{Record, read_mcc, read_records, read_records_parquet};
use settling::tokens::NpyTokens;
use settling::{
    Manifest, ModelStudy, Protocol, Store, Study, TrainingData, TransformerAdapter, read_spectra,
};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../docs/SCHEMA.md");

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/suite").join(name)
}

/// A study of the golden suite, with a NaN in a weight of step 6: numbers of heads, after a
/// hundred rows without, and undefined ones.
struct Fixture {
    out: TempDir,
    study: ModelStudy,
}

impl Fixture {
    /// One for all tests of this file.
    fn get() -> &'static Self {
        static STUDY: OnceLock<Fixture> = OnceLock::new();
        STUDY.get_or_init(Self::new)
    }

    fn new() -> Self {
        settling::capture::set_threads(1);
        let suite = TempDir::new().unwrap();
        for step in ["step0", "step6", "step12"] {
            let folder = suite.path().join(step);
            fs::create_dir(&folder).unwrap();
            for file in ["config.json", "model.safetensors"] {
                fs::copy(golden("m").join(step).join(file), folder.join(file)).unwrap();
            }
        }
        let series = StepDirectories::open(suite.path()).unwrap();
        let architecture = series.open(Step(12)).unwrap().architecture().unwrap();
        let spoilt = architecture.write_weight(1, Component::Mlp).name;
        spoil(&series, Step(6), &spoilt, &suite.path().join("step6/model.safetensors"));

        let training = NpyTokens::open(golden("training.npy")).unwrap();
        let training = TrainingData::new(training, 130).unwrap();
        let tokens = NpyTokens::open(golden("rows.npy")).unwrap();
        let adapter = TransformerAdapter::new(Engine::default());
        let out = TempDir::new().unwrap();
        let store = Store::open(out.path()).unwrap();
        let study = Study::new(store, protocols()).unwrap().with_training(training);
        let plan = study.plan("m", &series, &adapter, Some(&tokens)).unwrap();
        let found = plan.run(&mut |_| {}).unwrap();
        let found = found.with_audit(Audit::new().run(&series).unwrap());
        study.write_tables(std::slice::from_ref(&found)).unwrap();
        Self { out, study: found }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.out.path().join(name)
    }

    fn open(&self, name: &str) -> File {
        File::open(self.path(name)).unwrap()
    }
}

/// `corrected`, the same under other names, and `published`.
fn protocols() -> Vec<Protocol> {
    let named = |name: &str| Protocol { name: name.to_owned(), ..Protocol::corrected() };
    let mut protocols = ["corrected", "d", "e", "f"].map(named).to_vec();
    protocols.push(Protocol::published());
    protocols
}

/// Rewrites a checkpoint with a NaN in one weight.
fn spoil(series: &StepDirectories, step: Step, weight: &str, file: &Path) {
    let checkpoint = series.open(step).unwrap();
    let tensors = checkpoint.tensors().iter().map(|meta| {
        let data = checkpoint.read(&meta.name).unwrap();
        let mut bytes = data.bytes().to_vec();
        if meta.name == weight {
            bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        let data = TensorData::new(data.dtype(), data.shape().to_vec(), bytes).unwrap();
        (meta.name.clone(), data)
    });
    write_safetensors(file, &tensors.collect::<Vec<_>>()).unwrap();
}

#[test]
fn the_study_has_what_the_other_tests_are_about() {
    let records = &Fixture::get().study.records;
    assert!(records.iter().any(|record| record.value.is_err()));
    assert!(records.iter().any(|record| record.site.head.is_some()));
    assert!(records.iter().any(|record| record.positions.is_none()));
    let first = records.iter().position(|record| record.site.head.is_some()).unwrap();
    assert!(first > 100, "polars looks at the first 100 rows");
}

#[test]
fn both_files_hold_the_records_of_the_study() {
    let study = Fixture::get();
    assert_eq!(read_records(study.open("records.csv")).unwrap(), study.study.records);
    assert_eq!(read_records_parquet(study.open("records.parquet")).unwrap(), study.study.records);
}

#[test]
fn the_manifest_reads_back_and_its_hashes_are_those_of_the_files() {
    let study = Fixture::get();
    let manifest = Manifest::read(study.path("manifest.json")).unwrap();
    assert_eq!(manifest.protocols, protocols());
    let [model] = &manifest.models[..] else { panic!() };
    assert_eq!(model.engine, study.study.engine);
    assert_eq!(model.engine, "libtorch 2.11.0, cpu, f32");
    let audit = study.study.audit.as_ref().unwrap();
    let found = model.audit.as_ref().unwrap();
    assert_eq!((model.model.as_str(), &found.verdict), ("m", &audit.verdict().to_string()));
    assert_eq!(found.findings.len(), audit.findings.len());
    let tokens: Vec<usize> = model.tokens.iter().map(|tokens| tokens.rows).collect();
    assert_eq!(tokens, [130, 130, 130, 130, 128]);
    for (found, step) in model.steps.iter().zip(&study.study.steps) {
        assert_eq!((found.step, &found.checkpoint_sha256), (step.step.0, &step.checkpoint_sha256));
        assert_eq!(found.computed, ["corrected", "d", "e", "f", "published"]);
    }
    let tables: Vec<&str> = manifest.tables.keys().map(String::as_str).collect();
    assert_eq!(
        tables,
        ["mcc.csv", "records.csv", "records.parquet", "settling.csv", "summary.csv"]
    );
    for (name, hash) in &manifest.tables {
        let output = Command::new("sha256sum").arg(study.path(name)).output().unwrap();
        assert!(output.stdout.starts_with(hash.as_bytes()), "{name}");
    }
}

#[test]
fn a_manifest_that_is_none_is_an_error_with_its_path() {
    let study = Fixture::get();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("manifest.json");
    let whole = fs::read_to_string(study.path("manifest.json")).unwrap();
    // A key of a later version is passed over.
    let more = whole.replacen('{', "{\"later\": 1,", 1);
    fs::write(&path, more).unwrap();
    assert_eq!(
        Manifest::read(&path).unwrap().models,
        Manifest::read(study.path("manifest.json")).unwrap().models
    );
    for (text, part) in [
        (whole.replace("\"schema\": \"1\"", "\"schema\": \"2\""), "schema version `2`"),
        (whole.replace("\"engine\"", "\"motor\""), "engine"),
        (whole[..whole.len() / 2].to_owned(), "EOF"),
        ("[]".to_owned(), "manifest.json"),
    ] {
        fs::write(&path, text).unwrap();
        let error = Manifest::read(&path).unwrap_err();
        assert_eq!(error.kind(), settling::ErrorKind::Input);
        let said = error.to_string();
        assert!(said.contains("manifest.json") && said.contains(part), "{said}");
    }
    assert!(Manifest::read(folder.path().join("none")).unwrap_err().to_string().contains("none"));
}

/// What the spectra are there for: the recorded ranks and any other measure, without weights.
#[test]
fn stored_spectra_read_back_and_give_the_recorded_ranks() {
    let study = Fixture::get();
    for (step, protocol) in [(0, "corrected"), (6, "corrected"), (12, "published")] {
        let file = study.path(&format!("m/step{step}/{protocol}/spectra.safetensors"));
        let spectra = read_spectra(file).unwrap();
        let ranks: Vec<&Record> = study
            .study
            .records
            .iter()
            .filter(|r| (r.step, r.protocol.as_str()) == (Step(step), protocol))
            .filter(|r| r.metric == "effective_rank" && r.value.is_ok())
            .collect();
        assert_eq!(spectra.len(), ranks.len());
        for record in ranks {
            let stored = spectra
                .iter()
                .find(|stored| (stored.site, stored.signal) == (record.site, record.signal))
                .unwrap();
            assert_eq!(stored.batch, None);
            let rank = settling::rank::effective_rank(&stored.spectrum).unwrap();
            assert_eq!(Ok(rank), record.value);
        }
    }
}

/// Every file, column and key that there is, is told on the page.
#[test]
fn the_page_has_every_file_column_and_key() {
    let study = Fixture::get();
    let mut words = BTreeSet::new();
    for table in ["records.csv", "mcc.csv", "settling.csv", "summary.csv"] {
        let text = fs::read_to_string(study.path(table)).unwrap();
        words.extend(text.lines().next().unwrap().split(',').map(ToOwned::to_owned));
    }
    for file in ["manifest.json", "m/audit.json", "m/step6/published/unit.json"] {
        let json: Value = serde_json::from_reader(study.open(file)).unwrap();
        keys(&json, &mut words);
    }
    // They are files, which are told by what they are.
    words.retain(|word| !word.ends_with(".csv") && !word.ends_with(".parquet"));
    assert!(words.contains("checkpoint_sha256") && words.contains("least_gradient_per"));
    let told = |word: &str| {
        [format!("`{word}`"), format!(".{word}`")].iter().any(|form| PAGE.contains(form))
    };
    let missing: Vec<_> = words.iter().filter(|word| !told(word)).collect();
    assert!(missing.is_empty(), "not in docs/SCHEMA.md: {missing:?}");

    let mut files = BTreeSet::new();
    for folder in ["", "m", "m/step6/published"] {
        let entries = fs::read_dir(study.path(folder)).unwrap().map(Result::unwrap);
        let only_files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        files.extend(only_files.map(|entry| entry.file_name().into_string().unwrap()));
    }
    assert_eq!(files.len(), 9, "{files:?}");
    let missing: Vec<_> = files.iter().filter(|file| !PAGE.contains(*file)).collect();
    assert!(missing.is_empty(), "not in docs/SCHEMA.md: {missing:?}");
}

fn keys(json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            found.insert(key.clone());
            keys(value, found);
        }),
        Value::Array(array) => array.iter().for_each(|value| keys(value, found)),
        _ => {}
    }
}

/// Columns of cells, of which undefined ones are `None`.
type Table = BTreeMap<String, Vec<Option<String>>>;

/// The library's types of the columns.
type Types = BTreeMap<String, String>;

/// What the blocks of the page end with, in their order.
fn python(packages: &std::ffi::OsStr, folder: &Path) -> Vec<(Table, Types)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("python3")
        .arg(here.join("python/tables.py"))
        .arg(here.join("../docs/SCHEMA.md"))
        .current_dir(folder)
        .env("PYTHONPATH", packages)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(table).collect()
}

fn table(line: &str) -> (Table, Types) {
    #[derive(serde::Deserialize)]
    struct Column {
        r#type: String,
        cells: Vec<Option<String>>,
    }
    let columns: BTreeMap<String, Column> = serde_json::from_str(line).unwrap();
    columns
        .into_iter()
        .map(|(name, column)| ((name.clone(), column.cells), (name, column.r#type)))
        .unzip()
}

/// The records column by column.
fn columns(records: &[Record]) -> Table {
    let mut table = Table::new();
    for record in records {
        let Record { model, step, site, signal, metric, n, width, estimator, protocol, .. } =
            record;
        let estimator = match &record.value {
            Ok(_) => estimator.clone(),
            Err(reason) => format!("{estimator}:{reason}"),
        };
        let cells = [
            ("schema", text(1)),
            ("model", text(model)),
            ("step", text(step)),
            ("layer", text(site.layer)),
            ("component", text(site.component)),
            ("view", text(site.view)),
            ("head", site.head.and_then(text)),
            ("signal", text(signal)),
            ("metric", text(metric)),
            ("value", record.value.as_ref().ok().and_then(text)),
            ("n", text(n)),
            ("width", text(width)),
            ("positions", record.positions.and_then(text)),
            ("estimator", text(estimator)),
            ("protocol", text(protocol)),
        ];
        add_row(&mut table, cells);
    }
    table
}

fn add_row<const N: usize>(table: &mut Table, cells: [(&str, Option<String>); N]) {
    for (column, cell) in cells {
        table.entry(column.to_owned()).or_default().push(cell);
    }
}

/// The same cell: the same text, or the same number to the bit.
fn same(one: &Option<String>, other: &Option<String>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => match (one.parse::<f64>(), other.parse::<f64>()) {
            (Ok(one), Ok(other)) => one.to_bits() == other.to_bits(),
            _ => one == other,
        },
        (one, other) => one == other,
    }
}

fn assert_same(found: &Table, expected: &Table, block: &str) {
    let names = |table: &Table| table.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{block}");
    for (name, expected) in expected {
        let found = &found[name];
        assert_eq!(found.len(), expected.len(), "{block}: {name}");
        for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!(same(found, expected), "{block}: {name}, row {row}: {found:?}, {expected:?}");
        }
    }
}

fn text(cell: impl ToString) -> Option<String> {
    Some(cell.to_string())
}

/// The Python of the page finds what Rust reads, to the bit.
#[test]
#[expect(clippy::print_stderr, reason = "a test that did nothing says so")]
fn pandas_and_polars_read_what_rust_reads() {
    let packages = std::env::var_os("SETTLING_PYTHONPATH").filter(|folder| !folder.is_empty());
    let Some(packages) = packages else {
        eprintln!(
            "skipped: SETTLING_PYTHONPATH is not set; `cargo xtask test` installs pandas and polars and sets it"
        );
        return;
    };
    let study = Fixture::get();
    let records = read_records(study.open("records.csv")).unwrap();
    let (tables, types): (Vec<Table>, Vec<Types>) =
        python(&packages, study.out.path()).into_iter().unzip();
    let [pandas_parquet, pandas_csv, polars_parquet, polars_csv, pivot, reasons, per, joined] =
        &tables[..]
    else {
        panic!("{} blocks", tables.len())
    };
    let all = columns(&records);
    for (name, found) in [
        ("pandas, Parquet", pandas_parquet),
        ("pandas, CSV", pandas_csv),
        ("polars, Parquet", polars_parquet),
        ("polars, CSV", polars_csv),
    ] {
        assert_same(found, &all, name);
    }
    // Parquet and CSV, of pandas and of polars.
    assert_eq!((&types[0], &types[2]), (&types[1], &types[3]));
    assert_eq!([&types[2]["step"], &types[2]["head"]], ["Int64", "Int64"]);

    let mlp = |estimator: &'static str| {
        records.iter().filter(move |r| {
            let of = (r.protocol.as_str(), r.site.component, r.metric.as_str());
            of == ("corrected", Component::Mlp, "cka") && r.estimator == estimator
        })
    };
    let mut expected = Table::new();
    for step in [0, 6, 12] {
        let mut add = |column: &str, cell| {
            expected.entry(column.to_owned()).or_default().push(cell);
        };
        add("model", text("m"));
        add("step", text(step));
        for record in mlp("debiased").filter(|record| record.step == Step(step)) {
            add(&record.site.layer.to_string(), record.value.as_ref().ok().and_then(text));
        }
    }
    assert_same(pivot, &expected, "pivot");
    assert!(expected["1"].contains(&None), "the spoilt layer has no CKA");

    let mut expected = Table::new();
    for record in mlp("debiased") {
        let cells = [
            ("step", text(record.step)),
            ("layer", text(record.site.layer)),
            ("value", record.value.as_ref().ok().and_then(text)),
            ("reason", record.value.as_ref().err().and_then(text)),
        ];
        add_row(&mut expected, cells);
    }
    assert_same(reasons, &expected, "reasons");

    // The mean over the layers, by what it is the mean of.
    type Group<'a> = (&'a str, Component, &'a str, Signal, Step);
    let mut groups: Vec<(Group<'_>, Vec<f64>)> = Vec::new();
    for r in records.iter().filter(|r| r.metric == "per" && r.site.head.is_none()) {
        let group = (r.protocol.as_str(), r.site.component, r.site.view.name(), r.signal, r.step);
        let place = groups.iter().position(|(one, _)| *one == group).unwrap_or_else(|| {
            groups.push((group, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.extend(r.value.as_ref().ok());
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut expected = Table::new();
    for ((protocol, component, view, signal, step), values) in &groups {
        let cells = [
            ("model", text("m")),
            ("protocol", text(protocol)),
            ("component", text(component)),
            ("view", text(view)),
            ("signal", text(signal)),
            ("step", text(step)),
            ("value", (!values.is_empty()).then(|| mean(values).to_string())),
            ("n", text(values.len())),
        ];
        add_row(&mut expected, cells);
    }
    assert_same(per, &expected, "mean PER");

    let mcc = read_mcc(study.open("mcc.csv")).unwrap();
    let mut expected = Table::new();
    for row in mcc.iter().filter(|row| row.predictor == "weight_per") {
        let of = (row.protocol.as_str(), row.component, row.view.name(), Signal::Weight, Step(12));
        let values = &groups.iter().find(|(group, _)| *group == of).unwrap().1;
        let cells = [
            ("model", text("m")),
            ("protocol", text(&row.protocol)),
            ("component", text(row.component)),
            ("view", text(row.view)),
            ("value", text(mean(values))),
            ("mcc", row.mcc.as_ref().ok().and_then(text)),
            ("status", text(row.mcc.as_ref().err().map_or("ok", String::as_str))),
        ];
        add_row(&mut expected, cells);
    }
    assert_eq!(expected["mcc"].len(), 2 * 5);
    assert_same(joined, &expected, "joined");
}
