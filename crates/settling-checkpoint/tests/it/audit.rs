//! Each way in which published series have not been what their names say, in miniature; and series
//! that are.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use settling_checkpoint::{
    Audit, AuditReport, Checkpoint, Error, ErrorKind, Finding, FindingKind, ListedFile, Severity,
    StepDirectories, TensorHashes, Verdict, content_hash, paper_steps, pythia_steps,
    write_safetensors,
};
use settling_core::{CheckpointSeries, Dtype, Step, TensorData, TensorMeta, TensorSource};
use tempfile::TempDir;

type Tensors = Vec<(String, TensorData<'static>)>;

/// Numbers between -1 and 1, the same in every run (splitmix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

/// The parameters of a model with three layers, in two shards' worth of tensors.
#[derive(Clone)]
struct Weights(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Weights {
    fn new(noise: &mut Noise) -> Self {
        let mut all = BTreeMap::new();
        let mut matrix = |name: String, shape: [usize; 2]| {
            let values = (0..shape[0] * shape[1]).map(|_| noise.next()).collect();
            all.insert(name, (shape.to_vec(), values));
        };
        matrix("embed_in.weight".to_owned(), [24, 8]);
        for layer in 0..3 {
            matrix(format!("layers.{layer}.attention.dense.weight"), [8, 8]);
            matrix(format!("layers.{layer}.mlp.weight"), [8, 32]);
        }
        matrix("embed_out.weight".to_owned(), [24, 8]);
        for layer in 0..3 {
            all.insert(format!("layers.{layer}.norm.weight"), (vec![8], vec![1.0; 8]));
            all.insert(format!("layers.{layer}.mlp.bias"), (vec![8], vec![0.0; 8]));
        }
        Self(all)
    }

    fn walk(&mut self, noise: &mut Noise, size: f32) {
        for (name, (_, values)) in &mut self.0 {
            // Norms move too little to show in every checkpoint.
            if !name.contains("norm") {
                values.iter_mut().for_each(|value| *value += size * noise.next());
            }
        }
    }

    fn tensors(&self) -> Tensors {
        let floats =
            |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
        let mut all: Tensors = Vec::new();
        for (name, (shape, values)) in &self.0 {
            let data = TensorData::new(Dtype::F32, shape.clone(), floats(values)).unwrap();
            all.push((name.clone(), data));
        }
        // The buffers that GPT-NeoX files carry along: the same at every step.
        for layer in 0..3 {
            let of = |name: &str| format!("layers.{layer}.attention.{name}");
            let mask = TensorData::new(Dtype::U8, vec![1, 1, 2, 2], vec![1, 0, 1, 1]).unwrap();
            all.push((of("bias"), mask));
            let low = TensorData::new(Dtype::F16, vec![], vec![0x00, 0xfc]).unwrap();
            all.push((of("masked_bias"), low));
            let frequencies =
                TensorData::new(Dtype::F32, vec![1, 2], floats(&[1.0, 0.01])).unwrap();
            all.push((of("rotary_emb.inv_freq"), frequencies));
        }
        all
    }
}

/// What training looks like from afar: a random walk whose strides shrink while the checkpoints get
/// rarer.
fn training(steps: &[Step], seed: u64) -> BTreeMap<Step, Weights> {
    let mut noise = Noise(seed);
    let mut weights = Weights::new(&mut noise);
    let mut run = BTreeMap::new();
    let mut before = 0;
    for &step in steps {
        let stride = ((step.0 - before) as f32).sqrt() * 0.01 / (1.0 + step.0 as f32 / 20_000.0);
        weights.walk(&mut noise, stride);
        before = step.0;
        run.insert(step, weights.clone());
    }
    run
}

fn steps(steps: &[u64]) -> Vec<Step> {
    steps.iter().map(|&step| Step(step)).collect()
}

fn save(folder: &Path, tensors: &Tensors) {
    fs::create_dir_all(folder).unwrap();
    write_safetensors(folder.join("model.safetensors"), tensors).unwrap();
}

/// Two shards: layer 0 and the embeddings, and the rest.
fn save_sharded(folder: &Path, tensors: &Tensors) {
    fs::create_dir_all(folder).unwrap();
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let first = |name: &str| name.starts_with("embed") || name.starts_with("layers.0");
    let mut index = serde_json::Map::new();
    for (number, shard) in names.iter().enumerate() {
        let own: Tensors =
            tensors.iter().filter(|(name, _)| first(name) == (number == 0)).cloned().collect();
        for (name, _) in &own {
            index.insert(name.clone(), (*shard).into());
        }
        write_safetensors(folder.join(shard), &own).unwrap();
    }
    let index = serde_json::json!({ "weight_map": index });
    fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
}

fn suite(run: &BTreeMap<Step, Weights>) -> (TempDir, StepDirectories) {
    let folder = TempDir::new().unwrap();
    for (step, weights) in run {
        save(&folder.path().join(format!("step{step}")), &weights.tensors());
    }
    let series = StepDirectories::open(folder.path()).unwrap();
    (folder, series)
}

fn audit(audit: &Audit, run: &BTreeMap<Step, Weights>) -> AuditReport {
    let (_folder, series) = suite(run);
    audit.run_on_files(&series).unwrap()
}

#[track_caller]
fn only(report: &AuditReport) -> &Finding {
    assert_eq!(report.findings.len(), 1, "{report}");
    &report.findings[0]
}

#[test]
fn a_sound_series_has_no_finding() {
    for (expected, seed) in [(pythia_steps(), 1), (paper_steps(), 2), (steps(&[0, 5, 9]), 3)] {
        let run = training(&expected, seed);
        let report = audit(&Audit::new().expect(expected), &run);
        assert_eq!(report.findings, [], "{report}");
        assert_eq!(report.verdict(), Verdict::Sound);
        assert_eq!(report.sound_steps().len(), report.steps.len());
        assert!(report.steps.iter().all(|one| one.detour.is_none_or(|d| (1.0..2.0).contains(&d))));
    }
}

/// The standard (not deduplicated) Pythia 2.8b: 76 steps are the last one, 10 share a second set of
/// weights.
#[test]
fn eighty_six_steps_that_serve_other_weights() {
    let all = pythia_steps();
    let mut run = training(&all, 4);
    let (last, second) = (run[&Step(143_000)].clone(), run[&Step(40_000)].clone());
    let finals: Vec<Step> =
        all.iter().copied().filter(|s| s.0 >= 60_000 && s.0 < 136_000).collect();
    let seconds: Vec<Step> =
        all.iter().copied().filter(|s| (40_000..50_000).contains(&s.0)).collect();
    assert_eq!((finals.len(), seconds.len()), (76, 10));
    run.extend(finals.iter().map(|&step| (step, last.clone())));
    run.extend(seconds.iter().map(|&step| (step, second.clone())));
    let report = audit(&Audit::new().expect(all), &run);
    assert_eq!(report.verdict(), Verdict::Broken);
    let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind.clone()).collect();
    let same = FindingKind::SameAsLast { steps: finals, last: Step(143_000) };
    assert_eq!(kinds, [FindingKind::IdenticalSteps { steps: seconds }, same], "{report}");
    assert_eq!(report.sound_steps().len(), 154 - 86);
}

/// Pythia 12b, step 50000: the first shard is the final model's.
#[test]
fn a_shard_of_the_last_step_in_a_middle_one() {
    let all = steps(&[0, 1000, 30_000, 50_000, 70_000, 143_000]);
    let run = training(&all, 5);
    let folder = TempDir::new().unwrap();
    let of = |step: u64| folder.path().join(format!("step{step}"));
    for (step, weights) in &run {
        save_sharded(&of(step.0), &weights.tensors());
    }
    let series = StepDirectories::open(folder.path()).unwrap();
    assert_eq!(Audit::new().run_on_files(&series).unwrap().findings, []);

    let shard = "model-00001-of-00002.safetensors";
    fs::copy(of(143_000).join(shard), of(50_000).join(shard)).unwrap();
    let report = Audit::new().run_on_files(&series).unwrap();
    let mixed = &report.findings[0];
    let FindingKind::MixedOrigin { step, other, shared, differing, files } = &mixed.kind else {
        panic!("{report}");
    };
    assert_eq!((*step, *other, mixed.severity), (Step(50_000), Step(143_000), Severity::Broken));
    assert_eq!((shared.len(), *differing, files.as_slice()), (4, 4, [shard.to_owned()].as_slice()));
    assert!(mixed.to_string().contains("shares model-00001-of-00002.safetensors (4 matrices)"));
    // A series of another kind knows no files, but the tensors.
    let report = Audit::new().distances(false).run(&series).unwrap();
    let FindingKind::MixedOrigin { shared, files, .. } = &only(&report).kind else { panic!() };
    assert_eq!(files.len(), 0);
    assert!(shared.contains(&"embed_in.weight".to_owned()));
}

/// All Pythia models: step 1, and sometimes step 2, is step 0, as mixed precision skips the first
/// updates.
#[test]
fn updates_that_were_skipped_at_the_start_are_a_note() {
    let all = steps(&[0, 1, 2, 4, 8, 16]);
    for (same, severity) in [(2, Severity::Note), (3, Severity::Note), (5, Severity::Suspect)] {
        let mut run = training(&all, 6);
        let first = run[&Step(0)].clone();
        run.extend(all[..same].iter().map(|&step| (step, first.clone())));
        let report = audit(&Audit::new(), &run);
        let finding = only(&report);
        assert_eq!(finding.kind, FindingKind::IdenticalSteps { steps: all[..same].to_vec() });
        assert_eq!(finding.severity, severity);
    }
}

/// OLMo 2: three steps far apart are one.
#[test]
fn steps_far_apart_that_are_one_are_broken_unless_allowed() {
    let all = steps(&[0, 50_000, 101_000, 150_000, 175_000, 200_000, 300_000, 400_000]);
    let mut run = training(&all, 7);
    let late = run[&Step(300_000)].clone();
    run.extend([Step(101_000), Step(175_000)].map(|step| (step, late.clone())));
    let same = FindingKind::IdenticalSteps { steps: steps(&[101_000, 175_000, 300_000]) };
    let broken = audit(&Audit::new().distances(false), &run);
    assert_eq!(only(&broken), &finding_like(&broken, Severity::Broken, same.clone()));
    let allowed = Audit::new().distances(false).allow(steps(&[101_000, 175_000, 300_000]));
    let allowed = audit(&allowed, &run);
    assert_eq!((only(&allowed).severity, &only(&allowed).kind), (Severity::Note, &same));
    assert_eq!(allowed.verdict(), Verdict::Notes);
}

#[track_caller]
fn finding_like(report: &AuditReport, severity: Severity, kind: FindingKind) -> Finding {
    let mut finding = report.findings[0].clone();
    (finding.severity, finding.kind) = (severity, kind);
    finding
}

#[test]
fn the_last_step_under_another_name_is_a_note_where_allowed() {
    let all = steps(&[0, 1000, 2000, 3000]);
    let mut run = training(&all, 8);
    run.insert(Step(2000), run[&Step(3000)].clone());
    let report = audit(&Audit::new(), &run);
    assert_eq!(only(&report).severity, Severity::Broken);
    assert_eq!(report.sound_steps(), steps(&[0, 1000, 3000]));
    let report = audit(&Audit::new().allow([Step(2000)]), &run);
    assert_eq!((only(&report).severity, report.verdict()), (Severity::Note, Verdict::Notes));
}

/// Pythia 12b-deduped, step 32000: a late checkpoint, but not the last, under an early name. No
/// hash can tell.
#[test]
fn a_late_checkpoint_under_an_early_name_is_off_the_way() {
    let all = pythia_steps();
    let mut run = training(&all, 9);
    let mut late = run[&Step(142_000)].clone();
    late.walk(&mut Noise(99), 0.001);
    run.insert(Step(8000), late);
    let report = audit(&Audit::new(), &run);
    let finding = only(&report);
    let FindingKind::Discontinuity { step, between, distances: [to, from, past], tensors, of } =
        &finding.kind
    else {
        panic!("{report}");
    };
    assert_eq!((*step, *between), (Step(8000), [Step(7000), Step(9000)]));
    assert!(to + from > 3.0 * past);
    assert_eq!((*of, tensors == of, finding.severity), (8, true, Severity::Suspect));
    // Two labels swapped, early and late: both are off the way.
    let mut run = training(&all, 9);
    let (early, late) = (run[&Step(8000)].clone(), run[&Step(120_000)].clone());
    run.extend([(Step(8000), late), (Step(120_000), early)]);
    let report = audit(&Audit::new(), &run);
    let found: Vec<_> = report.findings.iter().flat_map(|one| one.kind.steps()).collect();
    assert_eq!(found, steps(&[8000, 120_000]), "{report}");
}

#[test]
fn gaps_are_named() {
    let mut run = training(&paper_steps(), 10);
    run.retain(|step, _| ![4, 63_000].contains(&step.0));
    let report = audit(&Audit::new().expect(paper_steps()), &run);
    let kind = FindingKind::MissingSteps { steps: steps(&[4, 63_000]), last: false };
    assert_eq!((only(&report).severity, &only(&report).kind), (Severity::Suspect, &kind));
    run.remove(&Step(143_000));
    let report = audit(&Audit::new().expect(paper_steps()), &run);
    assert_eq!(only(&report).severity, Severity::Broken);
    assert!(report.to_string().contains("3 steps (4, 63000, 143000) expected but not there"));
}

#[test]
fn frozen_infinite_and_odd_tensors() {
    let all = steps(&[0, 1000, 2000, 3000, 4000]);
    let mut run = training(&all, 11);
    let frozen = run[&Step(0)].0["embed_in.weight"].clone();
    run.values_mut().for_each(|weights| {
        weights.0.insert("embed_in.weight".to_owned(), frozen.clone());
    });
    let at = |run: &mut BTreeMap<Step, Weights>, step, name: &str| {
        run.get_mut(&Step(step)).unwrap().0.remove(name).unwrap()
    };
    let (shape, mut values) = at(&mut run, 2000, "layers.1.mlp.weight");
    values[3] = f32::NAN;
    let weights = run.get_mut(&Step(2000)).unwrap();
    weights.0.insert("layers.1.mlp.weight".to_owned(), (shape, values));
    at(&mut run, 3000, "layers.2.mlp.bias");
    let report = audit(&Audit::new(), &run);
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "suspect: step 2000 holds infinities or NaN in layers.1.mlp.weight [not-finite]",
            "suspect: step 3000 has not the tensors of the last step: it lacks layers.2.mlp.bias [8] [other-tensors]",
            "note: embed_in.weight the same in every checkpoint: frozen? [constant]",
        ]
    );
}

#[test]
fn a_step_that_cannot_be_read_does_not_hide_the_others() {
    let run = training(&steps(&[0, 1000, 2000, 3000]), 12);
    let (folder, series) = suite(&run);
    fs::write(folder.path().join("step1000/model.safetensors"), "version https://git-lfs").unwrap();
    let report = Audit::new().run_on_files(&series).unwrap();
    let message = only(&report).to_string();
    assert!(message.starts_with("broken: step 1000 cannot be read: "), "{message}");
    assert!(message.contains("git lfs pull"), "{message}");
    assert_eq!(report.steps[1].sha256, None);
    assert!(report.steps[2].detour.is_some(), "its neighbours are compared with each other");
}

#[test]
fn the_report_as_text_and_as_json() {
    let mut run = training(&steps(&[0, 1, 1000, 2000]), 13);
    run.insert(Step(1), run[&Step(0)].clone());
    let report = audit(&Audit::new(), &run);
    let text = report.to_string();
    let first = &report.steps[0].sha256.as_ref().unwrap()[..12];
    assert!(text.starts_with("step  parts        MiB  sha256"), "{text}");
    assert!(
        text.contains(&format!("   0     23       0.01  {first}          -        -  note\n")),
        "{text}"
    );
    assert!(text.ends_with("note: 2 steps (0, 1) have the same weights: updates skipped at the start? [identical-steps]\nverdict: notes\n"));
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["schema"], "settling-audit/1");
    assert_eq!(json["verdict"], "notes");
    assert_eq!(json["steps"][1]["distance"], 0.0);
    assert_eq!(json["findings"][0]["kind"], "identical-steps");
    assert_eq!(json["findings"][0]["steps"], serde_json::json!([0, 1]));
}

/// hashlib.sha256 in Python over the blocks that the documentation of `content_hash` describes.
#[test]
fn the_hash_is_the_one_that_is_documented() {
    let values: Vec<u8> = (0..6_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    let a = TensorData::new(Dtype::F32, vec![2, 3], values).unwrap();
    let b = TensorData::new(Dtype::U8, vec![2], vec![7, 9]).unwrap();
    let folder = TempDir::new().unwrap();
    save(folder.path(), &vec![("b.bias".to_owned(), b), ("a".to_owned(), a)]);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let whole = "6f3d44974139d5c16d98db381e49d66f3eb1a61fc56df77db0072131c61beec1";
    assert_eq!(content_hash(&checkpoint).unwrap(), whole);
    let hashes = TensorHashes::from_source(&checkpoint).unwrap();
    assert_eq!((hashes.content(), hashes.bytes()), (whole, 26));
    let each: Vec<_> = hashes.tensors().iter().map(|tensor| tensor.sha256.as_str()).collect();
    assert_eq!(
        each,
        [
            "157fd17500554640227495af51fe0ed4d34eac1eb2c202774873f0ef143f1c8d",
            "16145f6ebd4cb7421ed8714d9e023f4db3b266fb2e4e68f98f29ce91b48f6385",
        ]
    );
}

fn listed(step: u64, name: &str, digit: char) -> ListedFile {
    ListedFile { step: Step(step), name: name.to_owned(), hash: digit.to_string().repeat(64) }
}

#[test]
fn a_listing_alone_tells_duplicates_and_gaps() {
    let shards = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
    let mut files = Vec::new();
    for (step, digits) in
        [(0, "01"), (1, "01"), (1000, "23"), (2000, "83"), (3000, "45"), (4000, "89")]
    {
        files.extend(shards.iter().zip(digits.chars()).map(|(name, c)| listed(step, name, c)));
        files.push(listed(step, "tokenizer.json", 'f'));
    }
    files.push(listed(3500, "config.json", 'e'));
    let audit = Audit::new().expect(steps(&[0, 1000, 1500, 4000]));
    let report = audit.run_listing(files.clone()).unwrap();
    let found: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "broken: step 2000 shares pytorch_model-00001-of-00002.bin with step 4000, but 1 other is its own: compare the files of both with their source [mixed-origin]",
            "broken: step 3500 cannot be read: no file of weights is listed [unreadable]",
            "suspect: step 1000 shares pytorch_model-00002-of-00002.bin with step 2000, but 1 other is its own: compare the files of both with their source [mixed-origin]",
            "suspect: step 1500 expected but not there: fetch them [missing-steps]",
            "note: 2 steps (0, 1) have the same weights: updates skipped at the start? [identical-steps]",
        ]
    );
    files.push(listed(0, shards[0], '7'));
    let error = Audit::new().run_listing(files).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert!(error.to_string().contains("step 0, file pytorch_model-00001"), "{error}");
    let short = ListedFile { hash: "abc".to_owned(), ..listed(7, "model.safetensors", 'a') };
    let error = Audit::new().run_listing([short]).unwrap_err();
    assert!(error.to_string().contains("64 digits, found `abc`"), "{error}");
    let empty = Audit::new().run_listing([]).unwrap();
    assert_eq!(empty.verdict(), Verdict::Broken);
}

/// The right `.bin` beside the last step's `.safetensors`, and a `main` in one format only.
#[test]
fn a_second_format_in_a_listing() {
    let (bin, safe) = ("pytorch_model.bin", "model.safetensors");
    let files = [
        listed(0, bin, '0'),
        listed(1000, bin, '1'),
        listed(1000, safe, '9'),
        listed(2000, bin, '8'),
        listed(3000, bin, '8'),
        listed(3000, safe, '9'),
    ];
    let report = Audit::new().run_listing(files).unwrap();
    let kinds: Vec<_> = report.findings.iter().map(|finding| &finding.kind).collect();
    let same = FindingKind::SameAsLast { steps: vec![Step(2000)], last: Step(3000) };
    assert!(matches!(kinds[0], FindingKind::MixedOrigin { step: Step(1000), .. }), "{report}");
    assert_eq!(kinds[1..], [&same], "{report}");
}

/// Each step in a folder with the same tensors and a `config.json` of its own.
fn with_configs(configs: &[(u64, Option<String>)]) -> (TempDir, StepDirectories) {
    let mut noise = Noise(15);
    let tensors = Weights::new(&mut noise).tensors();
    let folder = TempDir::new().unwrap();
    for (step, config) in configs {
        let place = folder.path().join(format!("step{step}"));
        save(&place, &tensors);
        if let Some(config) = config {
            fs::write(place.join("config.json"), config).unwrap();
        }
    }
    let series = StepDirectories::open(folder.path()).unwrap();
    (folder, series)
}

fn llama(theta: u64, more: &str) -> Option<String> {
    Some(format!(
        r#"{{"model_type": "llama", "hidden_act": "silu", "vocab_size": 24, "hidden_size": 8,
            "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32,
            "max_position_embeddings": 16, "rope_theta": {theta}{more}}}"#
    ))
}

/// What of a report is about configurations.
fn about_settings(report: &AuditReport) -> Vec<&Finding> {
    let kind = |finding: &&Finding| {
        matches!(
            finding.kind,
            FindingKind::ChangedSettings { .. } | FindingKind::UnreadableSettings { .. }
        )
    };
    report.findings.iter().filter(kind).collect()
}

#[test]
fn the_same_tensors_under_another_configuration_are_another_model() {
    let (_folder, series) = with_configs(&[(0, llama(10_000, "")), (1000, llama(500, ""))]);
    for report in [
        Audit::new().run_on_files(&series).unwrap(),
        Audit::new().run(&series).unwrap(),
        Audit::new().run_with(&series, |_, _| None).unwrap(),
    ] {
        let [finding] = about_settings(&report)[..] else { panic!("{report}") };
        assert_eq!(finding.severity, Severity::Suspect);
        let FindingKind::ChangedSettings { step, previous, settings } = &finding.kind else {
            panic!("{report}")
        };
        assert_eq!((*previous, *step, settings.len()), (Step(0), Step(1000), 1));
        let changed = &settings[0];
        assert_eq!(
            [&*changed.name, &*changed.before, &*changed.after],
            ["rope_theta", "10000", "500"]
        );
        assert_eq!(
            finding.to_string(),
            "suspect: the configuration changes between step 0 and step 1000: `rope_theta` is 10000, \
             then 500; compare the config.json of both with their source, and run each step by its own [changed-settings]"
        );
        assert!(report.verdict() >= Verdict::Suspect && report.sound_steps().is_empty());
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        let findings = json["findings"].as_array().unwrap();
        let finding = findings.iter().find(|one| one["kind"] == "changed-settings").unwrap();
        assert_eq!(finding["previous"], 0);
        assert_eq!(
            finding["settings"],
            serde_json::json!([{ "name": "rope_theta", "before": "10000", "after": "500" }])
        );
    }
    // Tensors alone do not tell.
    assert!(about_settings(&Audit::new().run_on_tensors(&series).unwrap()).is_empty());
}

#[test]
fn settings_that_change_nothing_are_no_finding_and_others_are_found_at_their_step() {
    let plain = llama(10_000, "");
    let same = llama(10_000, r#", "transformers_version": "5.0", "rms_norm_eps": 1e-6"#);
    let other = llama(10_000, r#", "rms_norm_eps": 1e-5, "num_key_value_heads": 1"#);
    let steps = [(0, plain.clone()), (1, same), (2, other.clone()), (3, other), (4, plain)];
    let (_folder, series) = with_configs(&steps);
    let report = Audit::new().distances(false).run_on_files(&series).unwrap();
    let found: Vec<_> = about_settings(&report).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{report}");
    assert!(
        found[0].contains(
            "between step 1 and step 2: `norm_eps` is 0.000001, then 0.00001, \
                           `num_key_value_heads` is 2, then 1;"
        ),
        "{}",
        found[0]
    );
    assert!(found[1].contains("between step 3 and step 4: "), "{}", found[1]);
}

#[test]
fn another_family_and_a_configuration_that_is_missing() {
    let gpt2 = r#"{"model_type": "gpt2", "vocab_size": 24, "n_embd": 8, "n_layer": 3, "n_head": 2,
        "n_positions": 16}"#;
    let steps = [(0, Some(gpt2.to_owned())), (1, None), (2, llama(10_000, ""))];
    let (_folder, series) = with_configs(&steps);
    let report = Audit::new().distances(false).run_on_files(&series).unwrap();
    let found: Vec<_> = about_settings(&report).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{report}");
    assert!(found[0].contains("between step 0 and step 2: "), "{}", found[0]);
    let FindingKind::ChangedSettings { settings, .. } = &about_settings(&report)[0].kind else {
        panic!("{report}")
    };
    let values = |name: &str| {
        let setting = settings.iter().find(|setting| setting.name == name).unwrap();
        [setting.before.clone(), setting.after.clone()]
    };
    assert_eq!(values("family"), ["gpt2", "llama"]);
    assert_eq!(values("rope_theta"), ["absent", "10000"]);
    assert!(found[1].starts_with("suspect: the configuration of step 1 cannot be read: "));
    assert!(found[1].contains("config.json"), "{}", found[1]);

    // A series of tensors has no configurations, and none is missed.
    let (_folder, series) = with_configs(&[(0, None), (1, None)]);
    let report = Audit::new().run_on_files(&series).unwrap();
    assert!(about_settings(&report).is_empty(), "{report}");
}

#[test]
fn another_config_in_a_listing_is_a_note() {
    let config = |step: u64, digit: char| ListedFile {
        hash: digit.to_string().repeat(40),
        ..listed(step, "config.json", digit)
    };
    let mut files = Vec::new();
    for (step, weights) in [(0, '0'), (1, '1'), (2, '2'), (3, '3')] {
        files.push(listed(step, "model.safetensors", weights));
    }
    files.extend([config(0, 'a'), config(1, 'a'), config(2, 'b')]);
    let report = Audit::new().run_listing(files.clone()).unwrap();
    let kind = FindingKind::ChangedConfig { step: Step(2), previous: Step(1) };
    assert_eq!((only(&report).severity, &only(&report).kind), (Severity::Note, &kind));
    assert_eq!(
        only(&report).to_string(),
        "note: config.json is another file at step 2 than at step 1: compare the two, and run each \
         step by its own [changed-config]"
    );
    assert_eq!(report.sound_steps().len(), 4);
    files.push(config(0, 'c'));
    let error = Audit::new().run_listing(files).unwrap_err();
    assert!(error.to_string().contains("step 0, file config.json"), "{error}");
}

/// A series in memory that hands its steps out in any order and counts what is open.
struct Memory<'a> {
    run: &'a BTreeMap<Step, Tensors>,
    order: Vec<Step>,
    open: &'a Cell<usize>,
    most: &'a Cell<usize>,
}

struct Opened<'a> {
    tensors: &'a Tensors,
    metas: Vec<TensorMeta>,
    open: &'a Cell<usize>,
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

impl TensorSource for Opened<'_> {
    type Error = Error;

    fn tensors(&self) -> &[TensorMeta] {
        &self.metas
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, Error> {
        Ok(self.tensors.iter().find(|(own, _)| own == name).unwrap().1.clone())
    }
}

impl<'a> CheckpointSeries for Memory<'a> {
    type Source = Opened<'a>;
    type Error = Error;

    fn steps(&self) -> Result<Vec<Step>, Error> {
        Ok(self.order.clone())
    }

    fn open(&self, step: Step) -> Result<Opened<'a>, Error> {
        self.open.set(self.open.get() + 1);
        self.most.set(self.most.get().max(self.open.get()));
        let tensors = &self.run[&step];
        let meta = |(name, data): &(String, TensorData<'_>)| TensorMeta {
            name: name.clone(),
            dtype: data.dtype(),
            shape: data.shape().to_vec(),
        };
        Ok(Opened { tensors, metas: tensors.iter().map(meta).collect(), open: self.open })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn neither_the_order_of_steps_nor_of_tensors_matters(
        order in Just(steps(&[0, 1, 2, 1000, 2000, 3000, 4000])).prop_shuffle(),
        rotate in 0..20_usize,
        copies in prop::collection::vec((0..7_usize, 0..7_usize), 0..3),
    ) {
        let mut all = order.clone();
        all.sort();
        let mut run = training(&all, 14);
        for (from, to) in copies {
            run.insert(all[to], run[&all[from]].clone());
        }
        let tensors: BTreeMap<Step, Tensors> =
            run.iter().map(|(step, weights)| (*step, weights.tensors())).collect();
        let rotated: BTreeMap<Step, Tensors> = tensors.iter().map(|(step, tensors)| {
            let mut tensors = tensors.clone();
            tensors.rotate_left(rotate);
            (*step, tensors)
        }).collect();
        let (open, most) = (Cell::new(0), Cell::new(0));
        let one = Memory { run: &tensors, order: all, open: &open, most: &most };
        let two = Memory { run: &rotated, order, open: &open, most: &most };
        let audit = |series| Audit::new().run_on_tensors(series).unwrap();
        prop_assert_eq!(audit(&one), audit(&two));
        prop_assert_eq!((open.get(), most.get()), (0, 3), "three checkpoints open at a time");
    }
}
