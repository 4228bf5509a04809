//! Golden files with random changes: the short form of the fuzz targets in fuzz/ at the top.
//!
//! A test program of its own, since it shares files with the fuzz targets, which are no part of the
//! package: Cargo.toml leaves this file out of it.

#[path = "../../../fuzz/src/changes.rs"]
mod changes;
#[expect(unreachable_pub, reason = "they are public in the fuzz crate")]
#[path = "../../../fuzz/src/checkpoint.rs"]
mod targets;

use std::path::Path;

use changes::{changed, changes};
use proptest::prelude::*;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)).unwrap()
}

/// The pickle of plain.bin after the lengths of its two storages, as the target takes it.
fn pickle() -> Vec<u8> {
    let archive = golden("pytorch/plain.bin");
    let start = archive.windows(3).position(|part| part == b"\x80\x02}").unwrap();
    let length = archive[start..].windows(2).position(|part| part == b"u.").unwrap() + 2;
    [&[2, 60, 20], &archive[start..start + length]].concat()
}

#[test]
fn what_is_changed_is_good_before() {
    let index = std::str::from_utf8(INDEX).unwrap();
    assert!(index.contains("one.safetensors"));
    assert_eq!(targets::pickle(&pickle()), Some(80));
    assert_eq!(targets::shard_index(INDEX), Some(9));
    assert_eq!(targets::pytorch(&golden("pytorch/plain.bin")), Some(80));
    assert_eq!(targets::pickle_file(&golden("pytorch/plain.pickle")), Some(80));
    assert_eq!(targets::pickle_file(&golden("pytorch/legacy_plain.bin")), Some(80));
    assert!(targets::safetensors(&golden("golden/f16/model.safetensors")).is_some());
}

const INDEX: &[u8] =
    br#"{"metadata":{"total_size":9},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn safetensors(changes in changes()) {
        for name in ["pytorch/types.safetensors", "golden/f16/model.safetensors"] {
            targets::safetensors(&changed(golden(name), &changes));
        }
    }

    #[test]
    fn shard_index(changes in changes()) {
        targets::shard_index(&changed(INDEX.to_vec(), &changes));
    }

    #[test]
    fn archives(changes in changes()) {
        for name in ["plain.bin", "views.bin", "no_checksums.bin", "torchscript.bin"] {
            targets::pytorch(&changed(golden(&format!("pytorch/{name}")), &changes));
        }
    }

    #[test]
    fn pickles(changes in changes()) {
        targets::pickle(&changed(pickle(), &changes));
    }

    #[test]
    fn files_of_pickles(changes in changes()) {
        for name in ["plain.pickle", "views.pickle", "legacy_plain.bin", "legacy_views.bin"] {
            targets::pickle_file(&changed(golden(&format!("pytorch/{name}")), &changes));
        }
    }

    #[test]
    fn configs(changes in changes()) {
        for model in ["gpt2", "llama", "mistral", "neox", "olmo", "olmo2"] {
            targets::config(&changed(golden(&format!("models/{model}/config.json")), &changes));
        }
    }
}
