//! Files of PyTorch with more in them than plain tensors: tests/pytorch/make_values.py.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use settling_checkpoint::{Checkpoint, ErrorKind};
use settling_core::TensorSource;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch/values").join(name)
}

fn open(name: &str) -> Checkpoint {
    Checkpoint::open_file(path(name)).unwrap()
}

/// The bytes of every tensor that can be read.
fn read(checkpoint: &Checkpoint) -> BTreeMap<String, Vec<u8>> {
    let tensors = checkpoint.tensors().iter();
    tensors
        .map(|meta| (meta.name.clone(), checkpoint.read(&meta.name).unwrap().bytes().to_vec()))
        .collect()
}

#[track_caller]
fn agrees(file: &str, case: &str) -> Checkpoint {
    let (ours, expected) = (open(file), open(&format!("{case}.safetensors")));
    assert_eq!(read(&ours), read(&expected), "{file}");
    ours
}

#[test]
fn values_that_are_no_tensors_are_passed_over_whatever_they_are() {
    for file in ["others.bin", "legacy_others.bin", "others.pickle"] {
        let checkpoint = agrees(file, "others");
        assert_eq!(checkpoint.unread().collect::<Vec<_>>(), [], "{file}");
        assert!(checkpoint.other_values() > 40, "{file}: {}", checkpoint.other_values());
        let opaque = checkpoint.opaque_values();
        for name in ["__main__.Options", "argparse.Namespace", "fractions.Fraction", "uuid.UUID"] {
            assert!(opaque.iter().any(|(found, _)| *found == name), "{file}: {opaque:?}");
        }
    }
}

#[test]
fn tensors_in_every_form_have_the_values_that_pytorch_gives() {
    for file in ["tensors.bin", "legacy_tensors.bin"] {
        let checkpoint = agrees(file, "tensors");
        assert_eq!(checkpoint.tensors().len(), 9);
    }
    for file in ["parameters.bin", "legacy_parameters.bin", "parameters.pickle"] {
        assert_eq!(agrees(file, "parameters").tensors().len(), 4);
    }
}

#[test]
fn a_tensor_that_cannot_be_read_hides_no_other_and_has_its_own_remedy() {
    for (file, case) in [("unread.bin", "unread"), ("legacy_unread_legacy.bin", "unread_legacy")] {
        let checkpoint = agrees(file, case);
        let unread: BTreeMap<_, _> = checkpoint.unread().collect();
        for (name, kind, remedy) in [
            ("quantized", "quantized", "t.dequantize()"),
            ("quantized_4", "quantized", "t.dequantize()"),
            ("sparse", "sparse", "t.to_dense()"),
            ("sparse_rows", "sparse", "t.to_dense()"),
            ("meta", "meta", "no values"),
            ("nested", "nested", "t.unbind()"),
            ("complex", "complex64", "torch.view_as_real(t)"),
            ("conjugate", "complex64, conjugated", "resolve_conj()"),
            ("float8", "float8_e4m3fn", "t.to(torch.float32)"),
            ("subclass", "of another class", "as_subclass(torch.Tensor)"),
            ("module", "an object of torch.nn.modules.linear.Linear", "state_dict()"),
            ("namespace", "an object of argparse.Namespace", "tensors in a dict"),
            ("storage", "a storage of ", "set_(storage)"),
        ] {
            if name == "float8" && case == "unread_legacy" {
                continue;
            }
            assert!(unread[name].starts_with(kind), "{file}: {name} is {}", unread[name]);
            let error = checkpoint.read(name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Dtype, "{error}");
            let message = error.to_string();
            let parts = [file, &format!("`{name}`"), kind, remedy];
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
        let expected = if case == "unread" { 13 } else { 12 };
        assert_eq!(unread.len(), expected, "{unread:?}");
    }
}

#[test]
fn of_two_models_the_one_under_the_known_key_is_meant() {
    let both = open("average_first.bin");
    assert_eq!(both.read("w").unwrap().to_f32().unwrap(), [1.0, 1.0]);
    assert_eq!(both.read("model_ema.w").unwrap().to_f32().unwrap(), [0.0, 0.0]);
    let average = open("average_first.bin").part("model_ema").unwrap();
    assert_eq!(average.read("w").unwrap().to_f32().unwrap(), [0.0, 0.0]);
    assert_eq!((average.tensors().len(), average.prefix()), (1, "model_ema."));
    let model = open("average_first.bin").part("model").unwrap();
    assert_eq!(model.read("w").unwrap().to_f32().unwrap(), [1.0, 1.0]);
    assert_eq!(model.tensors().len(), 1);
    assert_eq!(model.read("model_ema.w").unwrap_err().kind(), ErrorKind::MissingTensor);
    let message = open("average_first.bin").part("ema").unwrap_err().to_string();
    assert!(message.contains("no part `ema`; it has `model`, `model_ema`"), "{message}");

    // Of two such keys neither is.
    let two = open("two_wrappers.bin");
    let names: Vec<_> = two.tensors().iter().map(|meta| &*meta.name).collect();
    assert_eq!(names, ["state_dict.w", "model.w"]);
    let module = open("module.bin");
    let names: Vec<_> = module.tensors().iter().map(|meta| &*meta.name).collect();
    assert_eq!(names, ["w", "optimizer.state.0.exp_avg"]);
    assert_eq!(module.opaque_values(), [("argparse.Namespace", 1)]);
}

#[test]
fn a_root_without_names_is_numbered_or_an_error_with_a_remedy() {
    let list = open("list.bin");
    let names: Vec<_> = list.tensors().iter().map(|meta| &*meta.name).collect();
    assert_eq!(names, ["0", "1.a"]);
    for (file, parts) in [
        ("namespace.bin", ["an object of argparse.Namespace", "state_dict()"]),
        ("alone.bin", ["holds a tensor", "give it a name"]),
    ] {
        let message = Checkpoint::open_file(path(file)).unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
}

#[test]
fn a_folder_and_a_file_are_told_apart() {
    let message = Checkpoint::open(path("list.bin")).unwrap_err().to_string();
    assert!(message.contains("Checkpoint::open_file"), "{message}");
    let message = Checkpoint::open_file(path("")).unwrap_err().to_string();
    assert!(message.contains("Checkpoint::open"), "{message}");
}
