//! One test for each way in which a checkpoint can be other than it should be.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use settling_checkpoint::{Checkpoint, Error, ErrorKind, StepDirectories, write_safetensors};
use settling_core::{CheckpointSeries, Dtype, ReadRange, Step, TensorData, TensorSource};
use settling_models::{Architecture, GptNeox, parse_config};
use tempfile::TempDir;

/// A file with this header and this many bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 1);
    bytes
}

fn open(bytes: &[u8]) -> Result<Checkpoint, Error> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    Checkpoint::open(folder.path())
}

#[track_caller]
fn refuses(bytes: &[u8], part: &str) {
    let error = open(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format, "{error}");
    let message = error.to_string();
    assert!(message.contains(part) && message.contains("model.safetensors"), "{message}");
}

const A: &str = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;

fn with(entries: &str) -> String {
    format!("{{{entries}}}")
}

#[test]
fn lengths_that_lie() {
    refuses(&[], "truncated");
    refuses(&[1], "truncated");
    refuses(&[0; 7], "truncated");
    refuses(&200_u64.to_le_bytes(), "truncated: the header alone needs 208 bytes");
    for length in [100_000_001, 1 << 63, u64::MAX] {
        refuses(&length.to_le_bytes(), "expected at most 100000000");
    }
    refuses(&file(&with(A), 7), "truncated: expected");
    refuses(&file(&with(A), 9), "after its last tensor");
}

#[test]
fn headers_that_are_none() {
    refuses(&file("not json", 0), "bad header");
    refuses(&file("{\"a\":", 0), "bad header");
    refuses(&file(&"[".repeat(100_000), 0), "bad header");
    refuses(&[&2_u64.to_le_bytes()[..], &[0xff, 0xfe]].concat(), "bad header");
    refuses(&file("{}\0\0", 0), "padded with NUL");
}

/// A header with a tensor `a` of two floats and a tensor `b` like this.
fn with_b(dtype: &str, shape: &str, start: u64, end: u64) -> String {
    with(&format!(
        r#"{A},"b":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#
    ))
}

#[test]
fn tensors_that_contradict_the_file() {
    refuses(&file(&with(&format!("{A},{A}")), 8), "tensor `a` occurs twice");
    // Bytes of two tensors, bytes of none, behind and before and between, and an end before the
    // start.
    for (start, end) in [(4, 12), (0, 8), (9, 17), (16, 24), (7, 15), (16, 8)] {
        let message = "bad header: invalid offset for tensor `";
        refuses(&file(&with_b("F32", "[2]", start, end), end.max(8) as usize), message);
    }
    let many: Vec<String> = (0..10)
        .map(|name| format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#))
        .collect();
    refuses(&file(&with(&many.join(",")), 8), "invalid offset for tensor");
    for (dtype, shape) in [
        ("F32", "[3]"),
        ("F64", "[2]"),
        ("U8", "[18446744073709551615]"),
        ("U8", "[18446744073709551615,2]"),
        ("F64", "[2305843009213693952]"),
        ("F32", "[-2]"),
        ("F32", "[2.0]"),
        ("F32", "2"),
        ("F33", "[2]"),
    ] {
        refuses(&file(&with_b(dtype, shape, 8, 16), 16), "bad header: ");
    }
}

#[test]
fn shapes_that_are_none() {
    for shape in ["[0,18446744073709551615]", "[0,9223372036854775808]"] {
        refuses(&file(&with_b("U8", shape, 8, 8), 8), "tensor `b` claims the shape [0, ");
    }
    // Strange but true.
    let dims = vec!["1"; 1_000].join(",");
    let checkpoint = open(&file(&with_b("U8", &format!("[{dims}]"), 8, 9), 9)).unwrap();
    assert_eq!(checkpoint.read("b").unwrap().shape(), [1; 1_000]);
}

/// Whatever a tensor is called, the name is a name and no path.
#[test]
fn names_are_only_names() {
    let long = "n".repeat(1 << 16);
    let names = [
        "../x",
        "/etc/passwd",
        "a/b",
        "\0",
        "|",
        "\u{202e}abc",
        "=cmd()",
        "",
        "config.json",
        &long,
    ];
    let one =
        |name: &&str| (name.to_string(), TensorData::new(Dtype::U8, vec![1], vec![7]).unwrap());
    let folder = TempDir::new().unwrap();
    let tensors: Vec<_> = names.iter().map(one).collect();
    write_safetensors(folder.path().join("model.safetensors"), &tensors).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    for name in names {
        assert_eq!(checkpoint.read(name).unwrap().bytes(), [7], "{name:.9}");
        assert_eq!(checkpoint.file_of(name).unwrap(), folder.path().join("model.safetensors"));
    }
    assert_eq!(checkpoint.tensors().len(), names.len());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn other_formats_are_recognised() {
    for (start, name) in [
        (&b"PK\x03\x04\x14\0\0\0\0\0"[..], "zip"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9", "pickle"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"version https://git-lfs", "git-lfs pointer"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "gzip"),
    ] {
        refuses(start, name);
    }
}

#[test]
fn a_type_that_is_not_read_does_not_hide_the_others() {
    let header =
        with(&format!(r#"{A},"b":{{"dtype":"F8_E4M3","shape":[2],"data_offsets":[8,10]}}"#));
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("model.safetensors"), file(&header, 10)).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.tensors().len(), 1);
    assert_eq!(checkpoint.read("a").unwrap().shape(), [2]);
    let error = checkpoint.read("b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Dtype);
    assert!(error.to_string().contains("`b`") && error.to_string().contains("F8_E4M3"), "{error}");
    assert_eq!(checkpoint.read("c").unwrap_err().kind(), ErrorKind::MissingTensor);
}

#[test]
fn a_file_that_is_cut_while_it_is_open_is_an_error() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    fs::write(&path, file(&with(A), 8)).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    fs::write(&path, file(&with(A), 3)).unwrap();
    let error = checkpoint.read("a").unwrap_err();
    assert!(error.to_string().contains("tensor `a`"), "{error}");
}

#[test]
fn a_file_that_is_replaced_while_it_is_open_is_not_mixed_up_with_the_new_one() {
    let folder = TempDir::new().unwrap();
    let write = |byte| {
        let data = TensorData::new(Dtype::U8, vec![2], vec![byte; 2]).unwrap();
        write_safetensors(folder.path().join("model.safetensors"), &[("a".to_owned(), data)])
    };
    write(1).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    write(2).unwrap();
    assert_eq!(checkpoint.read("a").unwrap().bytes(), [1, 1]);
}

#[test]
fn a_file_cut_at_any_byte_is_an_error() {
    let whole = file(&with(A), 8);
    assert!(open(&whole).is_ok());
    for length in 0..whole.len() {
        assert_eq!(
            open(&whole[..length]).unwrap_err().kind(),
            ErrorKind::Format,
            "cut to {length}"
        );
    }
}

#[test]
fn a_changed_byte_is_never_worse_than_an_error() {
    let whole = file(&with(A), 8);
    let folder = TempDir::new().unwrap();
    for place in 0..whole.len() {
        for value in 0..=u8::MAX {
            let mut changed = whole.clone();
            changed[place] = value;
            fs::write(folder.path().join("model.safetensors"), changed).unwrap();
            if let Ok(checkpoint) = Checkpoint::open(folder.path()) {
                for meta in checkpoint.tensors() {
                    let data = checkpoint.read(&meta.name).unwrap();
                    assert_eq!(data.bytes().len(), 8, "byte {place} = {value}");
                }
            }
        }
    }
}

fn sharded(index: &str) -> Result<Checkpoint, Error> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("one.safetensors"), file(&with(A), 8)).unwrap();
    fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    Checkpoint::open(folder.path())
}

#[test]
fn indices_that_contradict_their_shards() {
    let good = sharded(r#"{"metadata":{},"weight_map":{"a":"one.safetensors"}}"#).unwrap();
    assert_eq!(good.tensors().len(), 1);
    // A tensor of a shard that the index does not list counts, as it does for transformers.
    let more = r#""a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"z":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}"#;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("one.safetensors"), file(&with(more), 2)).unwrap();
    let index = r#"{"weight_map":{"a":"one.safetensors"}}"#;
    fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    let partly = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(partly.tensors().len(), 2);
    assert_eq!(partly.unlisted().collect::<Vec<_>>(), ["z"]);
    assert_eq!(partly.read("z").unwrap().bytes(), [1]);
    assert_eq!(partly.read("y").unwrap_err().kind(), ErrorKind::MissingTensor);
    assert_eq!(good.unlisted().count(), 0);
    // Of two that the index does not list, none counts.
    let other = r#""b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"z":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}"#;
    fs::write(folder.path().join("two.safetensors"), file(&with(other), 2)).unwrap();
    let index = r#"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#;
    fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    let twofold = Checkpoint::open(folder.path()).unwrap();
    let kind = "in two shards, one.safetensors and two.safetensors";
    assert_eq!(twofold.unread().collect::<Vec<_>>(), [("z", kind)]);
    assert_eq!(twofold.tensors().len(), 2);
    let message = twofold.read("z").unwrap_err().to_string();
    assert!(message.contains("`z`") && message.contains(kind), "{message}");
    for (index, kind, part) in [
        (r#"{"weight_map":{}}"#, ErrorKind::Format, "lists no tensors"),
        ("{", ErrorKind::Format, "index.json"),
        (r#"{"weight_map":{"a":1}}"#, ErrorKind::Format, "index.json"),
        (r#"{"weight_map":{"a":"two.safetensors"}}"#, ErrorKind::MissingFile, "two.safetensors"),
        (r#"{"weight_map":{"b":"one.safetensors"}}"#, ErrorKind::MissingTensor, "`b`"),
        (r#"{"weight_map":{"a":"../one.safetensors"}}"#, ErrorKind::Format, "same folder"),
        (r#"{"weight_map":{"a":"/etc/passwd"}}"#, ErrorKind::Format, "same folder"),
    ] {
        let error = sharded(index).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_byte_order_mark_is_passed_over_or_named() {
    let index = r#"{"weight_map":{"a":"one.safetensors"}}"#;
    assert_eq!(sharded(&format!("\u{feff}{index}")).unwrap().tensors().len(), 1);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("model.safetensors"), file(&with(A), 8)).unwrap();
    let config = r#"{"model_type":"gpt2","vocab_size":8,"n_embd":16,"n_layer":1,"n_head":2,
        "n_positions":8}"#;
    let architecture = |bytes: &[u8]| {
        fs::write(folder.path().join("config.json"), bytes).unwrap();
        Checkpoint::open(folder.path()).unwrap().architecture()
    };
    let marked = architecture(format!("\u{feff}{config}").as_bytes()).unwrap();
    assert_eq!(marked, architecture(config.as_bytes()).unwrap());
    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        let units = [0xfeff].into_iter().chain(config.encode_utf16());
        let error = architecture(&units.flat_map(order).collect::<Vec<u8>>()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        for part in ["config.json", "UTF-16", "UTF-8"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}

#[test]
fn a_cut_or_changed_index_gives_the_same_tensor_or_an_error() {
    let whole = br#"{"weight_map":{"a":"one.safetensors"}}"#;
    let open = |index: &[u8]| {
        let files = [
            ("model.safetensors.index.json".to_owned(), index.to_vec()),
            ("one.safetensors".to_owned(), file(&with(A), 8)),
        ];
        let files = files.map(|(name, bytes)| (name, Box::new(bytes) as Box<dyn ReadRange>));
        Checkpoint::from_files("memory", files)
    };
    for length in 0..whole.len() {
        assert_eq!(open(&whole[..length]).unwrap_err().kind(), ErrorKind::Format, "{length}");
    }
    let mut changed = whole.to_vec();
    for place in 0..whole.len() {
        for value in 0..=u8::MAX {
            changed[place] = value;
            match open(&changed) {
                Ok(checkpoint) => assert_eq!(checkpoint.read("a").unwrap().bytes(), [1; 8]),
                Err(error) => assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Format | ErrorKind::MissingFile | ErrorKind::MissingTensor
                    ) && error.to_string().contains("memory"),
                    "byte {place} = {value}: {error}"
                ),
            }
        }
        changed[place] = whole[place];
    }
}

#[test]
fn the_index_decides_between_two_copies() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("one.safetensors"), file(&with(A), 8)).unwrap();
    let other = r#""b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[3],"data_offsets":[1,4]}"#;
    fs::write(folder.path().join("two.safetensors"), file(&with(other), 4)).unwrap();
    let index = r#"{"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#;
    fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.read("a").unwrap().shape(), [2]);
    let names: Vec<_> =
        checkpoint.tensors().iter().map(|meta| (meta.name.as_str(), meta.dtype)).collect();
    assert_eq!(names, [("a", Dtype::F32), ("b", Dtype::U8)]);
}

#[test]
fn folders_without_a_checkpoint() {
    let folder = TempDir::new().unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingFile);
    assert!(error.to_string().contains("model.safetensors.index.json"), "{error}");
    let error = Checkpoint::open(folder.path().join("absent")).unwrap_err();
    assert!(error.to_string().contains("is no folder"), "{error}");
    fs::write(folder.path().join("model.safetensors"), file(&with(A), 8)).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap().architecture().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingFile);
    assert!(error.to_string().contains("config.json"), "{error}");
}

fn series(entries: &[&str]) -> (TempDir, Result<StepDirectories, Error>) {
    let folder = TempDir::new().unwrap();
    for entry in entries {
        fs::create_dir(folder.path().join(entry)).unwrap();
    }
    let series = StepDirectories::open(folder.path());
    (folder, series)
}

#[test]
fn steps_are_listed_in_order_and_other_entries_ignored() {
    let (folder, found) =
        series(&["step512", "step0", "step16", "512", "step-1", "steps", "step1.bak"]);
    fs::write(folder.path().join("step7"), "a file").unwrap();
    let found = found.unwrap();
    assert_eq!(found.steps().unwrap(), [Step(0), Step(16), Step(512)]);
    let error = found.open(Step(3)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Steps);
    assert!(error.to_string().contains("no step 3; it has 0, 16, 512"), "{error}");
}

#[test]
fn series_that_are_none() {
    for (entries, part) in
        [(&["other"][..], "step0"), (&[], "step0"), (&["step1", "step01"], "the same step")]
    {
        let error = series(entries).1.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Steps);
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = StepDirectories::open(Path::new("/absent/suite")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingFile);
}

#[test]
fn a_cut_or_changed_config_is_a_config_or_an_error() {
    let whole = br#"{"model_type":"gpt_neox","vocab_size":8,"hidden_size":16,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":64,"max_position_embeddings":8}"#;
    let parse = |bytes: &[u8]| match parse_config(std::str::from_utf8(bytes).ok()?).ok()? {
        Architecture::GptNeox(config) => Some(config),
        other => panic!("{other:?}"),
    };
    let right = parse(whole).unwrap();
    for length in 0..whole.len() {
        assert_eq!(parse(&whole[..length]), None, "cut to {length}");
    }
    let mut changed = whole.to_vec();
    for place in 0..whole.len() {
        for value in 0..=u8::MAX {
            changed[place] = value;
            // A digit can become another one: the setting is what the file says, and the others are
            // as they were.
            let Some(found) = parse(&changed) else { continue };
            let numbers = |config: &GptNeox| {
                [
                    config.vocab_size,
                    config.hidden_size,
                    config.num_hidden_layers,
                    config.num_attention_heads,
                    config.intermediate_size,
                    config.max_position_embeddings,
                ]
            };
            let (now, before) = (numbers(&found), numbers(&right));
            let differ = now.iter().zip(before).filter(|(a, b)| **a != *b);
            assert!(differ.count() <= 1, "byte {place} = {value}");
            assert!(found.hidden_size.is_multiple_of(found.num_attention_heads));
        }
        changed[place] = whole[place];
    }
}

#[test]
fn a_name_that_occurs_twice_is_not_written() {
    let folder = TempDir::new().unwrap();
    let one = |name: &str| (name.to_owned(), TensorData::new(Dtype::U8, vec![1], vec![0]).unwrap());
    let error =
        write_safetensors(folder.path().join("x.safetensors"), &[one("a"), one("a")]).unwrap_err();
    assert!(error.to_string().contains("`a` occurs twice"), "{error}");
    let nowhere = folder.path().join("absent/x.safetensors");
    assert!(write_safetensors(&nowhere, &[one("a")]).unwrap_err().to_string().contains("absent"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing half-written is left");
}

fn tensor() -> impl Strategy<Value = (String, TensorData<'static>)> {
    let dtypes = [
        Dtype::Bool,
        Dtype::U8,
        Dtype::I8,
        Dtype::U16,
        Dtype::I16,
        Dtype::U32,
        Dtype::I32,
        Dtype::U64,
        Dtype::I64,
        Dtype::F16,
        Dtype::Bf16,
        Dtype::F32,
        Dtype::F64,
    ];
    // Names with quotes, path separators, control characters and other scripts.
    let name = "[a-z./\\\\\"\n\u{0}é|]{1,12}";
    (name, prop::sample::select(dtypes.to_vec()), prop::collection::vec(0..4_usize, 0..4)).prop_map(
        |(name, dtype, shape)| {
            let size = dtype.size() * shape.iter().product::<usize>();
            let bytes: Vec<u8> = (0..size).map(|index| index as u8).collect();
            (name, TensorData::new(dtype, shape, bytes).unwrap())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn written_tensors_read_back(tensors in prop::collection::vec(tensor(), 1..6)) {
        let mut tensors = tensors;
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        tensors.dedup_by(|a, b| a.0 == b.0);
        let folder = TempDir::new().unwrap();
        write_safetensors(folder.path().join("model.safetensors"), &tensors).unwrap();
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        prop_assert_eq!(checkpoint.tensors().len(), tensors.len());
        for (name, data) in &tensors {
            prop_assert_eq!(&checkpoint.read(name).unwrap(), data);
        }
    }
}
