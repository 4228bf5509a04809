//! Each step of a run is run by its own config.json, and what was computed by another one does not
//! count as done.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use settling::capture::Engine;
use settling::checkpoint::{Audit, StepDirectories};
use settling::core::{Component, Positions, Signal, Site, Step};
use settling::models::GptNeox;
use settling::records::Record;
use settling::tokens::{NpyTokens, write_npy};
use settling::{ModelStudy, Protocol, Store, Study, TransformerAdapter};
use tempfile::TempDir;

use settling_testkit::{gpt_neox_json, tiny_batch, tiny_config, train_tiny};

/// A model whose queries and keys turn in all of their dimensions.
fn config(rotary_emb_base: f64) -> GptNeox {
    GptNeox { rotary_pct: 1.0, rotary_emb_base, ..tiny_config() }
}

/// The steps 0 and 12 of a run, of the same weights.
struct Suite(TempDir);

impl Suite {
    fn new(configs: [&GptNeox; 2]) -> Self {
        let folder = TempDir::new().unwrap();
        let steps = folder.path().join("m");
        train_tiny(&steps);
        for step in ["step1", "step4"] {
            fs::remove_dir_all(steps.join(step)).unwrap();
        }
        let file = |step: &str| steps.join(step).join("model.safetensors");
        fs::copy(file("step12"), file("step0")).unwrap();
        write_npy(folder.path().join("rows.npy"), &tiny_batch(99)).unwrap();
        let suite = Self(folder);
        suite.configure("step0", configs[0]);
        suite.configure("step12", configs[1]);
        suite
    }

    fn configure(&self, step: &str, config: &GptNeox) {
        fs::write(self.0.path().join("m").join(step).join("config.json"), gpt_neox_json(config))
            .unwrap();
    }

    fn study(&self, out: &Path) -> ModelStudy {
        settling::capture::set_threads(1);
        let mut protocol = Protocol::corrected();
        protocol.rows.positions = Positions::All;
        let study = Study::new(Store::open(out).unwrap(), [protocol]).unwrap();
        let series = StepDirectories::open(self.0.path().join("m")).unwrap();
        let rows = NpyTokens::open(self.0.path().join("rows.npy")).unwrap();
        let adapter = TransformerAdapter::new(Engine::default());
        let plan = study.plan("m", &series, &adapter, Some(&rows)).unwrap();
        let found = plan.run(&mut |_| {}).unwrap();
        study.write_tables(std::slice::from_ref(&found)).unwrap();
        found
    }
}

/// The numbers of a step, by what they are.
fn numbers(study: &ModelStudy, step: u64) -> BTreeMap<(String, Signal, String), f64> {
    let number = |record: &Record| {
        let Record { site, signal, metric, estimator, .. } = record;
        // How a spectrum was found depends on the matrix.
        let estimator = if metric == "effective_rank" { "" } else { estimator };
        let what = format!("{site} {metric} {estimator}");
        ((what.clone(), *signal, site.to_string()), record.value.clone().unwrap())
    };
    study.records.iter().filter(|record| record.step == Step(step)).map(number).collect()
}

/// With the same base at both steps they are one model; with another at step 0, step 0 is another
/// one from the first scores on.
#[test]
fn each_step_is_run_by_its_own_file() {
    let study = |bases: [f64; 2]| {
        let out = TempDir::new().unwrap();
        Suite::new([&config(bases[0]), &config(bases[1])]).study(out.path())
    };
    let (usual, other, mixed) = (study([1e4, 1e4]), study([500.0, 500.0]), study([500.0, 1e4]));
    for same in [&usual, &other] {
        assert_eq!(numbers(same, 0), numbers(same, 12));
    }
    // The last step is that of the usual run.
    assert_eq!(numbers(&mixed, 12), numbers(&usual, 12));

    let [usual, other, mixed] = [&usual, &other, &mixed].map(|study| numbers(study, 0));
    let first_mlp = Site::write(0, Component::Mlp).to_string();
    assert_eq!(mixed.len(), usual.len());
    for (key, &found) in &mixed {
        let (what, signal, site) = key;
        match signal {
            Signal::Weight => assert_eq!(found, usual[key], "{what}"),
            Signal::Gradient => {
                assert_eq!(found, other[key], "{what}");
                assert!((found / usual[key] - 1.0).abs() > 1e-7, "{what}: {found}");
            }
            // Of the other rows, whose own similarities are not looked at.
            _ if what.ends_with("floor") => {}
            // It reads the embedding alone: this family's layers are parallel.
            _ if *site == first_mlp => assert_eq!(found, usual[key], "{what}"),
            _ => {
                assert!((usual[key] - 1.0).abs() < 1e-12, "{what}");
                assert!(found < 1.0 - 1e-7, "{what}: {found}");
            }
        }
    }
}

/// The same weights at both steps are a finding of their own.
#[test]
fn a_change_between_steps_is_a_finding_of_the_audit() {
    let found = |bases: [f64; 2]| {
        let suite = Suite::new([&config(bases[0]), &config(bases[1])]);
        let series = StepDirectories::open(suite.0.path().join("m")).unwrap();
        let findings = Audit::new().run(&series).unwrap().findings;
        findings.iter().filter(|one| one.to_string().contains("rotary_emb_base")).count()
    };
    assert_eq!((found([1e4, 1e4]), found([500.0, 1e4])), (0, 1));
}

/// The steps that were computed, and not found.
fn computed(study: &ModelStudy) -> Vec<u64> {
    study.steps.iter().filter(|step| !step.reused).map(|step| step.step.0).collect()
}

#[test]
fn an_edited_file_is_computed_anew() {
    const NONE: [u64; 0] = [];
    let [out, whole] = [(); 2].map(|()| TempDir::new().unwrap());
    let edited = GptNeox { layer_norm_eps: 1e-3, ..config(1e4) };
    let suite = Suite::new([&config(1e4), &config(1e4)]);
    let first = suite.study(out.path());
    assert_eq!(computed(&first), [0, 12]);
    assert_eq!(computed(&suite.study(out.path())), NONE);

    suite.configure("step0", &edited);
    let second = suite.study(out.path());
    assert_eq!(computed(&second), [0]);
    assert_eq!(numbers(&second, 12), numbers(&first, 12));
    for (key, found) in numbers(&second, 0) {
        let stays = key.1 == Signal::Weight || key.0.ends_with("floor");
        assert!(stays || found != numbers(&first, 0)[&key], "{}: {found}", key.0);
    }
    // What every step is compared with.
    suite.configure("step12", &edited);
    let third = suite.study(out.path());
    assert_eq!(computed(&third), [0, 12]);
    assert_eq!(numbers(&third, 0), numbers(&third, 12));

    // As if nothing had been there before.
    suite.study(whole.path());
    for table in ["records.csv", "records.parquet", "mcc.csv", "settling.csv", "summary.csv"] {
        let [one, other] =
            [&whole, &out].map(|folder| fs::read(folder.path().join(table)).unwrap());
        assert!(one == other, "{table}");
    }
}
