//! Bad input, and what goes wrong on the way: an error that says what, or what was asked for; and a
//! model that can be used again. docs/RELIABILITY.md lists them.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::support::{
    CASES, File, activations, all_gradients, all_intermediates, all_sites, architecture, config,
    gradients, in_micro_batches, intermediates, load, relative_error,
};
use settling_capture::{Engine, Error, ErrorKind, Options, Precision, Transformer};
use settling_core::{Capture, Component, Dtype, MatView, Positions, Site, TokenBatch};
use settling_models::{Architecture, GptNeox};
use settling_testkit::{AdamW, Trainer};
use tch::Tensor;

fn tokens(case: &str) -> TokenBatch {
    File::expected(case).tokens()
}

fn weights(case: &str) -> File {
    File::read(case, "model.safetensors")
}

fn everything(case: &str, positions: Positions) -> Options {
    let sites = Some(all_sites(&architecture(case)));
    Options { engine: in_micro_batches(5), positions, sites, ..Options::default() }
}

#[track_caller]
fn refused(architecture: &Architecture, weights: &File, parts: &[&str]) {
    let error = Transformer::load(architecture, weights, &Options::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Weights, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[test]
fn every_weight_that_is_missing_is_named() {
    for case in CASES {
        let (architecture, whole) = (architecture(case), weights(case));
        for (name, _) in architecture.parameters() {
            if name == architecture.output_embedding() {
                continue;
            }
            let mut file = whole.clone();
            file.tensors.retain(|meta| meta.name != name);
            assert_eq!(file.tensors.len() + 1, whole.tensors.len(), "{case} {name}");
            refused(&architecture, &file, &[&format!("`{name}`"), "cannot be read"]);
        }
    }
}

#[test]
fn every_weight_of_another_shape_is_named_with_both_shapes() {
    for case in CASES {
        let (architecture, whole) = (architecture(case), weights(case));
        for (name, shape) in architecture.parameters() {
            // A dimension more, and a row fewer.
            let deeper: Vec<usize> = [1].into_iter().chain(shape.iter().copied()).collect();
            let mut shorter = shape.clone();
            shorter[0] -= 1;
            for other in [deeper, shorter] {
                let mut file = whole.clone();
                let meta = file.tensors.iter_mut().find(|meta| meta.name == name).unwrap();
                let bytes = file.values.get_mut(&name).unwrap();
                bytes.truncate(4 * other.iter().product::<usize>());
                meta.shape = other.clone();
                let (expected, found) = (format!("expected shape {shape:?}"), format!("{other:?}"));
                refused(&architecture, &file, &[&format!("`{name}`"), &expected, &found]);
            }
        }
    }
}

#[test]
fn a_configuration_that_lies_is_found_out_by_the_weights() {
    type Change = fn(&mut GptNeox);
    let lies: [(&str, Change, &str); 5] = [
        ("embed_in.weight", |config| config.vocab_size += 1, "[19, 12]"),
        ("layers.0.mlp.dense_h_to_4h.weight", |config| config.intermediate_size += 1, "[15, 12]"),
        ("embed_in.weight", |config| config.hidden_size *= 2, "[18, 24]"),
        ("layers.3.", |config| config.num_hidden_layers += 1, "cannot be read"),
        ("layers.3.", |config| config.num_hidden_layers = 1000, "cannot be read"),
    ];
    for (name, lie, part) in lies {
        let mut config = config("parallel");
        lie(&mut config);
        refused(&Architecture::GptNeox(config), &weights("parallel"), &[name, part]);
    }
}

/// What every pass says of a batch.
fn of_every_pass(model: &mut Transformer, batch: &TokenBatch) -> Vec<Result<(), Error>> {
    let wanted = ["final_norm".parse().unwrap()];
    let parameter = model.architecture().parameters().remove(0).0;
    vec![
        activations(model, batch).map(drop),
        intermediates(model, batch, &wanted).map(drop),
        gradients(model, batch).map(drop),
        model.parameter_gradients(batch, &[&parameter], &mut |_, _| {}).map(drop),
        model.logits(batch).map(drop),
    ]
}

#[test]
fn no_pass_runs_on_tokens_that_do_not_fit() {
    let mut model = load("parallel", &everything("parallel", Positions::Last));
    for (ids, width, part) in [
        (vec![1, 2, 3, 18], 2, "token 18 in row 1, column 1"),
        (vec![1, u32::MAX], 2, "token 4294967295 in row 0, column 1"),
        // 65,535 is -1 in 16 bits.
        (vec![65_535, 1], 2, "token 65535 in row 0, column 0"),
        (vec![1; 14], 14, "expected at most 13"),
        (vec![1; 1_000_000], 1_000_000, "expected at most 13"),
    ] {
        let batch = TokenBatch::new(ids, width).unwrap();
        for result in of_every_pass(&mut model, &batch) {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tokens, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    // And is none the worse for it. (That a batch is empty, its type rules out.)
    assert!(of_every_pass(&mut model, &tokens("parallel")).into_iter().all(|one| one.is_ok()));
    assert!(TokenBatch::new(Vec::new(), 4).is_err());
}

#[test]
fn what_is_not_finite_is_delivered_and_spoils_nothing_before_it() {
    for case in CASES {
        let (architecture, batch) = (architecture(case), tokens(case));
        let options = everything(case, Positions::All);
        let healthy = activations(&mut load(case, &options), &batch).unwrap();
        let spoilt = Site::write(1, Component::Mlp);
        let name = architecture.write_weight(1, Component::Mlp).name;
        for value in [f32::NAN, f32::INFINITY] {
            let mut file = weights(case);
            file.change(&name, |index, before| if index == 0 { value } else { before });
            let mut model = Transformer::load(&architecture, &file, &options).unwrap();
            let captured = activations(&mut model, &batch).unwrap();
            assert_eq!(captured.len(), healthy.len());
            for (site, (rows, width)) in &captured {
                if *site < spoilt {
                    assert_eq!(*rows, healthy[site].0, "{case} {site}");
                } else {
                    let finite = |row: &[f32]| row.iter().all(|value| value.is_finite());
                    assert!(!rows.chunks(*width).any(finite), "{case} {site}");
                }
            }
            // A loss and gradients of nothing are none either, and say so.
            let (loss, captured) = gradients(&mut model, &batch).unwrap();
            assert!(!loss.is_finite(), "{case}: {loss}");
            assert_eq!(captured.len(), healthy.len());
            for (site, (gradient, _)) in captured {
                assert!(gradient.iter().any(|value| !value.is_finite()), "{case} {site}");
            }
        }
    }
}

#[test]
fn a_token_without_a_finite_embedding_spoils_its_own_sequences_only() {
    let mut compared = 0;
    for case in CASES {
        let (architecture, batch) = (architecture(case), tokens(case));
        let sizes = architecture.sizes();
        let (embedding, _) = architecture.parameters().remove(0);
        // Of the row's end only what the last position is fed.
        let has = |row: usize, id: u32| batch.row(row)[..12].contains(&id);
        let some = |id: &u32| (1..5).contains(&(0..5).filter(|&row| has(row, *id)).count());
        let Some(id) = (0..sizes.vocabulary_rows as u32).find(some) else { continue };
        let options = everything(case, Positions::Last);
        let healthy = activations(&mut load(case, &options), &batch).unwrap();
        let mut file = weights(case);
        let spoilt = id as usize * sizes.width;
        file.change(&embedding, |index, before| if index == spoilt { f32::NAN } else { before });
        let mut model = Transformer::load(&architecture, &file, &options).unwrap();
        for (site, (rows, width)) in activations(&mut model, &batch).unwrap() {
            let expected = healthy[&site].0.chunks(width);
            for (row, (found, expected)) in rows.chunks(width).zip(expected).enumerate() {
                if has(row, id) {
                    continue;
                }
                assert_eq!(found, expected, "{case} {site} row {row}");
                compared += 1;
            }
        }
    }
    assert!(compared > 0);
}

/// Rounded towards zero, which is all one here.
fn to_f16(value: f32) -> u16 {
    let (sign, exponent) = (value.to_bits() >> 16 & 0x8000, value.to_bits() >> 23 & 0xff);
    let bits = match exponent.saturating_sub(112) {
        0 => 0,
        exponent => exponent << 10 | value.to_bits() >> 13 & 0x3ff,
    };
    (sign | bits) as u16
}

/// Weights that are the largest numbers of f16 multiply with each other without overflow where
/// arithmetic is f32.
#[test]
fn the_largest_numbers_of_f16_overflow_in_f16_only() {
    let (architecture, batch) = (architecture("parallel"), tokens("parallel"));
    let mut file = weights("parallel");
    for name in ["query_key_value", "dense"] {
        let name = format!("gpt_neox.layers.0.attention.{name}.weight");
        // Of every head of 6, queries and keys stay; 12 columns.
        let stays = |index: usize| name.contains("query") && index / 12 % 18 < 12;
        file.change(
            &name,
            |index, value| {
                if stays(index) { value } else { 65504_f32.copysign(value) }
            },
        );
        let halves = file.f32(&name).into_iter().flat_map(|value| to_f16(value).to_le_bytes());
        let halves = halves.collect();
        file.values.insert(name.clone(), halves);
        file.tensors.iter_mut().find(|meta| meta.name == name).unwrap().dtype = Dtype::F16;
    }
    let run = |precision: Precision| {
        let sites = Some(vec![Site::ov(0), Site::write(0, Component::Attention)]);
        let engine = Engine { precision, ..in_micro_batches(5) };
        let options = Options { engine, sites, ..everything("parallel", Positions::All) };
        let mut model = Transformer::load(&architecture, &file, &options).unwrap();
        let activations = activations(&mut model, &batch).unwrap();
        (activations, gradients(&mut model, &batch).unwrap())
    };
    let (reference, (loss, gradients)) = run(Precision::F64);
    let (found, (found_loss, found_gradients)) = run(Precision::F32);
    // As in golden.rs.
    assert!((found_loss - loss).abs() <= 1e-5 * loss, "{found_loss} {loss}");
    for (kind, found, expected) in
        [("activation", &found, &reference), ("gradient", &found_gradients, &gradients)]
    {
        for (site, (values, _)) in found {
            let error = relative_error(values, &expected[site].0);
            assert!(error <= 1e-5, "{kind} of {site}: {error:e}");
        }
    }
    for (site, (rows, _)) in run(Precision::F16).0 {
        assert!(rows.iter().any(|value| !value.is_finite()), "{site}");
    }
}

/// Whether this thread's operations are recorded for gradients.
fn records_gradients() -> bool {
    let leaf = Tensor::from_slice(&[1.0_f32]).set_requires_grad(true);
    (leaf * 2.0).requires_grad()
}

#[test]
fn a_receiver_that_panics_leaves_the_thread_and_the_model_as_they_were() {
    for case in ["parallel", "olmo2"] {
        let batch = tokens(case);
        let wanted = all_intermediates(&architecture(case));
        let options = Options { engine: in_micro_batches(2), ..everything(case, Positions::All) };
        let mut model = load(case, &options);
        let all = |model: &mut Transformer| {
            let of_sites = (activations(model, &batch).unwrap(), gradients(model, &batch).unwrap());
            (of_sites, intermediates(model, &batch, &wanted).unwrap(), all_gradients(model, &batch))
        };
        let expected = all(&mut model);
        for off in [false, true] {
            // The caller's own choice is what is restored.
            let guard = off.then(tch::no_grad_guard);
            for pass in 0..4 {
                for last in [1, 3] {
                    let seen = Cell::new(0);
                    let receive = || {
                        seen.set(seen.get() + 1);
                        assert!(seen.get() < last, "the receiver has had enough");
                        ControlFlow::Continue(())
                    };
                    let mut sink = |_: &Site, _: MatView<'_>| receive();
                    let run = || match pass {
                        0 => model.activations(&batch, &mut sink),
                        1 => model.gradients(&batch, &mut sink).map(drop),
                        2 => model.intermediates(&batch, &wanted, &mut |_, _| receive()),
                        _ => {
                            let parameters = model.architecture().parameters();
                            let names: Vec<&str> =
                                parameters.iter().map(|(name, _)| name.as_str()).collect();
                            let mut take = |_: &str, _: MatView<'_, f64>| {
                                let _ = receive();
                            };
                            model.parameter_gradients(&batch, &names, &mut take).map(drop)
                        }
                    };
                    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
                    assert_eq!(records_gradients(), !off, "{case}, pass {pass}");
                    assert_eq!(all(&mut model), expected, "{case}, pass {pass}");
                    assert_eq!(records_gradients(), !off, "{case}, pass {pass}");
                }
            }
            drop(guard);
        }
    }
}

/// In a process of its own, which is given little more memory than it has when the model is loaded.
#[cfg(target_os = "linux")]
#[test]
#[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
fn memory_that_runs_out_is_an_error_that_says_what_to_do() {
    const CHILD: &str = "SETTLING_TEST_OUT_OF_MEMORY";
    if std::env::var_os(CHILD).is_some() {
        run_out_of_memory();
        return;
    }
    if std::process::Command::new("prlimit").arg("--version").output().is_err() {
        eprintln!("skipped: there is no prlimit to limit memory with");
        return;
    }
    let this = "faults::memory_that_runs_out_is_an_error_that_says_what_to_do";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([this, "--exact", "--nocapture"])
        .env(CHILD, "1")
        // Every thread and its heap would take addresses, which are what is limited.
        .envs([("OMP_NUM_THREADS", "1"), ("MALLOC_ARENA_MAX", "1")])
        .output()
        .unwrap();
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
}

#[cfg(target_os = "linux")]
fn run_out_of_memory() {
    settling_capture::set_threads(1);
    let config = GptNeox {
        vocab_size: 64,
        hidden_size: 64,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 256,
        max_position_embeddings: 512,
        ..GptNeox::default()
    };
    let source = Trainer::new(&config, AdamW::pythia(1e-3, 10), 1, tch::Device::Cpu);
    // 64 sequences take 8 MB for every tensor as wide as the model; 2 take a quarter of one.
    let load = |micro_batch| {
        let options = Options { engine: in_micro_batches(micro_batch), ..Options::default() };
        Transformer::load(&Architecture::GptNeox(config.clone()), &source, &options).unwrap()
    };
    let (mut few, mut many) = (load(2), load(64));
    let batch =
        TokenBatch::new((0..64 * 512).map(|id| id % 61 * (id % 7) % 64).collect(), 512).unwrap();
    let expected = (activations(&mut few, &batch).unwrap(), gradients(&mut few, &batch).unwrap());

    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = format!("--as={}", (kilobytes << 10) + (32 << 20));
    let process = std::process::id().to_string();
    let limited = std::process::Command::new("prlimit").args(["--pid", &process, &limit]).status();
    assert!(limited.unwrap().success());

    let error = activations(&mut many, &batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    let message = error.to_string();
    for part in ["64 sequences at a time do not fit", "a smaller micro-batch", "allocate"] {
        assert!(message.contains(part), "{message}");
    }
    // What it says helps, and gradients do it themselves.
    assert_eq!(activations(&mut few, &batch).unwrap(), expected.0);
    let (loss, found) = gradients(&mut many, &batch).unwrap();
    let (expected_loss, expected) = &expected.1;
    assert!((loss - expected_loss).abs() <= 1e-6 * loss, "{loss} {expected_loss}");
    for (site, (gradient, _)) in found {
        // As in precision.rs, with many more terms.
        let error = relative_error(&gradient, &expected[&site].0);
        assert!(error <= 1e-5, "{site}: {error:e}");
    }
}
