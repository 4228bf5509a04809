//! Parquet files that pyarrow wrote (tests/golden/make.py), and damaged ones.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::damage::{every_change, every_cut};
use settling_core::{Step, TokenSource};
use settling_tokens::{Error, ErrorKind, ParquetTokens, ReadRange};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.parquet"))
}

/// As make.py has them: three rows of each of the steps 0, 2 and 7.
fn row(step: u32, row: u32) -> [u32; 4] {
    [step * 10 + row, row, 65535, step]
}

#[derive(Debug)]
struct Memory(Vec<u8>);

impl ReadRange for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_range(&self, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        assert!(range.start < range.end && range.end <= self.len(), "{range:?}");
        Ok(self.0[range.start as usize..range.end as usize].to_vec())
    }
}

#[test]
fn files_read_as_pyarrow_wrote_them() {
    for name in ["u16", "i32", "i64", "plain", "large-list", "fixed-list"] {
        let file = ParquetTokens::open(golden(name)).unwrap();
        assert_eq!((file.rows(), file.width()), (9, 4), "{name}");
        assert_eq!(file.steps().collect::<Vec<_>>(), [Step(0), Step(2), Step(7)], "{name}");
        let all: Vec<u32> =
            [0, 2, 7].iter().flat_map(|&step| (0..3).flat_map(move |at| row(step, at))).collect();
        for start in 0..9 {
            for end in start + 1..=9 {
                let found = file.read_rows(start..end).unwrap();
                assert_eq!(found.ids(), &all[4 * start..4 * end], "{name} {start}..{end}");
            }
        }
    }
}

/// Files of pages.py: 40 rows of 9 ids, 8 of each step, in many pages.
#[test]
fn columns_of_many_pages_read_as_others_wrote_them() {
    let right = |row: usize| (0..9).map(move |at| ((row * 7919 + at * 104_729) % 50_277) as u32);
    let all: Vec<u32> = (0..40).flat_map(right).collect();
    let mut names: Vec<String> = vec!["pages-polars".to_owned(), "pages-pandas".to_owned()];
    for version in ["1", "2"] {
        for coding in ["plain", "dictionary"] {
            for codec in ["none", "snappy"] {
                names.push(format!("pages-v{version}-{coding}-{codec}"));
            }
        }
    }
    for name in names {
        let file = ParquetTokens::open(golden(&name)).unwrap();
        assert_eq!((file.rows(), file.width()), (40, 9), "{name}");
        assert_eq!(file.steps().collect::<Vec<_>>(), [0, 1, 2, 3, 4].map(Step), "{name}");
        assert_eq!(file.read_rows(0..40).unwrap().ids(), all, "{name}");
        for row in 0..40 {
            let found = file.read_rows(row..row + 1).unwrap();
            assert_eq!(found.ids(), &all[9 * row..9 * row + 9], "{name} {row}");
        }
        let third = file.step(Step(3)).unwrap().read_rows(0..8).unwrap();
        assert_eq!(third.ids(), &all[9 * 24..9 * 32], "{name}");
    }
}

#[test]
fn rows_are_found_by_their_step_wherever_they_lie() {
    for name in ["u16", "i64", "unsorted"] {
        let file = ParquetTokens::open(golden(name)).unwrap();
        for step in [0, 2, 7] {
            let rows = file.step(Step(step)).unwrap();
            assert_eq!(rows.rows(), 3, "{name}");
            let all = rows.read_rows(0..3).unwrap();
            for at in 0..3 {
                assert_eq!(all.row(at), rows.read_rows(at..at + 1).unwrap().ids(), "{name}");
            }
            assert_eq!(rows.read_rows(3..4).unwrap_err().kind(), ErrorKind::Rows);
            if name != "unsorted" {
                assert_eq!(all.row(1), row(step as u32, 1), "{name}");
            }
        }
    }
    // Row i of this file has ids[i] of the others, and of each three rows the first is of step 7,
    // then 0, then 2.
    let file = ParquetTokens::open(golden("unsorted")).unwrap();
    let sevens = file.step(Step(7)).unwrap().read_rows(0..3).unwrap();
    assert_eq!(sevens.ids(), [row(0, 0), row(2, 0), row(7, 0)].concat());
    let twos = file.step(Step(2)).unwrap().read_rows(1..3).unwrap();
    assert_eq!(twos.ids(), [row(2, 2), row(7, 2)].concat());
    for (step, near) in [(1, "0 and 2"), (8, "nearest 7"), (u64::MAX, "nearest 7")] {
        let error = file.step(Step(step)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rows);
        assert!(error.to_string().contains(near), "{error}");
    }
}

/// Row 45 of the fault matrix.
#[test]
fn what_is_no_table_of_tokens_and_steps_is_named() {
    let read = |name: &str| {
        let file = ParquetTokens::open(golden(name))?;
        file.read_rows(0..file.rows())
    };
    for (name, kind, part) in [
        ("ragged", ErrorKind::Format, "row 4 has 3 tokens, row 0 has 4"),
        ("negative", ErrorKind::Token, "row 4, column 1: -2 is no token id"),
        ("null-id", ErrorKind::Format, "row 4, column `ids`: a null, or no tokens, at place 1"),
        ("null-row", ErrorKind::Format, "row 4, column `ids`: a null, or no tokens, at place 0"),
        ("empty-row", ErrorKind::Format, "row 0, column `ids`"),
        ("null-step", ErrorKind::Format, "row 4, column `step`: null is no step"),
        ("negative-step", ErrorKind::Format, "row 4, column `step`: -1 is no step"),
        ("no-rows", ErrorKind::Format, "has 0 rows"),
        (
            "float-ids",
            ErrorKind::Format,
            "column `ids`: expected a list of integers, found 1 nested list(s) of FLOAT",
        ),
        ("flat-ids", ErrorKind::Format, "column `ids`: expected a list of integers, found INT64"),
        ("nested-ids", ErrorKind::Format, "found 2 nested list(s) of INT64"),
        ("text-step", ErrorKind::Format, "column `step`: expected an integer, found BYTE_ARRAY"),
        (
            "no-step",
            ErrorKind::Format,
            "has no column `step`: expected an integer, found `ids`, `steps`",
        ),
        ("zstd", ErrorKind::Format, "compression=\"snappy\""),
        ("absent", ErrorKind::Io, "absent.parquet"),
    ] {
        let error = read(name).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(part), "{name}: {error}");
        assert!(error.to_string().contains(&format!("{name}.parquet")), "{error}");
    }
    let file = ParquetTokens::open(golden("u16")).unwrap();
    for range in [0..10, 2..2, 9..10] {
        assert_eq!(file.read_rows(range).unwrap_err().kind(), ErrorKind::Rows);
    }
}

fn read_all(bytes: &[u8]) -> Result<Vec<u32>, Error> {
    let file = ParquetTokens::new(Memory(bytes.to_vec()))?;
    let rows = file.read_rows(0..file.rows())?;
    for step in file.steps() {
        let rows = file.step(step)?;
        rows.read_rows(0..rows.rows())?;
    }
    Ok(rows.ids().to_vec())
}

/// Calls `check` with `whole` but for one bit, for every bit: a thirtieth of the work of every
/// change.
fn every_flip(whole: &[u8], mut check: impl FnMut(&[u8], &str)) {
    let mut changed = whole.to_vec();
    for place in 0..whole.len() {
        for bit in 0..8 {
            changed[place] ^= 1 << bit;
            check(&changed, &format!("bit {bit} of byte {place}"));
            changed[place] ^= 1 << bit;
        }
    }
}

/// The most memory that this process has used, in KiB, where the system tells.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_cut_or_changed_file_gives_tokens_or_an_error() {
    // The decoder's panics are caught; what they print of this thread is not wanted.
    let mine = std::thread::current().id();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() != mine {
            hook(info);
        }
    }));
    let before = peak();
    for name in ["u16", "plain", "i64", "pages-v1-plain-snappy"] {
        let whole = std::fs::read(golden(name)).unwrap();
        let right = read_all(&whole).unwrap();
        every_cut(&whole, |cut, what| {
            let error = read_all(cut).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{name}, {what}: {error}");
        });
        // Without checksums nothing tells that a value was changed; but whole rows are read, and no
        // more than there are.
        let check = |changed: &[u8], what: &str| {
            if let Ok(ids) = read_all(changed) {
                assert!(ids.len() <= right.len(), "{name}, {what}");
            }
        };
        if name == "u16" { every_change(&whole, check) } else { every_flip(&whole, check) }
    }
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < 64 << 10, "{} KiB for files of 3 KB", after - before);
    }
}

#[test]
fn a_page_of_fewer_lists_than_it_says_is_an_error_at_once() {
    let mut bytes = std::fs::read(golden("i64")).unwrap();
    // The lengths of two runs of the levels that tell where lists start. Found by fuzzing.
    assert_eq!((bytes[555], bytes[560]), (17, 3));
    (bytes[555], bytes[560]) = (1, 0);
    let file = ParquetTokens::new(Memory(bytes)).unwrap();
    let errors = (0..file.rows()).filter_map(|row| file.read_rows(row..row + 1).err());
    let kinds: Vec<ErrorKind> = errors.map(|error| error.kind()).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|&kind| kind == ErrorKind::Format), "{kinds:?}");
}

#[test]
fn a_page_that_claims_billions_is_an_error_at_once() {
    let begin = Instant::now();
    // An unknown list of 2^31 - 1 floats or truth values, before the first page or as the footer.
    // Found by fuzzing.
    for kind in [0xf7, 0xf2] {
        let list = [0xf9, kind, 0xff, 0xff, 0xff, 0xff, 0x07];
        let mut page = std::fs::read(golden("u16")).unwrap();
        page[4..11].copy_from_slice(&list);
        let footer = [b"PAR1", &list[..], b"\0\x08\0\0\0PAR1"].concat();
        for bytes in [page, footer] {
            let error = read_all(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Format, "{error}");
        }
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

/// Found by fuzzing: the decoder made room for 2.5 GB.
#[test]
fn a_dictionary_that_its_page_cannot_hold_is_an_error() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/damage/dictionary.parquet");
    let before = peak();
    let error = read_all(&std::fs::read(path).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format, "{error}");
    assert!(error.to_string().contains("dictionary"), "{error}");
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < 64 << 10, "{} KiB for a file of 3 KB", after - before);
    }
}

#[test]
fn a_footer_that_claims_billions_is_an_error() {
    // A list of 2^31 - 1 columns in 10 bytes of Thrift.
    let metadata = [0x15, 0x04, 0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00];
    let length = u32::try_from(metadata.len()).unwrap().to_le_bytes();
    let bytes = [b"PAR1", &metadata[..], &length, b"PAR1"].concat();
    let before = peak();
    let error = ParquetTokens::new(Memory(bytes)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format, "{error}");
    if let (Some(before), Some(after)) = (before, peak()) {
        assert!(after - before < 64 << 10, "{} KiB for 22 bytes", after - before);
    }
}
