//! What an audit finds in the tensors of one step alone: what its configuration does not know, and
//! values that no training gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use settling_checkpoint::{
    Audit, AuditReport, FindingKind, FindingName, Severity, StepDirectories, Verdict,
    write_safetensors,
};
use settling_core::{Dtype, Step, TensorData};
use settling_models::parse_config;
use tempfile::TempDir;

const LLAMA: &str = r#"{"model_type": "llama", "hidden_act": "silu", "vocab_size": 12,
    "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
    "max_position_embeddings": 16, "rms_norm_eps": 1e-6}"#;
const NEOX: &str = r#"{"model_type": "gpt_neox", "hidden_act": "gelu", "vocab_size": 12,
    "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
    "max_position_embeddings": 4, "rotary_pct": 0.5}"#;

/// The tensors of one step, by name: shape and values.
type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Different numbers in every matrix; norms of ones and biases of zeros, as training begins.
fn weights(config: &str, seed: u64) -> Weights {
    let mut state = seed;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / 16_777_216.0) - 0.5
    };
    let parameters = parse_config(config).unwrap().parameters();
    let with_values = parameters.into_iter().map(|(name, shape)| {
        let count = shape.iter().product::<usize>();
        let values = match shape.len() {
            1 => vec![if name.ends_with("bias") { 0.0 } else { 1.0 }; count],
            _ => (0..count).map(|_| next()).collect(),
        };
        (name, (shape, values))
    });
    with_values.collect()
}

fn save(folder: &Path, config: &str, weights: &Weights, more: &[(String, TensorData<'static>)]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config.json"), config).unwrap();
    let data = |(name, (shape, values)): (&String, &(Vec<usize>, Vec<f32>))| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        (name.clone(), TensorData::new(Dtype::F32, shape.clone(), bytes).unwrap())
    };
    let tensors: Vec<_> = weights.iter().map(data).chain(more.iter().cloned()).collect();
    write_safetensors(folder.join("model.safetensors"), &tensors).unwrap();
}

/// An audit of the steps 0, 100 and 200, of which `change` changes one.
fn audited(audit: &Audit, config: &str, step: u64, change: impl Fn(&mut Weights)) -> AuditReport {
    let folder = TempDir::new().unwrap();
    for (seed, one) in [(1, 0), (2, 100), (3, 200)] {
        let mut weights = weights(config, seed);
        if one == step {
            change(&mut weights);
        }
        save(&folder.path().join(format!("step{one}")), config, &weights, &[]);
    }
    audit.run_on_files(&StepDirectories::open(folder.path()).unwrap()).unwrap()
}

fn hashes_only() -> Audit {
    Audit::new().distances(false)
}

/// The finding of this name, of which there must be one.
#[track_caller]
fn of_name<'a>(report: &'a AuditReport, name: &str) -> &'a settling_checkpoint::Finding {
    let name: FindingName = name.parse().unwrap();
    let mut found = report.findings.iter().filter(|finding| finding.kind.name() == name);
    let one = found.next().unwrap_or_else(|| panic!("{report}"));
    assert!(found.next().is_none(), "{report}");
    one
}

#[test]
fn what_training_gives_is_sound() {
    for config in [LLAMA, NEOX] {
        let report = audited(&hashes_only(), config, 100, |_| {});
        assert_eq!(report.findings, [], "{report}");
    }
}

/// An adapter that was not merged, a bias that the configuration does not have, and a layer beyond
/// those that it has.
#[test]
fn tensors_that_the_model_does_not_have_are_named() {
    let cases: [(&str, &str, &[&str]); 4] = [
        (
            LLAMA,
            "an adapter",
            &[
                "model.layers.1.self_attn.o_proj.lora_A.weight",
                "model.layers.1.self_attn.o_proj.lora_B.weight",
            ],
        ),
        (LLAMA, "a bias", &["model.layers.0.self_attn.q_proj.bias"]),
        (LLAMA, "a layer", &["model.layers.2.mlp.down_proj.weight"]),
        (NEOX, "a bias that is called as a mask", &["gpt_neox.layers.0.attention.bias"]),
    ];
    for (config, what, names) in cases {
        let add = |weights: &mut Weights| {
            for name in names {
                let shape = if name.ends_with("bias") { vec![8] } else { vec![2, 8] };
                let values = vec![0.25; shape.iter().product()];
                weights.insert((*name).to_owned(), (shape, values));
            }
        };
        let report = audited(&hashes_only(), config, 200, add);
        let finding = of_name(&report, "unknown-tensors");
        assert_eq!((finding.severity, finding.refuses()), (Severity::Suspect, true), "{what}");
        let tensors = names.iter().map(|&name| name.to_owned()).collect();
        let kind = FindingKind::UnknownTensors { steps: vec![Step(200)], tensors };
        assert_eq!(finding.kind, kind, "{what}");
        assert_eq!(report.findings.len(), 1, "{report}");
        let text = report.to_string();
        assert!(names.iter().all(|name| text.contains(name)), "{text}");

        // In every step, it is one finding.
        let folder = TempDir::new().unwrap();
        for (seed, step) in [(1, 0), (2, 100)] {
            let mut weights = weights(config, seed);
            add(&mut weights);
            save(&folder.path().join(format!("step{step}")), config, &weights, &[]);
        }
        let series = StepDirectories::open(folder.path()).unwrap();
        let report = hashes_only().run(&series).unwrap();
        let finding = of_name(&report, "unknown-tensors");
        assert_eq!(finding.kind.steps(), [Step(0), Step(100)], "{what}");
    }
}

/// Masks and tables of older files are nothing, and a trainer's state is a note.
#[test]
fn buffers_are_no_finding_and_the_state_of_a_trainer_is_a_note() {
    let folder = TempDir::new().unwrap();
    let tensor =
        |dtype, shape: Vec<usize>, bytes: Vec<u8>| TensorData::new(dtype, shape, bytes).unwrap();
    let attention = "gpt_neox.layers.0.attention.";
    let mut buffers = vec![
        (format!("{attention}bias"), tensor(Dtype::U8, vec![1, 1, 4, 4], vec![1; 16])),
        (format!("{attention}masked_bias"), tensor(Dtype::F16, vec![], vec![0x00, 0xfc])),
        (format!("{attention}rotary_emb.inv_freq"), tensor(Dtype::F16, vec![1], vec![0, 0x3c])),
    ];
    let step = folder.path().join("step5");
    let audit = || hashes_only().run_on_files(&StepDirectories::open(folder.path())?);
    save(&step, NEOX, &weights(NEOX, 1), &buffers);
    assert_eq!(audit().unwrap().verdict(), Verdict::Sound);

    let zeros = tensor(Dtype::F32, vec![2, 2], vec![0; 16]);
    buffers.push(("optimizer.state.0.exp_avg".to_owned(), zeros));
    save(&step, NEOX, &weights(NEOX, 1), &buffers);
    let report = audit().unwrap();
    assert_eq!(report.verdict(), Verdict::Notes, "{report}");
    let finding = of_name(&report, "unknown-tensors");
    assert!(finding.to_string().contains("optimizer.state.0.exp_avg"), "{finding}");
}

#[test]
fn weights_that_the_configuration_says_and_the_file_has_not_are_broken() {
    let folder = TempDir::new().unwrap();
    let mut weights = weights(LLAMA, 1);
    weights.remove("model.layers.0.mlp.down_proj.weight");
    weights.insert("model.norm.weight".to_owned(), (vec![9], vec![1.0; 9]));
    let down = weights.remove("model.layers.1.mlp.down_proj.weight").unwrap().0;
    let bytes = vec![7; down.iter().product()];
    let quantised = TensorData::new(Dtype::I8, down, bytes).unwrap();
    let more = [("model.layers.1.mlp.down_proj.weight".to_owned(), quantised)];
    save(&folder.path().join("step5"), LLAMA, &weights, &more);
    let series = StepDirectories::open(folder.path()).unwrap();
    let report = hashes_only().run_on_files(&series).unwrap();
    let finding = of_name(&report, "missing-weights");
    assert_eq!((finding.severity, report.verdict()), (Severity::Broken, Verdict::Broken));
    let text = finding.to_string();
    for part in [
        "no model.layers.0.mlp.down_proj.weight [8, 16]",
        "model.norm.weight [9], expected [8]",
        "model.layers.1.mlp.down_proj.weight in i8, expected floating-point",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn weights_of_zeros_are_suspect_and_named() {
    let set = |name: &str, value: f32, share: usize| {
        let name = name.to_owned();
        move |weights: &mut Weights| {
            let (_, values) = weights.get_mut(&name).unwrap();
            let count = values.len() * share / 4;
            values[..count].fill(value);
        }
    };
    let matrix = "model.layers.1.mlp.down_proj.weight";
    let found = |step, name, share| audited(&hashes_only(), LLAMA, step, set(name, 0.0, share));
    for (step, name) in [(0, matrix), (100, matrix), (200, matrix), (100, "model.norm.weight")] {
        let report = found(step, name, 4);
        let finding = of_name(&report, "zero-weights");
        let kind =
            FindingKind::ZeroWeights { steps: vec![Step(step)], tensors: vec![name.to_owned()] };
        assert_eq!((finding.severity, &finding.kind), (Severity::Suspect, &kind));
        assert_eq!(report.findings.len(), 1, "{report}");
    }
    // A file that was cut and padded.
    let report = found(100, matrix, 3);
    let text = of_name(&report, "zero-weights").to_string();
    assert!(text.contains(&format!("{matrix} (96 of 128 elements)")), "{text}");
    assert_eq!(found(100, matrix, 2).verdict(), Verdict::Sound);
    // Before training a model may begin with zeros, but not in one layer alone.
    let begins = found(0, "lm_head.weight", 4);
    assert_eq!(of_name(&begins, "zero-weights").severity, Severity::Note);
    assert_eq!(
        of_name(&found(100, "lm_head.weight", 4), "zero-weights").severity,
        Severity::Suspect
    );

    let report = audited(&hashes_only(), LLAMA, 100, set(matrix, 0.5, 4));
    let finding = of_name(&report, "uniform-weights");
    assert_eq!(finding.severity, Severity::Suspect);
    assert!(finding.to_string().contains(matrix), "{finding}");
}

#[test]
fn a_layer_that_is_another_one_is_suspect_and_named() {
    let repeat = |weights: &mut Weights| {
        let first = weights["model.layers.0.self_attn.o_proj.weight"].clone();
        weights.insert("model.layers.1.self_attn.o_proj.weight".to_owned(), first);
    };
    let report = audited(&hashes_only(), LLAMA, 100, repeat);
    let finding = of_name(&report, "repeated-weights");
    assert_eq!(finding.severity, Severity::Suspect);
    let pair = "model.layers.0.self_attn.o_proj.weight = model.layers.1.self_attn.o_proj.weight";
    let kind =
        FindingKind::RepeatedWeights { steps: vec![Step(100)], tensors: vec![pair.to_owned()] };
    assert_eq!(finding.kind, kind);
    assert_eq!(report.findings.len(), 1, "{report}");
}

/// Found without the distances that a study does not measure.
#[test]
fn weights_that_are_not_finite_are_found_in_one_pass() {
    for (name, value) in [
        ("model.layers.0.mlp.up_proj.weight", f32::NAN),
        ("model.layers.0.input_layernorm.weight", f32::INFINITY),
    ] {
        let report = audited(&hashes_only(), LLAMA, 200, |weights| {
            weights.get_mut(name).unwrap().1[3] = value;
        });
        let finding = of_name(&report, "not-finite");
        assert!(finding.refuses() && finding.to_string().contains(name), "{finding}");
    }
}

#[test]
fn a_finding_that_is_allowed_stays_what_it_is_and_refuses_nothing() {
    let zero = |weights: &mut Weights| {
        weights.get_mut("model.layers.1.mlp.down_proj.weight").unwrap().1.fill(0.0);
    };
    let refused = audited(&hashes_only(), LLAMA, 100, zero);
    assert_eq!(refused.refusals().count(), 1);
    let allowed = |name: &str| {
        let audit = hashes_only().allow_findings([name.parse().unwrap()]);
        audited(&audit, LLAMA, 100, zero)
    };
    assert_eq!(allowed("unknown-tensors").refusals().count(), 1);
    let report = allowed("zero-weights");
    assert_eq!((report.refusals().count(), report.verdict()), (0, Verdict::Suspect));
    assert!(report.to_string().contains("[zero-weights, allowed]"), "{report}");
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let finding = &json["findings"][0];
    assert_eq!((&finding["kind"], &finding["allowed"]), (&"zero-weights".into(), &true.into()));
    assert_eq!(finding["tensors"][0], "model.layers.1.mlp.down_proj.weight");
    for name in FindingName::ALL {
        assert_eq!(name.to_string().parse::<FindingName>().unwrap(), name);
    }
}
