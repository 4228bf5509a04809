//! What must hold of any bytes whatever, a function for each format of checkpoints. Each gives how
//! many bytes of tensors it read, or `None` if the bytes were refused.

use settling_checkpoint::{Checkpoint, Error};
use settling_core::{Dtype, ReadRange, TensorSource};
use settling_models::parse_config;

/// What is read of one checkpoint: a view of few bytes may have many elements.
const MOST_BYTES: usize = 4 << 20;
const MOST_TENSORS: usize = 2_000;

/// As `model.safetensors`.
pub fn safetensors(bytes: &[u8]) -> Option<usize> {
    let read = read_all(&open(&[("model.safetensors", bytes)])?);
    assert!(read <= bytes.len(), "{read} bytes of tensors in {} of the file", bytes.len());
    Some(read)
}

/// As `model.safetensors.index.json`, beside two shards with the tensors `a`, and `a` and `b`.
pub fn shard_index(bytes: &[u8]) -> Option<usize> {
    let shard = |header: &str, data: usize| {
        let length = (header.len() as u64).to_le_bytes();
        [&length[..], header.as_bytes(), &vec![1; data]].concat()
    };
    let one = shard(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8);
    let two = shard(
        r#"{"a":{"dtype":"F16","shape":[1,1],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[],"data_offsets":[2,3]}}"#,
        3,
    );
    let files = [
        ("model.safetensors.index.json", bytes),
        ("one.safetensors", &one),
        ("two.safetensors", &two),
    ];
    let checkpoint = open(&files)?;
    assert!((1..=2).contains(&checkpoint.tensors().len()));
    let read = read_all(&checkpoint);
    assert!((1..=9).contains(&read), "{read} bytes of tensors");
    Some(read)
}

/// As `pytorch_model.bin`.
pub fn pytorch(bytes: &[u8]) -> Option<usize> {
    Some(read_all(&open(&[("pytorch_model.bin", bytes)])?))
}

/// As a file of its own that begins as a pickle: with the storages in it, or from before PyTorch
/// 1.6.
pub fn pickle_file(bytes: &[u8]) -> Option<usize> {
    Some(read_all(&opened(Checkpoint::from_file("memory.pickle", Box::new(bytes.to_vec())))?))
}

/// As the pickle in an archive: after the number of storages and the length of each, one byte each.
pub fn pickle(bytes: &[u8]) -> Option<usize> {
    let (&count, rest) = bytes.split_first()?;
    let (lengths, pickle) = rest.split_at_checked(count.into())?;
    let storages = lengths
        .iter()
        .enumerate()
        .map(|(place, &length)| (format!("m/data/{place}"), (0..length).collect::<Vec<u8>>()));
    let mut records = vec![("m/data.pkl".to_owned(), pickle.to_vec())];
    records.extend(storages);
    pytorch(&archive(&records))
}

/// As `config.json`.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(architecture) = parse_config(text) {
        assert_eq!(architecture.validate(), Ok(()));
    }
}

fn open(files: &[(&str, &[u8])]) -> Option<Checkpoint> {
    let files = files.iter().map(|&(name, bytes)| {
        let bytes: Box<dyn ReadRange> = Box::new(bytes.to_vec());
        (name.to_owned(), bytes)
    });
    opened(Checkpoint::from_files("memory", files))
}

fn opened(result: Result<Checkpoint, Error>) -> Option<Checkpoint> {
    result
        .inspect_err(|error| {
            let message = error.to_string();
            assert!(message.contains("memory") && message.len() < 10_000, "{message}");
        })
        .ok()
}

/// Reads every tensor, within limits; gives the number of bytes read.
fn read_all(checkpoint: &Checkpoint) -> usize {
    let mut total = 0;
    for meta in checkpoint.tensors().iter().take(MOST_TENSORS) {
        let elements: usize = meta.shape.iter().product();
        if total + elements * meta.dtype.size() > MOST_BYTES {
            continue;
        }
        assert!(checkpoint.file_of(&meta.name).is_some(), "{}", meta.name);
        let data = match checkpoint.read(&meta.name) {
            Ok(data) => data,
            Err(error) => {
                assert!(error.to_string().contains("memory"), "{error}");
                continue;
            }
        };
        assert_eq!((data.dtype(), data.shape()), (meta.dtype, &meta.shape[..]), "{}", meta.name);
        assert_eq!(data.bytes().len(), elements * meta.dtype.size(), "{}", meta.name);
        total += data.bytes().len();
        let floats = matches!(meta.dtype, Dtype::F16 | Dtype::Bf16 | Dtype::F32 | Dtype::F64);
        assert_eq!(data.to_f32().ok().map(|values| values.len()), floats.then_some(elements));
    }
    for (name, dtype) in checkpoint.unread() {
        assert!(!dtype.is_empty() && checkpoint.read(name).is_err());
    }
    total
}

/// A zip archive without checksums, which PyTorch can write too.
fn archive(records: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in records {
        let length = (data.len() as u32).to_le_bytes();
        let name_length = (name.len() as u16).to_le_bytes();
        // Versions, flags, method, time, date, checksum; sizes; of the directory also: extra,
        // comment, disk, attributes.
        let fields = [&[0; 14][..], &length, &length, &name_length, &[0; 2]].concat();
        let offset = (bytes.len() as u32).to_le_bytes();
        bytes.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), data].concat());
        directory
            .extend([b"PK\x01\x02\0\0", &fields[..], &[0; 10], &offset, name.as_bytes()].concat());
    }
    let count = (records.len() as u16).to_le_bytes();
    let (start, length) = (bytes.len() as u32, directory.len() as u32);
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &length.to_le_bytes()].concat());
    bytes.extend([&start.to_le_bytes()[..], &[0; 2]].concat());
    bytes
}
