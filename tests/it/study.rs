//! A whole study on suites small enough for a test: what it measures, how it resumes, what it
//! refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use settling::analysis::settling_table;
use settling::capture::Engine;
use settling::checkpoint::{StepDirectories, write_safetensors};
use settling::core::{
    CheckpointSeries, Component, Positions, Signal, Site, Step, TensorData, TensorSource,
    TokenBatch,
};
use settling::models::Architecture;
use settling::records::{Record, read_mcc, read_records, read_settling};
use settling::tokens::{NpyTokens, write_npy};
use settling::{
    Error, ErrorKind, ModelStudy, Progress, Protocol, Store, Study, TransformerAdapter,
};
use tempfile::TempDir;

use settling_testkit::{TINY_STEPS, tiny_batch, tiny_config, train_tiny};

fn architecture() -> Architecture {
    Architecture::GptNeox(tiny_config())
}

fn all_positions(mut protocol: Protocol) -> Protocol {
    protocol.rows.positions = Positions::All;
    protocol
}

/// What a test changes of a study.
struct Setup {
    protocol: Protocol,
    steps: Option<Vec<Step>>,
    reference_memory: usize,
    engine: Engine,
}

/// A suite of one model, `m`, and its tokens.
struct Suite {
    folder: TempDir,
}

impl Suite {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        train_tiny(&folder.path().join("m"));
        write_npy(folder.path().join("rows.npy"), &tiny_batch(99)).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn study(&self, out: &Path, change: impl FnOnce(&mut Setup)) -> Result<ModelStudy, Error> {
        self.study_watched(out, change, &mut |_| {})
    }

    fn study_watched(
        &self,
        out: &Path,
        change: impl FnOnce(&mut Setup),
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<ModelStudy, Error> {
        settling::capture::set_threads(1);
        let mut setup = Setup {
            protocol: all_positions(Protocol::corrected()),
            steps: None,
            reference_memory: 1 << 30,
            engine: Engine { micro_batch: Some(4), ..Engine::default() },
        };
        change(&mut setup);
        let series = StepDirectories::open(self.path().join("m")).unwrap();
        let tokens = NpyTokens::open(self.path().join("rows.npy")).unwrap();
        let adapter = TransformerAdapter::new(setup.engine);
        let study = Study::new(Store::open(out)?, [setup.protocol])?;
        let mut study = study.with_reference_memory(setup.reference_memory);
        if let Some(steps) = setup.steps {
            study = study.with_steps(steps);
        }
        let found = study.plan("m", &series, &adapter, Some(&tokens))?.run(progress)?;
        study.write_tables(std::slice::from_ref(&found))?;
        Ok(found)
    }
}

/// How a spectrum can have been found, which depends on the matrix.
const METHODS: &str = "gram|svd";

/// The record of one of the estimators, separated by `|`.
fn find(
    records: &[Record],
    step: u64,
    site: Site,
    signal: Signal,
    metric: &str,
    estimator: &str,
) -> Record {
    let mut found = records.iter().filter(|record| {
        record.step == Step(step)
            && record.site == site
            && record.signal == signal
            && record.metric == metric
            && estimator.split('|').any(|estimator| record.estimator == estimator)
    });
    let record =
        found.next().unwrap_or_else(|| panic!("no {metric} {estimator} of {site} at {step}"));
    assert_eq!(found.next(), None, "one record per number");
    record.clone()
}

/// Whether the activations of the last checkpoint are kept, or it runs beside every other.
#[test]
fn a_reference_that_does_not_fit_gives_the_same_bytes() {
    let (suite, kept, again) = (Suite::new(), TempDir::new().unwrap(), TempDir::new().unwrap());
    suite.study(kept.path(), |_| {}).unwrap();
    suite.study(again.path(), |setup| setup.reference_memory = 0).unwrap();
    let records = |out: &TempDir| fs::read(out.path().join("records.csv")).unwrap();
    assert_eq!(records(&kept), records(&again));
}

#[test]
fn every_number_is_there_and_the_tables_read_back() {
    let (suite, out) = (Suite::new(), TempDir::new().unwrap());
    let study = suite.study(out.path(), |_| {}).unwrap();
    assert_eq!(study.steps.iter().map(|step| step.step.0).collect::<Vec<_>>(), TINY_STEPS);
    for step in TINY_STEPS {
        for site in architecture().write_sites() {
            for estimator in ["biased", "debiased", "floor"] {
                let cka = find(&study.records, step, site, Signal::Activation, "cka", estimator);
                assert_eq!((cka.n, cka.width, cka.positions), (120, 16, Some(Positions::All)));
                let value = cka.value.unwrap();
                if step == 12 && estimator != "floor" {
                    // The last checkpoint against itself.
                    assert!((value - 1.0).abs() < 1e-12, "{site} {value}");
                } else {
                    assert!(value < 1.0, "{site} {value}");
                }
            }
            for signal in [Signal::Weight, Signal::Gradient] {
                let rank = find(&study.records, step, site, signal, "effective_rank", METHODS);
                let per = find(&study.records, step, site, signal, "per", "attainable");
                let cols = if site.component == Component::Mlp { 64 } else { 16 };
                assert_eq!((rank.n, rank.width, rank.positions), (16, cols, None));
                assert!((rank.value.unwrap() / 16.0 - per.value.unwrap()).abs() < 1e-12);
            }
        }
    }
    let records = read_records(fs::File::open(out.path().join("records.csv")).unwrap()).unwrap();
    assert_eq!(records, study.records);
    let mcc = read_mcc(fs::File::open(out.path().join("mcc.csv")).unwrap()).unwrap();
    assert_eq!(mcc.len(), 4, "two components, two predictors");
    assert!(mcc.iter().all(|row| row.true_positives
        + row.false_positives
        + row.false_negatives
        + row.true_negatives
        == 2));
    let settling = read_settling(fs::File::open(out.path().join("settling.csv")).unwrap()).unwrap();
    assert_eq!(settling.len(), 2 * 2 * 4, "two layers, two components, four thresholds");
    assert_eq!(settling, settling_table(&records, &Protocol::corrected().rules()));
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.path().join("manifest.json")).unwrap()).unwrap();
    assert_eq!(
        manifest["models"][0]["steps"][3]["checkpoint_sha256"],
        study.steps[3].checkpoint_sha256
    );
}

#[test]
fn stored_spectra_give_the_recorded_rank() {
    let (suite, out) = (Suite::new(), TempDir::new().unwrap());
    let study = suite.study(out.path(), |_| {}).unwrap();
    let bytes = fs::read(out.path().join("m/step4/corrected/spectra.safetensors")).unwrap();
    let spectra = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(spectra.len(), 8);
    for site in architecture().write_sites() {
        for signal in [Signal::Weight, Signal::Gradient] {
            let view = spectra.tensor(&format!("{site}.{signal}")).unwrap();
            let (values, _) = view.data().as_chunks();
            let values: Vec<f64> = values.iter().map(|&value| f64::from_le_bytes(value)).collect();
            // The definition, in the plainest form.
            let sum: f64 = values.iter().sum();
            let entropy: f64 = values
                .iter()
                .map(|value| value / sum)
                .filter(|p| *p > 0.0)
                .map(|p| -p * p.ln())
                .sum();
            let recorded =
                find(&study.records, 4, site, signal, "effective_rank", METHODS).value.unwrap();
            assert!((entropy.exp() / recorded - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn the_micro_batch_does_not_matter() {
    let suite = Suite::new();
    let mut numbers: Vec<BTreeMap<String, f64>> = Vec::new();
    for micro_batch in [1, 3, 10] {
        let out = TempDir::new().unwrap();
        let study =
            suite.study(out.path(), |setup| setup.engine.micro_batch = Some(micro_batch)).unwrap();
        let key =
            |r: &Record| format!("{} {} {} {} {}", r.step, r.site, r.signal, r.metric, r.estimator);
        numbers.push(study.records.iter().map(|r| (key(r), r.value.clone().unwrap())).collect());
    }
    for (key, value) in &numbers[0] {
        for other in &numbers[1..] {
            // f32 products of another shape round differently: a few hundred roundings of 6e-8.
            assert!(
                (value - other[key]).abs() <= 2e-5 * value.abs().max(1.0),
                "{key}: {value} {}",
                other[key]
            );
        }
    }
}

/// The steps of a run, and whether each was found done.
fn reused(suite: &Suite, out: &Path, change: impl FnOnce(&mut Setup)) -> Vec<(u64, bool)> {
    let mut seen = Vec::new();
    suite
        .study_watched(out, change, &mut |progress| {
            if let Progress::Step { step, reused, .. } = progress {
                seen.push((step.0, reused));
            }
        })
        .unwrap();
    seen
}

#[test]
fn a_study_says_how_many_spectra_it_has() {
    let (suite, out) = (Suite::new(), TempDir::new().unwrap());
    let mut seen = Vec::new();
    let progress = &mut |progress: Progress<'_>| {
        if let Progress::Spectra { step: Step(4), signal, done, of, .. } = progress {
            seen.push((signal, done, of));
        }
    };
    suite.study_watched(out.path(), |_| {}, progress).unwrap();
    for signal in [Signal::Weight, Signal::Gradient] {
        let of_signal: Vec<_> = seen.iter().filter(|(other, ..)| *other == signal).collect();
        let of = of_signal[0].2;
        assert!(of > 0 && of_signal.is_sorted(), "{seen:?}");
        assert_eq!((of_signal[0].1, of_signal[of_signal.len() - 1].1), (0, of), "{seen:?}");
    }
}

#[test]
fn a_second_run_computes_only_what_is_missing_and_ends_with_the_same_bytes() {
    let (suite, out) = (Suite::new(), TempDir::new().unwrap());
    assert_eq!(reused(&suite, out.path(), |_| {}), TINY_STEPS.map(|step| (step, false)));
    let whole = fs::read(out.path().join("records.csv")).unwrap();

    // As after a kill: one unit was never written, one is half written under its temporary name.
    fs::remove_dir_all(out.path().join("m/step4")).unwrap();
    fs::create_dir_all(out.path().join("m/step4/.corrected.1.partial")).unwrap();
    assert_eq!(reused(&suite, out.path(), |_| {}), [(0, true), (1, true), (4, false), (12, true)]);
    assert_eq!(fs::read(out.path().join("records.csv")).unwrap(), whole);
    assert_eq!(unfinished(out.path()), Vec::<PathBuf>::new());

    // An edited number and a damaged spectrum do not count as done.
    let edited = out.path().join("m/step0/corrected/records.csv");
    fs::write(&edited, fs::read_to_string(&edited).unwrap().replace("0.", "1.")).unwrap();
    fs::write(out.path().join("m/step1/corrected/spectra.safetensors"), b"damaged").unwrap();
    assert_eq!(reused(&suite, out.path(), |_| {}), [(0, false), (1, false), (4, true), (12, true)]);
    assert_eq!(fs::read(out.path().join("records.csv")).unwrap(), whole);
}

/// What is left under temporary names, anywhere in a folder.
fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "partial") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(unfinished(&path));
        }
    }
    found
}

const KILLED: &str = "SETTLING_TEST_KILLED";

/// The process that the next test ends: a study that waits after its second step.
#[test]
#[ignore = "only for a_signal_ends_a_study_that_the_next_run_completes"]
fn a_study_that_waits_to_be_ended() {
    let Some(out) = std::env::var_os(KILLED).map(PathBuf::from) else { return };
    let waits = &mut |progress: Progress<'_>| {
        if let Progress::Step { step: Step(1), .. } = progress {
            fs::write(out.join("waits"), "").unwrap();
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
    };
    Suite::new().study_watched(&out, |_| {}, waits).unwrap();
}

/// Ctrl-C, a scheduler, or worse: whole units are there, and nothing else. What a process that was
/// ended while it wrote leaves goes.
#[test]
#[cfg(unix)]
fn a_signal_ends_a_study_that_the_next_run_completes() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;
    let (suite, whole) = (Suite::new(), TempDir::new().unwrap());
    suite.study(whole.path(), |_| {}).unwrap();
    for (signal, number) in [("-INT", 2), ("-TERM", 15), ("-KILL", 9)] {
        let out = TempDir::new().unwrap();
        let test = ["--exact", "study::a_study_that_waits_to_be_ended", "--ignored"];
        let mut study = Command::new(std::env::current_exe().unwrap())
            .args(test)
            .env(KILLED, out.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while !out.path().join("waits").exists() {
            assert_eq!(study.try_wait().unwrap(), None);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(
            Command::new("kill")
                .args([signal, &study.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(study.wait().unwrap().signal(), Some(number));
        assert!(!out.path().join("records.csv").exists());
        // As if it had been about to write these.
        let partial = out.path().join(format!("m/step4/.corrected.{}.partial", study.id()));
        fs::create_dir_all(&partial).unwrap();
        fs::write(partial.join("records.csv"), "half").unwrap();
        fs::write(out.path().join(format!(".records.csv.{}.partial", study.id())), "half").unwrap();
        // Not of this study.
        fs::write(out.path().join("m/step4/.corrected.mine.partial"), "").unwrap();

        let steps = [(0, true), (1, true), (4, false), (12, false)];
        assert_eq!(reused(&suite, out.path(), |_| {}), steps);
        for table in ["records.csv", "mcc.csv", "settling.csv", "summary.csv"] {
            let [one, other] =
                [&whole, &out].map(|folder| fs::read(folder.path().join(table)).unwrap());
            assert!(one == other, "{table}");
        }
        let left = unfinished(out.path());
        assert_eq!(left, [out.path().join("m/step4/.corrected.mine.partial")]);
    }
}

#[test]
fn changed_settings_weights_or_tokens_are_not_mixed_with_old_results() {
    let (suite, out) = (Suite::new(), TempDir::new().unwrap());
    let all = |done: bool| TINY_STEPS.map(|step| (step, done));
    assert_eq!(reused(&suite, out.path(), |_| {}), all(false));
    assert_eq!(
        reused(&suite, out.path(), |setup| setup.protocol.rows.positions = Positions::Last),
        all(false)
    );
    assert_eq!(
        reused(&suite, out.path(), |setup| setup.protocol.rows.positions = Positions::Last),
        all(true)
    );
    assert_eq!(
        reused(&suite, out.path(), |setup| setup.protocol.rows.sequences = Some(5)),
        all(false)
    );
    assert_eq!(
        reused(&suite, out.path(), |setup| setup.protocol.rows.sequences = Some(5)),
        all(true)
    );

    // Another checkpoint in the middle changes that step; another last checkpoint changes every
    // step.
    let (steps, five) =
        (suite.path().join("m"), |setup: &mut Setup| setup.protocol.rows.sequences = Some(5));
    let copy = |from: &str, to: &str| {
        fs::copy(
            steps.join(from).join("model.safetensors"),
            steps.join(to).join("model.safetensors"),
        )
        .unwrap();
    };
    copy("step1", "step4");
    assert_eq!(reused(&suite, out.path(), five), [(0, true), (1, true), (4, false), (12, true)]);
    copy("step0", "step12");
    assert_eq!(reused(&suite, out.path(), five), all(false));
    write_npy(suite.path().join("rows.npy"), &tiny_batch(1)).unwrap();
    assert_eq!(reused(&suite, out.path(), five), all(false));
}

#[test]
fn chosen_steps_include_the_last() {
    let (suite, out) = (Suite::new(), TempDir::new().unwrap());
    let study = suite.study(out.path(), |setup| setup.steps = Some(vec![Step(1)])).unwrap();
    assert_eq!(study.steps.iter().map(|step| step.step.0).collect::<Vec<_>>(), [1, 12]);
}

#[test]
fn a_weight_with_a_nan_costs_only_its_own_numbers() {
    let (suite, out) = (Suite::new(), TempDir::new().unwrap());
    let site = Site::write(1, Component::Mlp);
    let folder = suite.path().join("m/step1");
    let series = StepDirectories::open(suite.path().join("m")).unwrap();
    let checkpoint = series.open(Step(1)).unwrap();
    let tensors: Vec<(String, TensorData<'_>)> = checkpoint
        .tensors()
        .iter()
        .map(|meta| {
            let data = checkpoint.read(&meta.name).unwrap();
            let mut bytes = data.bytes().to_vec();
            if meta.name == architecture().write_weight(site.layer, site.component).name {
                bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            }
            (
                meta.name.clone(),
                TensorData::new(data.dtype(), data.shape().to_vec(), bytes).unwrap(),
            )
        })
        .collect();
    write_safetensors(folder.join("model.safetensors"), &tensors).unwrap();
    let study = suite.study(out.path(), |_| {}).unwrap();
    // The last MLP writes NaN and has a NaN in its weight; its loss and so every gradient is NaN.
    // The rest has numbers.
    for other in architecture().write_sites() {
        let cka = find(&study.records, 1, other, Signal::Activation, "cka", "debiased").value;
        let weight = find(&study.records, 1, other, Signal::Weight, "per", "attainable").value;
        let gradient = find(&study.records, 1, other, Signal::Gradient, "per", "attainable").value;
        assert_eq!((cka.is_err(), weight.is_err()), (other == site, other == site), "{other}");
        assert!(gradient.is_err());
    }
    assert!(
        study
            .records
            .iter()
            .filter(|record| record.step != Step(1))
            .all(|record| record.value.is_ok())
    );
    // What is undefined reads back with its reason.
    let records = read_records(fs::File::open(out.path().join("records.csv")).unwrap()).unwrap();
    assert_eq!(records, study.records);
}

/// The golden models of settling-capture, which Hugging Face transformers wrote, as two steps of a
/// run.
#[test]
fn checkpoints_that_transformers_wrote() {
    settling::capture::set_threads(1);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/settling-capture/tests/golden/parallel");
    let folder = TempDir::new().unwrap();
    for step in ["step0", "step1000"] {
        let place = folder.path().join("m").join(step);
        fs::create_dir_all(&place).unwrap();
        for file in ["config.json", "model.safetensors"] {
            fs::copy(golden.join(file), place.join(file)).unwrap();
        }
    }
    let bytes = fs::read(golden.join("expected.safetensors")).unwrap();
    let expected = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (words, _) = expected.tensor("tokens").unwrap().data().as_chunks();
    let ids = words.iter().map(|&word| u32::from_le_bytes(word)).collect();
    let tokens = TokenBatch::new(ids, 13).unwrap();
    write_npy(folder.path().join("rows.npy"), &tokens).unwrap();

    let series = StepDirectories::open(folder.path().join("m")).unwrap();
    let architecture = series.open(Step(1000)).unwrap().architecture().unwrap();
    let adapter = TransformerAdapter::new(Engine::default());
    let store = Store::open(folder.path().join("out")).unwrap();
    let study = Study::new(store, [all_positions(Protocol::corrected())]).unwrap();
    let tokens = NpyTokens::open(folder.path().join("rows.npy")).unwrap();
    let plan = study.plan("m", &series, &adapter, Some(&tokens)).unwrap();
    let study = plan.run(&mut |_| {}).unwrap();
    for site in architecture.write_sites() {
        let cka = find(&study.records, 0, site, Signal::Activation, "cka", "biased").value.unwrap();
        approx::assert_abs_diff_eq!(cka, 1.0, epsilon = 1e-12);
        // The rank of the gradient that PyTorch computed, against that of ours: gradients agree to
        // 1e-5.
        let gradient = expected.tensor(&format!("{site}.gradient")).unwrap();
        let (values, _) = gradient.data().as_chunks();
        let values: Vec<f32> = values.iter().map(|&value| f32::from_le_bytes(value)).collect();
        let (rows, cols) = (gradient.shape()[0], gradient.shape()[1]);
        let spectrum =
            settling::rank::singular_values(settling::core::MatView::new(&values, rows, cols))
                .unwrap();
        let rank = find(&study.records, 0, site, Signal::Gradient, "effective_rank", METHODS)
            .value
            .unwrap();
        approx::assert_relative_eq!(
            rank,
            settling::rank::effective_rank(&spectrum).unwrap(),
            max_relative = 1e-4
        );
    }
}

#[test]
fn what_cannot_be_studied_is_refused_with_the_cause() {
    let (suite, out) = (Suite::new(), TempDir::new().unwrap());
    let refused = |change: fn(&mut Setup), kind: ErrorKind, part: &str| {
        let error = suite.study(out.path(), change).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(
        |setup| setup.steps = Some(vec![Step(3)]),
        ErrorKind::Usage,
        "no step 3; it has 4 steps: 0, 1, 4, 12",
    );
    refused(
        |setup| setup.protocol.rows.sequences = Some(11),
        ErrorKind::Usage,
        "11 sequences were asked for; the tokens have 10",
    );
    refused(
        |setup| setup.protocol.rows.sequences = Some(0),
        ErrorKind::Usage,
        "`rows.sequences`: expected at least 1",
    );
    refused(
        |setup| setup.protocol.rows.positions = Positions::Index(50),
        ErrorKind::Compute,
        "index:50",
    );

    let file = out.path().join("a file");
    fs::write(&file, "").unwrap();
    let error = suite.study(&file.join("below"), |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("a file"), "{error}");

    let bad = TokenBatch::new(vec![96; 13], 13).unwrap();
    write_npy(suite.path().join("rows.npy"), &bad).unwrap();
    refused(|_| {}, ErrorKind::Compute, "outside the vocabulary of 96");
    write_npy(suite.path().join("rows.npy"), &tiny_batch(0)).unwrap();

    let weights = suite.path().join("m/step4/model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() - 1]).unwrap();
    refused(|_| {}, ErrorKind::Input, "step4");
}
