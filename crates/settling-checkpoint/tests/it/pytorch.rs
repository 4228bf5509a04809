//! Files that PyTorch wrote: tests/pytorch/make.py.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use settling_checkpoint::{Checkpoint, ErrorKind};
use settling_core::{Dtype, TensorData, TensorSource};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch").join(name)
}

fn read(checkpoint: &Checkpoint) -> BTreeMap<String, TensorData<'_>> {
    let tensors = checkpoint.tensors().iter();
    tensors
        .map(|meta| {
            let data = checkpoint.read(&meta.name).unwrap();
            assert_eq!((data.dtype(), data.shape()), (meta.dtype, &meta.shape[..]));
            (meta.name.clone(), data)
        })
        .collect()
}

#[test]
fn every_bit_is_what_pytorch_reads() {
    for (case, tensors) in [
        ("plain", 2),
        ("protocol2", 3),
        ("protocol3", 3),
        ("protocol4", 3),
        ("protocol5", 3),
        ("pythia", 7),
        ("views", 13),
        ("shapes", 6),
        ("types", 13),
        ("nested", 8),
        ("model", 3),
        ("no_checksums", 2),
        ("repacked", 1),
        ("older_types", 10),
    ] {
        agrees(&format!("{case}.bin"), case, tensors);
    }
}

#[test]
fn every_bit_is_what_pytorch_reads_of_files_from_before_1_6() {
    for (case, tensors) in
        [("plain", 2), ("views", 13), ("shapes", 6), ("older_types", 10), ("repacked", 1)]
    {
        agrees(&format!("legacy_{case}.bin"), case, tensors);
    }
}

#[test]
fn every_bit_is_what_python_reads_of_pickles_of_tensors() {
    for (case, tensors) in [
        ("plain", 2),
        ("protocol3", 3),
        ("protocol4", 3),
        ("protocol5", 3),
        ("views", 13),
        ("shapes", 6),
        ("older_types", 10),
        ("repacked", 1),
    ] {
        agrees(&format!("{case}.pickle"), case, tensors);
    }
}

#[track_caller]
fn agrees(file: &str, case: &str, tensors: usize) {
    let ours = Checkpoint::open_file(path(file)).unwrap();
    let expected = Checkpoint::open_file(path(&format!("{case}.safetensors"))).unwrap();
    assert_eq!(ours.tensors().len(), tensors, "{file}");
    assert_eq!(read(&ours), read(&expected), "{file}");
    assert_eq!((ours.unread().count(), ours.other_values() > 18), (0, false), "{file}");
}

#[test]
fn the_format_is_told_by_the_content_and_not_by_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let expected = Checkpoint::open_file(path("plain.safetensors")).unwrap();
    for file in ["plain.bin", "plain.pickle", "legacy_plain.bin"] {
        for name in ["pytorch_model.bin", "a.pickle", "a.pkl", "a.pt", "a"] {
            std::fs::copy(path(file), folder.path().join(name)).unwrap();
            let ours = Checkpoint::open_file(folder.path().join(name)).unwrap();
            assert_eq!(read(&ours), read(&expected), "{file} as {name}");
        }
        assert_eq!(read(&Checkpoint::open(folder.path()).unwrap()), read(&expected), "{file}");
        let bytes = std::fs::read(path(file)).unwrap();
        let ours = Checkpoint::from_file("served.pt", Box::new(bytes)).unwrap();
        assert_eq!(read(&ours), read(&expected), "{file} from memory");
    }
}

#[test]
fn shards_are_found_by_their_index() {
    let ours = Checkpoint::open(path("sharded")).unwrap();
    let expected = Checkpoint::open_file(path("sharded.safetensors")).unwrap();
    assert_eq!(ours.files().count(), 2);
    assert_eq!(read(&ours), read(&expected));
    assert_eq!(ours.tensors().len(), 3);
    let error = ours.read("d").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingTensor);
}

#[test]
fn a_folder_has_one_file_and_safetensors_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(path("pythia.bin"), folder.path().join("pytorch_model.bin")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.folder(), folder.path());
    let values = checkpoint.read("masked_bias").unwrap().to_f32().unwrap();
    assert_eq!(values, [f32::NEG_INFINITY]);
    assert_eq!(checkpoint.read("bias").unwrap().dtype(), Dtype::U8);
    std::fs::copy(path("plain.safetensors"), folder.path().join("model.safetensors")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.tensors().len(), 2);
    assert!(checkpoint.files().all(|file| file.ends_with("model.safetensors")));
}

#[test]
fn what_is_no_tensor_is_counted() {
    let open = |name| Checkpoint::open_file(path(name)).unwrap();
    // step, seed, loss, name; of the optimizer 12 settings of its one group and the numbers of its
    // two parameters.
    assert_eq!(open("nested.bin").other_values(), 18);
    assert_eq!(open("model.bin").other_values(), 0);
    assert_eq!(open("pythia.bin").other_values(), 0);
    assert_eq!(open("plain.safetensors").other_values(), 0);
}

#[test]
fn a_type_that_is_not_read_is_named_and_hides_nothing() {
    let checkpoint = Checkpoint::open_file(path("unread.pickle")).unwrap();
    assert_eq!(checkpoint.tensors().len(), 1);
    assert_eq!(checkpoint.unread().collect::<Vec<_>>(), [("c", "complex64")]);
    let checkpoint = Checkpoint::open_file(path("unread.bin")).unwrap();
    assert_eq!(checkpoint.tensors().len(), 1);
    let mut unread: Vec<_> = checkpoint.unread().collect();
    unread.sort_unstable();
    assert_eq!(unread, [("c", "complex64"), ("f", "float8_e5m2")]);
    let error = checkpoint.read("c").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Dtype);
    let message = error.to_string();
    assert!(["unread.bin", "`c`", "complex64"].iter().all(|part| message.contains(part)));
}

#[test]
fn other_formats_are_named_with_the_remedy() {
    let (module, remedy) = ("holds an object of torch.nn.modules.linear.Linear", ".state_dict()");
    for (name, what, remedy) in [
        ("legacy_module.bin", module, remedy),
        ("module.pickle", module, remedy),
        ("torchscript.bin", "TorchScript", "torch.jit.load(f).state_dict()"),
        ("one_tensor.bin", "holds a tensor", "give it a name"),
        ("module.bin", module, remedy),
    ] {
        let error = Checkpoint::open_file(path(name)).unwrap_err();
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Format, "{message}");
        assert!([name, what, remedy].iter().all(|part| message.contains(part)), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let renamed = folder.path().join("pytorch_model.bin");
    let safetensors = std::fs::read(path("plain.safetensors")).unwrap();
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, what) in [
        (&safetensors[..], "safetensors file: rename"),
        (&tar, "tar archive"),
        (b"", "empty"),
        (b"\x80\x04N.", "holds None: expected a dict"),
        (b"<!DOCTYPE html>", "HTML"),
        (b"version https://git-lfs", "git-lfs pointer"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x93NUMPY\x01\0", "NumPy"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"something else", "neither a zip archive nor a pickle"),
    ] {
        std::fs::write(&renamed, bytes).unwrap();
        let error = Checkpoint::open(folder.path()).unwrap_err();
        let message = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Format, "{message}");
        assert!(message.contains("pytorch_model.bin") && message.contains(what), "{message}");
    }
    let error = Checkpoint::open_file(folder.path().join("absent.pt")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingFile);
}
