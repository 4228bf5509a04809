//! Files whose tensors are not, or not clearly, the weights of one model.

use std::path::Path;

use settling_checkpoint::{Checkpoint, ErrorKind, write_safetensors};
use settling_core::{Dtype, TensorData, TensorSource};
use settling_models::{CanonicalNames, Inventory};

const CONFIG: &str =
    r#"{"model_type":"gpt2","vocab_size":2,"n_positions":2,"n_embd":2,"n_layer":1,"n_head":1"#;

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/gpt2").join(name)
}

/// The golden model, each tensor under all of these names.
fn folder(names: &[fn(&str) -> String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = Checkpoint::open_file(golden("model.safetensors")).unwrap();
    let mut tensors = Vec::new();
    for (number, name) in names.iter().enumerate() {
        for meta in model.tensors() {
            let data = model.read(&meta.name).unwrap();
            let mut bytes = data.bytes().to_vec();
            bytes[0] = number as u8;
            let data = TensorData::new(data.dtype(), data.shape().to_vec(), bytes).unwrap();
            tensors.push((name(&meta.name), data));
        }
    }
    write_safetensors(folder.path().join("model.safetensors"), &tensors).unwrap();
    std::fs::copy(golden("config.json"), folder.path().join("config.json")).unwrap();
    folder
}

/// Of which of the copies the embedding is that a model gets.
fn copy(checkpoint: Checkpoint) -> u8 {
    let architecture = checkpoint.architecture().unwrap();
    assert!(Inventory::new(checkpoint.tensors(), &architecture).is_complete());
    let names = CanonicalNames::new(checkpoint, &architecture);
    names.read("transformer.wte.weight").unwrap().bytes()[0]
}

#[test]
fn of_several_models_one_is_meant_or_it_is_an_error_that_names_them() {
    let average: fn(&str) -> String = |name| format!("model_ema.{name}");
    let model: fn(&str) -> String = |name| format!("model.{name}");
    let bare: fn(&str) -> String = str::to_owned;
    let teacher: fn(&str) -> String = |name| format!("teacher.{name}");
    for (names, meant) in [
        (&[average, model][..], 1),
        (&[model, average], 0),
        (&[average, bare], 1),
        (&[teacher, average, model], 2),
        (&[teacher], 0),
    ] {
        assert_eq!(copy(Checkpoint::open(folder(names).path()).unwrap()), meant);
    }
    let both = folder(&[teacher, average]);
    let error = Checkpoint::open(both.path()).unwrap().architecture().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    let message = error.to_string();
    let parts = ["`teacher", "`model_ema", "Checkpoint::part"];
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    for (part, meant) in [("teacher", 0), ("model_ema", 1)] {
        let checkpoint = Checkpoint::open(both.path()).unwrap().part(part).unwrap();
        assert_eq!(copy(checkpoint), meant);
    }
}

#[test]
fn wrappers_within_names_are_no_part_of_them() {
    let wrapped: fn(&str) -> String = |name| {
        let name = name.replace(".attn.", "._fsdp_wrapped_module.attn._checkpoint_wrapped_module.");
        format!("_orig_mod.module.{name}")
    };
    assert_eq!(copy(Checkpoint::open(folder(&[wrapped]).path()).unwrap()), 0);
}

#[test]
fn metadata_that_say_that_the_weights_are_others_are_refused() {
    let tensors = folder(&[str::to_owned]);
    let path = tensors.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let length = length_of(&whole);
    let header = std::str::from_utf8(&whole[8..8 + length]).unwrap().trim_end();
    let rewritten = |metadata: &str| {
        let rest = header.strip_prefix('{').unwrap();
        let header = format!("{{\"__metadata__\":{metadata},{rest}");
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &whole[8 + length_of(&whole)..]].concat()
    };
    for (metadata, part) in [
        ("{}", None),
        (r#"{"format":"pt"}"#, None),
        (r#"{"format":"np","step":"7"}"#, None),
        (r#"{"quantization":"none"}"#, None),
        (r#"{"format":"tf"}"#, Some("`format`: `tf`")),
        (r#"{"format":"flax"}"#, Some("`format`: `flax`")),
        (r#"{"format":"pt","quantization_bits":"4"}"#, Some("`quantization_bits`: `4`")),
    ] {
        std::fs::write(&path, rewritten(metadata)).unwrap();
        let checkpoint = Checkpoint::open(tensors.path()).unwrap();
        // A tensor is what it is.
        assert!(checkpoint.read("transformer.wte.weight").is_ok());
        match (checkpoint.architecture(), part) {
            (Ok(_), None) => {}
            (Err(error), Some(part)) => {
                assert_eq!(error.kind(), ErrorKind::Format);
                assert!(error.to_string().contains(part), "{error}");
            }
            (found, _) => panic!("{metadata}: {found:?}"),
        }
    }
}

fn length_of(file: &[u8]) -> usize {
    u64::from_le_bytes(file[..8].try_into().unwrap()) as usize
}

#[test]
fn a_quantized_folder_is_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(r#"{CONFIG},"quantization_config":{{"quant_method":"gptq","bits":4}}}}"#);
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let data = TensorData::new(Dtype::I32, vec![1], vec![0; 4]).unwrap();
    let tensors = [("transformer.h.0.attn.c_proj.qweight".to_owned(), data)];
    write_safetensors(folder.path().join("model.safetensors"), &tensors).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap().architecture().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedArchitecture);
    let message = error.to_string();
    assert!(message.contains("gptq") && message.contains("dequantize()"), "{message}");
}

#[test]
fn folders_of_other_formats_are_named() {
    for (names, part) in [
        (&["config.json", "__0_0.distcp", ".metadata"][..], "dcp_to_torch"),
        (&["model.gguf"], "GGUF"),
        (&["adapter_model.safetensors"], "merge_and_unload"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let error = Checkpoint::open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingFile);
        assert!(error.to_string().contains(part), "{error}");
    }
}
