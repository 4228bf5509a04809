//! What ran a model, and what it is besides its weights, are part of what determines its numbers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

use settling::analysis::Threshold;
use settling::{ErrorKind, ModelStudy, PerOver, Plan, Protocol, Shard, Store, Study};
use settling_core::{CheckpointSeries, Positions, Signal, Step};

use crate::diagonal::{Mine, Rows, SERIES, Series, Source};

const ONE: Mine<'_> = Mine { engine: "mine", scale: 1.0 };
const TWO: Mine<'_> = Mine { engine: "mine", scale: 2.0 };

const NONE: [u64; 0] = [];

fn study(out: &Path) -> Study {
    Study::new(Store::open(out).unwrap(), [Protocol::corrected()]).unwrap()
}

/// Studies into `out`, and writes the tables.
fn run(out: &Path, series: &Series, mine: &Mine<'_>) -> ModelStudy {
    let study = study(out);
    let found = study.plan("m", series, mine, Some(&Rows)).unwrap().run(&mut |_| {}).unwrap();
    study.write_tables(std::slice::from_ref(&found)).unwrap();
    found
}

/// The tables that have numbers.
fn tables(out: &Path) -> [Vec<u8>; 4] {
    ["records.csv", "records.parquet", "summary.csv", "settling.csv"]
        .map(|table| fs::read(out.join(table)).unwrap())
}

/// The steps that were computed, and not found.
fn computed(study: &ModelStudy) -> Vec<u64> {
    study.steps.iter().filter(|step| !step.reused).map(|step| step.step.0).collect()
}

/// Checks the debiased CKA of step 1 with step 3.
fn assert_cka(study: &ModelStudy, expected: f64) {
    let mut found = study.records.iter().filter(|record| {
        (record.step, record.signal) == (Step(1), Signal::Activation)
            && record.estimator == "debiased"
    });
    let value = found.next().unwrap().value.clone().unwrap();
    assert!((value - expected).abs() < 1e-12, "{value}, expected {expected}");
    assert!(found.next().is_none());
}

/// By numpy, from the definition. They are far apart: one taken for the other is not overlooked.
const CKA_OF_ONE: f64 = 0.567_732_800_395_991_5;
const CKA_OF_TWO: f64 = 0.926_812_202_225_811_8;

#[test]
fn other_arithmetic_gives_its_own_numbers_in_either_order() {
    for (first, second, ckas) in
        [(ONE, TWO, [CKA_OF_ONE, CKA_OF_TWO]), (TWO, ONE, [CKA_OF_TWO, CKA_OF_ONE])]
    {
        let out = tempfile::tempdir().unwrap();
        for (mine, cka) in [(&first, ckas[0]), (&second, ckas[1]), (&first, ckas[0])] {
            let found = run(out.path(), &SERIES, mine);
            assert_eq!(computed(&found), [0, 1, 3], "{}", found.engine);
            assert_cka(&found, cka);
            // What is there is taken by the engine that made it.
            let again = run(out.path(), &SERIES, mine);
            assert_eq!((computed(&again), &again.records), (NONE.to_vec(), &found.records));
        }
    }
}

#[test]
fn a_resumed_study_is_of_one_engine() {
    let [out, whole] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    run(whole.path(), &SERIES, &TWO);
    // As if it had been killed before its second step.
    run(out.path(), &SERIES, &ONE);
    fs::remove_dir_all(out.path().join("m/step1")).unwrap();
    let found = run(out.path(), &SERIES, &TWO);
    assert_eq!(computed(&found), [0, 1, 3]);
    assert_cka(&found, CKA_OF_TWO);
    assert_eq!(tables(out.path()), tables(whole.path()));
    let manifest = settling::Manifest::read(out.path().join("manifest.json")).unwrap();
    assert_eq!(manifest.models[0].engine, "mine, times 2");

    // What goes on as it was is completed.
    fs::remove_dir_all(out.path().join("m/step1")).unwrap();
    assert_eq!(computed(&run(out.path(), &SERIES, &TWO)), [1]);
    assert_eq!(tables(out.path()), tables(whole.path()));
}

/// The share of another process counts if it was computed by the same engine.
#[test]
fn shards_of_two_engines_do_not_make_one_study() {
    let out = tempfile::tempdir().unwrap();
    let shard = |number: usize, mine: &Mine<'_>| {
        let study = study(out.path()).with_shard(Shard::part(number, 2).unwrap());
        let found = study.plan("m", &SERIES, mine, Some(&Rows)).unwrap();
        let found = found.run(&mut |_| {}).unwrap();
        (study.write_tables(std::slice::from_ref(&found)), found)
    };
    shard(1, &ONE).0.unwrap_err();
    let (tables, found) = shard(2, &TWO);
    assert_eq!((computed(&found), &found.missing[..]), (vec![1], &[Step(0), Step(3)][..]));
    let error = tables.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("the steps 0, 3 are not there yet"), "{error}");
    let (tables, found) = shard(1, &TWO);
    tables.unwrap();
    assert_eq!(computed(&found), [0, 3]);
    assert_cka(&found, CKA_OF_TWO);
}

/// An engine may say nothing but its version that is new, and give the same numbers: nobody knows
/// before they are computed.
#[test]
fn an_engine_of_another_name_computes_anew() {
    let out = tempfile::tempdir().unwrap();
    let first = run(out.path(), &SERIES, &ONE);
    let found = run(out.path(), &SERIES, &Mine { engine: "mine 2", scale: 1.0 });
    assert_eq!(computed(&found), [0, 1, 3]);
    assert_eq!(found.records, first.records);
}

fn with_configuration(steps: &[u64], configuration: &str) -> Series {
    let of_step = |&step: &u64| (Step(step), configuration.to_owned());
    Series { configurations: steps.iter().map(of_step).collect() }
}

/// The weights are the same all along.
#[test]
fn an_edited_configuration_makes_its_step_stale_and_that_of_the_last_all() {
    let out = tempfile::tempdir().unwrap();
    let run = |series: &Series| computed(&run(out.path(), series, &ONE));
    assert_eq!(run(&with_configuration(&[0, 1, 3], "eps 1e-5")), [0, 1, 3]);
    assert_eq!(run(&with_configuration(&[0, 1, 3], "eps 1e-5")), NONE);
    let mut edited = with_configuration(&[0, 1, 3], "eps 1e-5");
    edited.configurations.insert(Step(1), "eps 1e-6".to_owned());
    assert_eq!(run(&edited), [1]);
    assert_eq!(run(&edited), NONE);
    edited.configurations.insert(Step(3), "eps 1e-6".to_owned());
    assert_eq!(run(&edited), [0, 1, 3]);
    assert_eq!(run(&edited), NONE);
    // Back to where it began.
    assert_eq!(run(&with_configuration(&[0, 1, 3], "eps 1e-5")), [0, 1, 3]);
}

/// A series that knows what its checkpoints are, as a hub does.
struct Known(Series);

impl CheckpointSeries for Known {
    type Source = Source;
    type Error = Infallible;

    fn steps(&self) -> Result<Vec<Step>, Infallible> {
        self.0.steps()
    }

    fn open(&self, step: Step) -> Result<Source, Infallible> {
        self.0.open(step)
    }

    fn fingerprint(&self, step: Step) -> Result<Option<String>, Infallible> {
        Ok(Some(format!("{step}: {:?}", self.0.configurations.get(&step))))
    }
}

/// Without opening a checkpoint.
#[test]
fn a_plan_says_what_another_engine_or_configuration_makes_stale() {
    let out = tempfile::tempdir().unwrap();
    let study = study(out.path());
    let series = Known(Series { configurations: BTreeMap::new() });
    let plan = study.plan("m", &series, &ONE, Some(&Rows)).unwrap();
    assert_eq!(missing(&plan), [0, 1, 3]);
    plan.run(&mut |_| {}).unwrap();
    assert_eq!(missing(&study.plan("m", &series, &ONE, Some(&Rows)).unwrap()), NONE);
    assert_eq!(missing(&study.plan("m", &series, &TWO, Some(&Rows)).unwrap()), [0, 1, 3]);
    let edited = Known(with_configuration(&[1], "eps 1e-6"));
    let plan = study.plan("m", &edited, &ONE, Some(&Rows)).unwrap();
    assert_eq!((missing(&plan), plan.opened()), (vec![1], vec![Step(1), Step(3)]));
    let edited = Known(with_configuration(&[3], "eps 1e-6"));
    assert_eq!(missing(&study.plan("m", &edited, &ONE, Some(&Rows)).unwrap()), [0, 1, 3]);
}

fn missing(plan: &Plan<'_, Known, Mine<'_>>) -> Vec<u64> {
    plan.missing().iter().map(|(step, _)| step.0).collect()
}

/// What the plan of a study into `out` misses.
fn to_do(study: &Study, mine: &Mine<'_>) -> Vec<u64> {
    let plan = study.plan("m", &SERIES, mine, Some(&Rows)).unwrap();
    plan.missing().iter().map(|(step, _)| step.0).collect()
}

/// Without opening a checkpoint it is known what other settings have computed.
#[test]
fn a_plan_counts_nothing_as_done_that_will_be_computed_anew() {
    let out = tempfile::tempdir().unwrap();
    run(out.path(), &SERIES, &ONE);
    let with = |change: fn(&mut Protocol)| {
        let mut protocol = Protocol::corrected();
        change(&mut protocol);
        Study::new(Store::open(out.path()).unwrap(), [protocol]).unwrap()
    };
    let all = vec![0, 1, 3];
    assert_eq!(to_do(&with(|_| {}), &ONE), NONE);
    assert_eq!(to_do(&with(|_| {}), &TWO), all);
    assert_eq!(to_do(&with(|one| one.rows.positions = Positions::All), &ONE), all);
    assert_eq!(to_do(&with(|one| one.rows.sequences = Some(7)), &ONE), all);
    assert_eq!(to_do(&with(|one| one.per.mlp = PerOver::Columns), &ONE), all);
    // How the numbers are decided about is applied to them afterwards.
    assert_eq!(to_do(&with(|one| one.early.cka = Threshold::Above(0.9)), &ONE), NONE);
    // A unit of another step.
    let step = |number: u64| out.path().join(format!("m/step{number}"));
    fs::remove_dir_all(step(1)).unwrap();
    fs::rename(step(0), step(1)).unwrap();
    assert_eq!(to_do(&with(|_| {}), &ONE), [0, 1]);
}

#[test]
fn one_name_is_of_one_model() {
    let out = tempfile::tempdir().unwrap();
    let found = run(out.path(), &SERIES, &ONE);
    let error = study(out.path()).write_tables(&[found.clone(), found]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("`m`"), "{error}");
}
