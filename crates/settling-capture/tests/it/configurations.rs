//! What a configuration says and a file has: embeddings that are tied, bodies without a head,
//! contexts that nobody feeds, clipping beyond the precision.

use crate::support::{
    CASES, File, activations, all_gradients, all_sites, architecture, gradients, in_micro_batches,
    load, relative_error,
};
use settling_capture::{Engine, Error, ErrorKind, Options, Precision, Transformer};
use settling_core::{Dtype, Positions, TensorMeta, TokenBatch};
use settling_models::{Architecture, RopeScaling};

fn tokens(case: &str) -> TokenBatch {
    File::expected(case).tokens()
}

fn weights(case: &str) -> File {
    File::read(case, "model.safetensors")
}

fn everything(architecture: &Architecture) -> Options {
    let sites = Some(all_sites(architecture));
    Options { sites, positions: Positions::All, ..Options::default() }
}

fn open(architecture: &Architecture, file: &File) -> Result<Transformer, Error> {
    settling_capture::set_threads(1);
    Transformer::load(architecture, file, &everything(architecture))
}

/// A tensor more, with the values of another.
fn copied(file: &mut File, from: &str, to: &str) {
    let meta = file.tensors.iter().find(|meta| meta.name == from).unwrap().clone();
    file.values.insert(to.to_owned(), file.values[from].clone());
    file.tensors.push(TensorMeta { name: to.to_owned(), ..meta });
}

fn without(file: &mut File, name: &str) {
    file.tensors.retain(|meta| meta.name != name);
    file.values.remove(name).unwrap();
}

/// The golden models whose embeddings are tied.
fn tied() -> impl Iterator<Item = &'static str> {
    CASES.into_iter().filter(|case| architecture(case).is_tied())
}

#[test]
fn a_tied_model_may_have_either_embedding_or_both() {
    assert!(tied().count() >= 3);
    for case in tied() {
        let (architecture, batch) = (architecture(case), tokens(case));
        let (input, output) = (architecture.input_embedding(), architecture.output_embedding());
        let expected = all_gradients(&mut open(&architecture, &weights(case)).unwrap(), &batch);

        let mut both = weights(case);
        copied(&mut both, input, output);
        let mut wider = both.clone();
        let values = wider.f32(output).into_iter().flat_map(|value| f64::from(value).to_le_bytes());
        wider.values.insert(output.to_owned(), values.collect());
        wider.tensors.iter_mut().find(|meta| meta.name == output).unwrap().dtype = Dtype::F64;
        // What safetensors' `save_model` writes: the first name of what shares memory.
        let mut only_output = both.clone();
        without(&mut only_output, input);
        for file in [both, wider, only_output] {
            let found = all_gradients(&mut open(&architecture, &file).unwrap(), &batch);
            assert_eq!(found, expected, "{case}");
        }

        let mut neither = weights(case);
        without(&mut neither, input);
        let error = open(&architecture, &neither).unwrap_err().to_string();
        assert!(error.contains(input), "{error}");
    }
}

#[test]
fn another_head_than_the_tied_one_is_an_error_that_names_both() {
    for case in tied() {
        let architecture = architecture(case);
        let (input, output) = (architecture.input_embedding(), architecture.output_embedding());
        for value in [1e-30, f32::NAN] {
            let mut file = weights(case);
            copied(&mut file, input, output);
            file.change(output, |index, before| if index == 7 { value } else { before });
            let error = open(&architecture, &file).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Weights);
            for part in [input, output, "tie_word_embeddings", "differs"] {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
        // Where both have no value in one place they do not differ there.
        let mut file = weights(case);
        file.change(input, |index, before| if index == 7 { f32::NAN } else { before });
        copied(&mut file, input, output);
        open(&architecture, &file).unwrap();
    }
}

#[test]
fn a_body_without_its_head_has_activations_and_says_what_it_lacks() {
    for case in CASES.into_iter().filter(|case| !architecture(case).is_tied()) {
        let (architecture, batch) = (architecture(case), tokens(case));
        let expected = activations(&mut load(case, &everything(&architecture)), &batch).unwrap();
        let mut file = weights(case);
        let output = architecture.output_embedding();
        without(&mut file, output);
        let mut model = open(&architecture, &file).unwrap();
        assert_eq!(activations(&mut model, &batch).unwrap(), expected, "{case}");
        let logits = model.logits(&batch).map(drop);
        for error in [logits, gradients(&mut model, &batch).map(drop)].map(Result::unwrap_err) {
            assert_eq!(error.kind(), ErrorKind::Weights);
            for part in [output, "body", "activations"] {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
        assert_eq!(activations(&mut model, &batch).unwrap(), expected, "{case}");
    }
}

#[test]
fn a_context_that_is_not_fed_costs_nothing() {
    let mut seen = 0;
    for case in CASES {
        let (mut changed, batch) = (architecture(case), tokens(case));
        match &mut changed {
            Architecture::GptNeox(model) => model.max_position_embeddings = 1 << 28,
            // Learned positions are weights.
            Architecture::Llama(model) => model.max_position_embeddings = 1 << 28,
            _ => continue,
        }
        seen += 1;
        // Rows of 13 tokens, all of which are fed in a context this long.
        let twelve = (0..batch.rows()).flat_map(|row| batch.row(row)[..12].to_vec()).collect();
        let twelve = TokenBatch::new(twelve, 12).unwrap();
        let expected = activations(&mut load(case, &everything(&changed)), &twelve).unwrap();
        let mut model = open(&changed, &weights(case)).unwrap();
        assert_eq!(activations(&mut model, &twelve).unwrap(), expected, "{case}");
        gradients(&mut model, &twelve).unwrap();
    }
    assert!(seen >= 8);
}

#[test]
fn rows_of_any_length_follow_each_other_in_one_model() {
    let options = Options { engine: in_micro_batches(2), ..everything(&architecture("olmo2")) };
    let mut model = load("olmo2", &options);
    let batch = tokens("olmo2");
    let of = |model: &mut Transformer, width: usize| {
        let ids = (0..batch.rows()).flat_map(|row| batch.row(row)[..width].to_vec()).collect();
        activations(model, &TokenBatch::new(ids, width).unwrap()).unwrap()
    };
    let whole = of(&mut model, 12);
    for width in [1, 7, 12, 3] {
        for (site, (rows, features)) in of(&mut model, width) {
            let expected = whole[&site].0.chunks(12 * features);
            let expected: Vec<f32> =
                expected.flat_map(|rows| rows[..width * features].to_vec()).collect();
            // Products of other shapes are rounded otherwise, as golden.rs allows.
            assert!(relative_error(&rows, &expected) <= 1e-5, "{site} {width}");
        }
    }
}

/// In f16 nothing exceeds 65,504, so nothing is clipped at more.
#[test]
fn clipping_beyond_the_precision_is_none() {
    let batch = tokens("olmo");
    let run = |clip: Option<f64>, precision: Precision| {
        let mut architecture = architecture("olmo");
        let Architecture::Llama(model) = &mut architecture else { panic!() };
        model.clip_qkv = clip;
        let engine = Engine { precision, ..Engine::default() };
        let options = Options { engine, ..everything(&architecture) };
        settling_capture::set_threads(1);
        let mut model = Transformer::load(&architecture, &weights("olmo"), &options).unwrap();
        activations(&mut model, &batch).unwrap()
    };
    for precision in [Precision::F16, Precision::Bf16, Precision::F32, Precision::F64] {
        for limit in [1e5, 3.4e38] {
            assert_eq!(run(Some(limit), precision), run(None, precision), "{precision} {limit}");
        }
    }
    assert_ne!(run(Some(0.5), Precision::F16), run(None, Precision::F16));
}

/// A description that was changed by hand is checked before anything is loaded.
#[test]
fn numbers_beyond_f32_are_refused_before_libtorch_sees_them() {
    type Change = fn(&mut Architecture);
    let changes: [(&str, Change); 6] = [
        ("rope_theta", |one| llama(one).rope_theta = 1e39),
        ("norm_eps", |one| llama(one).norm_eps = 1e39),
        ("clip_qkv", |one| llama(one).clip_qkv = Some(1e39)),
        ("clip_qkv", |one| llama(one).clip_qkv = Some(f64::NAN)),
        ("factor", |one| llama(one).rope_scaling = RopeScaling::Linear { factor: 1e39 }),
        ("rope_theta", |one| llama(one).rope_scaling = RopeScaling::Linear { factor: 1e-38 }),
    ];
    fn llama(architecture: &mut Architecture) -> &mut settling_models::Llama {
        match architecture {
            Architecture::Llama(model) => model,
            other => panic!("{other:?}"),
        }
    }
    for (name, change) in changes {
        let mut architecture = architecture("llama_quick");
        change(&mut architecture);
        let error = open(&architecture, &weights("llama_quick")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}
