//! What a model promises besides agreeing with the reference: repetition, errors with a cause,
//! training.

use std::ops::ControlFlow;

use crate::support::{File, activations, architecture, config, gradients, model};
use settling_capture::{Device, Engine, ErrorKind, Options, Transformer};
use settling_core::{MatView, Positions, Site, Step, TensorSource, TokenBatch};
use settling_models::{Architecture, GptNeox};
use settling_testkit::{AdamW, Trainer};

fn tokens() -> TokenBatch {
    File::read("parallel", "expected.safetensors").tokens()
}

#[test]
fn a_second_pass_repeats_the_first() {
    let mut model = model("parallel", Positions::All, 2);
    let first =
        (gradients(&mut model, &tokens()).unwrap(), activations(&mut model, &tokens()).unwrap());
    let second =
        (gradients(&mut model, &tokens()).unwrap(), activations(&mut model, &tokens()).unwrap());
    assert_eq!(first, second);
}

#[test]
fn the_token_behind_the_context_is_a_target_only() {
    // 13 tokens in a context of 12 feed 12; the same rows without their last token feed the same
    // 12.
    let longer = tokens();
    let shorter: Vec<u32> =
        (0..longer.rows()).flat_map(|row| longer.row(row)[..12].to_vec()).collect();
    let shorter = TokenBatch::new(shorter, 12).unwrap();
    let mut model = model("parallel", Positions::All, 2);
    let of_longer = activations(&mut model, &longer).unwrap();
    assert_eq!(of_longer, activations(&mut model, &shorter).unwrap());
    // The longer rows have 12 targets each, the shorter 11: other losses.
    let (a, b) =
        (gradients(&mut model, &longer).unwrap().0, gradients(&mut model, &shorter).unwrap().0);
    assert!((a - b).abs() > 1e-3, "{a} {b}");
}

#[test]
fn gradients_flow_after_activations_in_the_same_thread() {
    // The pass without gradients restores the thread's gradient mode.
    let mut model = model("parallel", Positions::Last, 2);
    activations(&mut model, &tokens()).unwrap();
    let (_, captured) = gradients(&mut model, &tokens()).unwrap();
    assert!(captured.values().all(|(gradient, _)| gradient.iter().any(|&value| value != 0.0)));
}

#[test]
fn unfit_tokens_are_named() {
    let mut model = model("parallel", Positions::Index(7), 2);
    let mut fails = |ids: Vec<u32>, width: usize, part: &str| {
        let batch = TokenBatch::new(ids, width).unwrap();
        let error = activations(&mut model, &batch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tokens);
        assert!(error.to_string().contains(part), "{error}");
    };
    fails(vec![1, 2, 3, 18], 2, "token 18 in row 1, column 1 lies outside the vocabulary of 18");
    fails(vec![0; 14], 14, "expected at most 13");
    fails(vec![0; 6], 6, "positions `index:7` name none of the 6 tokens");
    let single = TokenBatch::new(vec![1, 2], 1).unwrap();
    let error = gradients(&mut model, &single).unwrap_err();
    assert!(error.to_string().contains("no next token"), "{error}");
}

#[test]
fn unfit_weights_are_named() {
    let file = File::read("parallel", "model.safetensors");
    let fails = |config: &GptNeox, file: &File, kind: ErrorKind, parts: &[&str]| {
        let error =
            Transformer::load(&Architecture::GptNeox(config.clone()), file, &Options::default())
                .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "{error}");
        }
    };
    let good = config("parallel");
    let name = "gpt_neox.layers.1.mlp.dense_4h_to_h.weight";

    let mut missing = file.clone();
    missing.tensors.retain(|meta| meta.name != name);
    fails(&good, &missing, ErrorKind::Weights, &[name, "cannot be read"]);

    let mut reshaped = file.clone();
    reshaped.tensors.iter_mut().find(|meta| meta.name == name).unwrap().shape = vec![14, 12];
    fails(&good, &reshaped, ErrorKind::Weights, &[name, "[12, 14]", "[14, 12]"]);

    let mut integers = file.clone();
    integers.tensors.iter_mut().find(|meta| meta.name == name).unwrap().dtype =
        settling_core::Dtype::I32;
    fails(&good, &integers, ErrorKind::Weights, &[name, "i32"]);

    let uneven = GptNeox { num_attention_heads: 5, ..good.clone() };
    fails(&uneven, &file, ErrorKind::Config, &["does not divide"]);

    let engine = Engine { device: Device::Cuda(4096), ..Engine::default() };
    let nowhere = Options { engine, ..Options::default() };
    let error = Transformer::load(&architecture("parallel"), &file, &nowhere).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Device);
    assert!(error.to_string().contains("cuda:4096"), "{error}");
}

#[test]
fn wrapped_and_bare_names_are_recognised() {
    type Rename = fn(&str) -> String;
    let cases: [(&str, Rename); 3] = [
        ("pico", |name| format!("pico_decoder.{name}")),
        ("llama", |name| format!("module.{name}")),
        ("gpt2", |name| name.trim_start_matches("transformer.").to_owned()),
    ];
    for (case, rename) in cases {
        let mut renamed = File::read(case, "model.safetensors");
        for meta in &mut renamed.tensors {
            let bytes = renamed.values.remove(&meta.name).unwrap();
            meta.name = rename(&meta.name);
            renamed.values.insert(meta.name.clone(), bytes);
        }
        let found = Transformer::load(&architecture(case), &renamed, &Options::default()).unwrap();
        let expected = model(case, Positions::Last, 8).logits(&tokens()).unwrap();
        assert_eq!(found.logits(&tokens()).unwrap(), expected, "{case}");
    }
}

#[test]
fn the_output_embedding_may_be_named_lm_head() {
    let mut renamed = File::read("parallel", "model.safetensors");
    for meta in &mut renamed.tensors {
        if meta.name == "embed_out.weight" {
            meta.name = "lm_head.weight".to_owned();
        }
    }
    let bytes = renamed.values.remove("embed_out.weight").unwrap();
    renamed.values.insert("lm_head.weight".to_owned(), bytes);
    let model_of_renamed =
        Transformer::load(&architecture("parallel"), &renamed, &Options::default()).unwrap();
    let expected = model("parallel", Positions::Last, 8).logits(&tokens()).unwrap();
    assert_eq!(model_of_renamed.logits(&tokens()).unwrap(), expected);
}

#[test]
fn training_starts_from_pythias_initialisation_and_learns() {
    settling_capture::set_threads(1);
    let config = GptNeox {
        vocab_size: 512,
        hidden_size: 64,
        num_hidden_layers: 4,
        num_attention_heads: 4,
        intermediate_size: 256,
        max_position_embeddings: 16,
        ..GptNeox::default()
    };
    let train = |steps: u64| {
        let mut trainer = Trainer::new(&config, AdamW::pythia(3e-3, steps), 7, tch::Device::Cpu);
        let batch = TokenBatch::new((0..17 * 8).map(|id| (id * id) % 512).collect(), 17).unwrap();
        let losses: Vec<f64> = (0..steps).map(|_| trainer.step(&batch).unwrap()).collect();
        assert_eq!(trainer.steps_done(), Step(steps));
        (trainer, batch, losses)
    };
    let (start, batch, _) = train(0);
    for (name, expected) in [
        ("gpt_neox.embed_in.weight", (2.0_f64 / (5.0 * 64.0)).sqrt()),
        ("gpt_neox.layers.3.attention.query_key_value.weight", (2.0_f64 / (5.0 * 64.0)).sqrt()),
        ("gpt_neox.layers.3.attention.dense.weight", 2.0 / (4.0 * 8.0)),
        ("gpt_neox.layers.0.mlp.dense_4h_to_h.weight", 2.0 / (4.0 * 8.0)),
    ] {
        let values = start.read(name).unwrap().to_f32().unwrap();
        let n = values.len() as f64;
        let deviation = (values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n).sqrt();
        // The standard error of a standard deviation is sigma / sqrt(2 n); five of them.
        assert!(
            (deviation / expected - 1.0).abs() < 5.0 / (2.0 * n).sqrt(),
            "{name}: {deviation} {expected}"
        );
    }
    assert_eq!(
        start.read("gpt_neox.final_layer_norm.weight").unwrap().to_f32().unwrap(),
        [1.0; 64]
    );

    // Observed as a checkpoint, the fresh model predicts next to nothing: a loss near ln 512.
    let mut observed =
        Transformer::load(&Architecture::GptNeox(config.clone()), &start, &Options::default())
            .unwrap();
    let loss = observed
        .gradients(&batch, &mut |_: &Site, _: MatView<'_>| ControlFlow::Continue(()))
        .unwrap();
    assert!((loss - 512_f64.ln()).abs() < 0.5, "{loss}");

    let (_, _, losses) = train(60);
    assert!((losses[0] - loss).abs() < 1e-5, "{} {loss}", losses[0]);
    assert!(losses[59] < 0.5 * losses[0], "{losses:?}");
    // Seeded: the same again, to the bit.
    assert_eq!(train(10).2[..3], train(10).2[..3]);
}

/// The trainer's forward pass is its own; what it has trained is what a checkpoint of it gives.
#[test]
fn the_trainers_loss_is_that_of_the_checkpoints_it_makes() {
    settling_capture::set_threads(1);
    let tiny = settling_testkit::tiny_config();
    for config in [
        tiny.clone(),
        GptNeox { use_parallel_residual: false, rotary_pct: 1.0, ..tiny.clone() },
        GptNeox { tie_word_embeddings: true, attention_bias: false, rotary_pct: 0.0, ..tiny },
    ] {
        let schedule = AdamW::pythia(1e-2, 12);
        let mut trainer = Trainer::new(&config, schedule, 3, tch::Device::Cpu);
        for step in 0..=12 {
            let batch = settling_testkit::tiny_batch(step);
            let mut observed = Transformer::load(
                &Architecture::GptNeox(config.clone()),
                &trainer,
                &Options::default(),
            )
            .unwrap();
            let (loss, _) = gradients(&mut observed, &batch).unwrap();
            let expected = trainer.step(&batch).unwrap();
            let error = (loss - expected).abs() / expected;
            assert!(error <= 1e-5, "step {step} of {config:?}: {loss} {expected}");
        }
    }
}
