//! Golden files with random changes: the short form of the fuzz targets in fuzz/ at the top.
//!
//! A test program of its own, since it shares files with the fuzz targets, which are no part of the
//! package: Cargo.toml leaves this file out of it.

#[path = "../../../fuzz/src/changes.rs"]
mod changes;
#[expect(unreachable_pub, reason = "they are public in the fuzz crate")]
#[path = "../../../fuzz/src/tokens.rs"]
mod targets;

use std::path::Path;

use changes::{changed, changes};
use proptest::prelude::*;

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)).unwrap()
}

fn index() -> Vec<u8> {
    [&24_u16.to_le_bytes()[..], &golden("megatron-u16.idx")].concat()
}

#[test]
fn what_is_changed_is_good_before() {
    assert_eq!(targets::megatron_index(&index()), Some(12));
    assert_eq!(targets::npy(&golden("uint16.npy")), Some(12));
    assert_eq!(targets::npy(&golden("fortran.npy")), Some(12));
    assert_eq!(targets::npy(&golden("matrix-float16.npy")), None, "floats are no tokens");
    #[cfg(feature = "parquet")]
    assert_eq!(targets::parquet(&golden("u16.parquet")), Some(36));
    #[cfg(feature = "parquet")]
    assert_eq!(targets::parquet(&golden("pages-v1-plain-none.parquet")), Some(360));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn npy(changes in changes()) {
        for name in ["uint16.npy", "big-i4.npy", "int64.npy", "fortran.npy", "matrix-float16.npy"] {
            targets::npy(&changed(golden(name), &changes));
        }
    }

    #[test]
    fn megatron_index(changes in changes()) {
        targets::megatron_index(&changed(index(), &changes));
    }
}

#[cfg(feature = "parquet")]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn parquet(changes in changes()) {
        for name in ["u16.parquet", "plain.parquet", "unsorted.parquet", "pages-v1-plain-none.parquet"] {
            targets::parquet(&changed(golden(name), &changes));
        }
    }
}
