//! Megatron data sets that NumPy wrote (tests/golden/make.py), damaged ones, shards, and one of 600
//! GB.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::damage::{every_change, every_cut};
use proptest::prelude::*;
use settling_core::{Step, TokenSource};
use settling_tokens::{Error, ErrorKind, MegatronTokens, ReadRange, Shards, TokenType};

const PYTHIA: (usize, TokenType) = (2049, TokenType::U16);

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn open(name: &str) -> Result<MegatronTokens, Error> {
    MegatronTokens::open(golden(&format!("{name}.bin")))
}

/// Bytes in memory that remember what was read of them.
#[derive(Clone, Debug)]
struct Memory(Arc<Vec<u8>>, Arc<Mutex<Vec<Range<u64>>>>);

impl Memory {
    fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(bytes.into()), Arc::default())
    }
}

impl ReadRange for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_range(&self, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        assert!(range.start < range.end && range.end <= self.len(), "{range:?}");
        self.1.lock().unwrap().push(range.clone());
        Ok(self.0[range.start as usize..range.end as usize].to_vec())
    }
}

/// An `.idx` of equal sequences.
fn index(code: u8, sequences: u64, width: i32, item: i64) -> Vec<u8> {
    let mut bytes = b"MMIDIDX\0\0".to_vec();
    bytes.extend(1_u64.to_le_bytes());
    bytes.push(code);
    bytes.extend(sequences.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    (0..sequences).for_each(|_| bytes.extend(width.to_le_bytes()));
    for sequence in 0..sequences.cast_signed() {
        bytes.extend((sequence * i64::from(width) * item).to_le_bytes());
    }
    bytes.extend(0_i64.to_le_bytes());
    bytes
}

/// As [`index`] for u16, with bytes replaced.
fn index_with(at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = index(8, 4, 3, 2);
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn the_index_lies_beside_the_data_or_elsewhere() {
    let beside = open("megatron-u16").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (bin, idx) = (folder.path().join("rows.bin"), folder.path().join("other.idx"));
    std::fs::copy(golden("megatron-u16.bin"), &bin).unwrap();
    std::fs::copy(golden("megatron-u16.idx"), &idx).unwrap();
    let elsewhere = MegatronTokens::open_with_index(&bin, &idx).unwrap();
    assert_eq!(elsewhere.read_rows(0..3).unwrap(), beside.read_rows(0..3).unwrap());
    let error = MegatronTokens::open(&bin).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("rows.idx"), "{error}");
    let error = MegatronTokens::open(&idx).unwrap_err();
    assert!(error.to_string().contains("other.idx: is an index: name the .bin"), "{error}");
}

#[test]
fn data_sets_read_as_numpy_wrote_them() {
    let rows = [0, 1, 2, 50276, 7, 6, 5, 4, 65535, 0, 300, 1];
    let tokens = open("megatron-u16").unwrap();
    assert_eq!((tokens.rows(), tokens.width()), (3, 4));
    assert_eq!(tokens.token_type(), TokenType::U16);
    assert_eq!(tokens.read_rows(0..3).unwrap().ids(), rows);
    assert_eq!(tokens.read_rows(1..2).unwrap().ids(), &rows[4..8]);
    tokens.check_index().unwrap();

    let alone = MegatronTokens::open_bin(golden("megatron-u16.bin"), 4, TokenType::U16).unwrap();
    assert_eq!(alone.read_rows(0..3).unwrap().ids(), rows);

    for (name, element) in [
        ("megatron-int16", TokenType::I16),
        ("megatron-int32", TokenType::I32),
        ("megatron-int64", TokenType::I64),
    ] {
        let tokens = open(name).unwrap();
        assert_eq!(tokens.token_type(), element);
        assert_eq!(tokens.read_rows(0..3).unwrap().ids(), [0, 1, 2, 7, 6, 5, 32767, 0, 300]);
    }
}

#[test]
fn a_batch_is_the_one_that_follows_its_checkpoint() {
    let bytes: Vec<u8> = (0..24).flat_map(|id: u16| id.to_le_bytes()).collect();
    let tokens = MegatronTokens::new(Memory::new(bytes), 2, TokenType::U16).unwrap();
    // Twelve rows of 2 in batches of 4: a model of step 2 has seen batches 0 and 1.
    assert_eq!(tokens.batch(Step(0), 4).unwrap().ids(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(tokens.batch(Step(2), 4).unwrap().ids(), [16, 17, 18, 19, 20, 21, 22, 23]);
    for (step, rows) in [(3, 4), (u64::MAX, 4), (u64::MAX / 4, 5), (0, 13), (0, 0)] {
        let error = tokens.batch(Step(step), rows).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rows);
        assert!(error.to_string().contains("12 rows are there"), "{error}");
    }
}

/// Row 42 of the fault matrix.
#[test]
fn a_header_that_cannot_be_true_is_refused() {
    let data = Memory::new([0; 24]);
    let huge = (1_u64 << 63).to_le_bytes();
    for (what, bytes, part) in [
        ("magic", index_with(0, b"X"), "bad magic"),
        ("version", index_with(9, &[2]), "expected version 1, found 2"),
        ("code 6", index_with(17, &[6]), "found code 6"),
        ("code 0", index_with(17, &[0]), "found code 0"),
        ("code 1", index_with(17, &[1]), "found code 1 (uint8: bytes"),
        ("older", index_with(0, b"TNTIDX\0\0"), "an index of Megatron's older formats"),
        ("2^63 sequences", index_with(18, &huge), "more than 2^64 bytes"),
        ("2^63 documents", index_with(26, &huge), "more than 2^64 bytes"),
        ("2^60 sequences", index_with(18, &(1_u64 << 60).to_le_bytes()), "the file is cut"),
        ("one sequence too many", index_with(18, &[5]), "the file is cut"),
        ("no sequences", index(8, 0, 3, 2), "0 sequences"),
        ("empty", Vec::new(), "0 bytes are no .idx"),
    ] {
        let error = MegatronTokens::with_index(data.clone(), Memory::new(bytes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{what}: {error}");
        assert!(error.to_string().contains(part), "{what}: {error}");
    }
    assert!(open("megatron-float32").unwrap_err().to_string().contains("found code 6"));
}

/// Row 43 of the fault matrix.
#[test]
fn an_index_that_does_not_fit_its_data_names_the_sequence() {
    let open = |index: Vec<u8>, data: usize| {
        MegatronTokens::with_index(Memory::new(vec![0; data]), Memory::new(index))
    };
    for length in (0..24).chain(25..30) {
        let error = open(index(8, 4, 3, 2), length).unwrap_err();
        assert!(error.to_string().contains(&format!("take 24 bytes, the .bin has {length}")));
    }
    // Sequence 0, which all others are compared with, and the last one are checked when the file is
    // opened.
    for (at, new, part) in [
        (34, &[0xff; 4][..], "byte 34: sequence 0 has -1 tokens"),
        (34, &[0; 4], "byte 34: sequence 0 has 0 tokens"),
        (46, &[2], "byte 46: sequence 3 has 2 tokens, sequence 0 has 3"),
        (50, &[1], "byte 50: sequence 0 begins at byte 1 "),
        (74, &[0xff; 8], "byte 74: sequence 3 begins at byte -1 of the .bin (negative"),
        (74, &[19], "byte 74: sequence 3 begins at byte 19 of the .bin: expected 18"),
    ] {
        let error = open(index_with(at, new), 24).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    // Those between, when their rows are asked for.
    for (at, new, part) in [
        (42, &[2][..], "byte 42: sequence 2 has 2 tokens"),
        (42, &[0xff; 4], "byte 42: sequence 2 has -1 tokens"),
        (66, &[0xff; 8], "byte 66: sequence 2 begins at byte -1"),
        (66, &[13], "byte 66: sequence 2 begins at byte 13"),
        (66, &[0xf4, 0xff, 0xff, 0x7f], "byte 66: sequence 2 begins at byte 2147483636"),
    ] {
        let tokens = open(index_with(at, new), 24).unwrap();
        tokens.read_rows(0..2).unwrap();
        tokens.read_rows(3..4).unwrap();
        for error in [tokens.read_rows(1..3).unwrap_err(), tokens.check_index().unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Format);
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    let error = self::open("megatron-ragged").unwrap_err();
    assert!(error.to_string().contains("sequence 2 has 2 tokens, sequence 0 has 3"), "{error}");
}

#[test]
fn what_else_is_called_bin_and_idx_is_named() {
    // As megatron.core.datasets.indexed_dataset writes of text and images: a mode of each sequence.
    let error = open("megatron-multimodal").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert!(
        error.to_string().contains("multimodal") && error.to_string().contains(".npy"),
        "{error}"
    );
    let error = open("megatron-uint8").unwrap_err();
    assert!(error.to_string().contains("uint8") && error.to_string().contains(".npy"), "{error}");

    // nanoGPT's: tokens and nothing else.
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("train.bin");
    std::fs::copy(golden("megatron-u16.bin"), &bin).unwrap();
    let error = MegatronTokens::open(&bin).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    for part in ["train.bin: has no ", "train.idx", "nanoGPT", "numpy.fromfile(BIN, \"uint16\")"] {
        assert!(error.to_string().contains(part), "{error}");
    }

    // llm.c's: a header, which must not be taken for tokens.
    for (mark, element, size) in [(20_240_520_u32, "uint16", 2), (20_240_801, "uint32", 4)] {
        let mut bytes = [mark, 1, 100].map(u32::to_le_bytes).concat();
        bytes.resize(1024 + 100 * size, 0);
        std::fs::write(&bin, &bytes).unwrap();
        for error in [
            MegatronTokens::open(&bin).unwrap_err(),
            MegatronTokens::open_bin(&bin, 2, TokenType::U16).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Format);
            let offset = format!("numpy.fromfile(BIN, \"{element}\", offset=1024)");
            assert!(error.to_string().contains("llm.c"), "{error}");
            assert!(error.to_string().contains(&offset), "{error}");
        }
        // Of another length it is none.
        MegatronTokens::new(Memory::new(&bytes[..1026]), 1, TokenType::U16).unwrap();
    }
}

/// Row 44 of the fault matrix.
#[test]
fn a_token_that_is_none_is_an_error_with_its_place() {
    let tokens = open("megatron-negative").unwrap();
    let error = tokens.read_rows(0..2).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Token);
    let part = "row 1, column 1: -15260 is no token id: are the tokens uint16";
    assert!(error.to_string().contains(part), "{error}");

    let bytes = [5_i64, 1 << 32].map(i64::to_le_bytes).concat();
    let tokens = MegatronTokens::new(Memory::new(bytes), 1, TokenType::I64).unwrap();
    let error = tokens.read_rows(1..2).unwrap_err();
    assert!(error.to_string().contains("row 1, column 0: 4294967296"), "{error}");

    // 16-bit ids read as 32-bit ones are far outside every vocabulary.
    let bytes: Vec<u8> = [7_u16, 8, 9, 10].iter().flat_map(|id| id.to_le_bytes()).collect();
    let tokens = MegatronTokens::new(Memory::new(bytes), 2, TokenType::I32).unwrap();
    let batch = tokens.read_rows(0..1).unwrap();
    let error = settling_tokens::check_vocabulary(&batch, 50304).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Token);
    assert!(error.to_string().contains("row 0, column 0: token 524295"), "{error}");
}

/// Row 47 of the fault matrix.
#[test]
fn rows_that_are_not_there_are_an_error() {
    let tokens = open("megatron-u16").unwrap();
    for range in [0..4, 2..2, 3..4, 0..usize::MAX] {
        let error = tokens.read_rows(range).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rows);
        assert!(error.to_string().contains("3 are there"), "{error}");
    }
    for (width, part) in [(5, "24 bytes are not one or more whole rows of 5 2-byte"), (0, "of 0")] {
        let error = MegatronTokens::open_bin(golden("megatron-u16.bin"), width, TokenType::U16)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.to_string().contains(part), "{error}");
    }
    let empty = MegatronTokens::new(Memory::new([]), 4, TokenType::U16).unwrap_err();
    assert!(empty.to_string().contains("0 bytes are not one or more"), "{empty}");
    MegatronTokens::new(Memory::new([0; 8]), usize::MAX, TokenType::I64).unwrap_err();
}

#[test]
fn a_cut_or_changed_index_gives_the_right_rows_or_an_error() {
    let idx = std::fs::read(golden("megatron-u16.idx")).unwrap();
    let bin = Memory::new(std::fs::read(golden("megatron-u16.bin")).unwrap());
    let read = |idx: &[u8]| {
        let tokens = MegatronTokens::with_index(bin.clone(), Memory::new(idx))?;
        Ok::<_, Error>((tokens.read_rows(0..tokens.rows())?, tokens.token_type()))
    };
    let right = read(&idx).unwrap();
    every_cut(&idx, |cut, what| {
        let error = read(cut).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{what}: {error}");
    });
    every_change(&idx, |changed, what| match read(changed) {
        Ok(found) if found.1 == right.1 => assert_eq!(found, right, "{what}"),
        // Between the two types of 16 bits only the tokens tell, here 50276.
        Ok(found) => panic!("{what}: read as {:?}", found.1),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Format | ErrorKind::Token), "{error}");
        }
    });
}

#[test]
fn a_cut_or_changed_bin_gives_what_its_bytes_say_or_an_error() {
    let bin = std::fs::read(golden("megatron-int32.bin")).unwrap();
    let idx = Memory::new(std::fs::read(golden("megatron-int32.idx")).unwrap());
    let open = |bin: &[u8]| MegatronTokens::with_index(Memory::new(bin), idx.clone());
    every_cut(&bin, |cut, what| {
        let error = open(cut).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{what}: {error}");
    });
    every_change(&bin, |changed, what| {
        let ids = changed.as_chunks().0.iter().map(|&id| i32::from_le_bytes(id));
        match (open(changed).unwrap().read_rows(0..3), ids.map(u32::try_from).collect()) {
            (Ok(found), Ok(expected)) => {
                assert_eq!(found.ids(), Vec::as_slice(&expected), "{what}")
            }
            (Err(error), Err(_)) => assert_eq!(error.kind(), ErrorKind::Token, "{what}: {error}"),
            other => panic!("{what}: {other:?}"),
        }
    });
}

#[test]
fn a_row_of_600_gb_is_read_without_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("document.bin");
    let mut file = File::create(&path).unwrap();
    if file.set_len(146_432_000 * 4098).is_err() {
        // No sparse files here.
        return;
    }
    // What the last row of the last batch says, from its second token on.
    file.seek(SeekFrom::End(-4096)).unwrap();
    let written: Vec<u16> = (1..=2048).collect();
    file.write_all(&written.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>()).unwrap();
    drop(file);

    let tokens = MegatronTokens::open_bin(&path, PYTHIA.0, PYTHIA.1).unwrap();
    assert_eq!(tokens.rows(), 143_000 * 1024);
    let batch = tokens.batch(Step(142_999), 1024).unwrap();
    assert_eq!((batch.rows(), batch.width()), (1024, 2049));
    assert_eq!(batch.row(1023), (0..=2048).collect::<Vec<u32>>());
    assert!(batch.row(1022).iter().all(|&id| id == 0));
    assert_eq!(tokens.batch(Step(143_000), 1024).unwrap_err().kind(), ErrorKind::Rows);
}

/// Zeros of any length, as a server would have them.
#[derive(Clone, Debug)]
struct Remote(u64, Arc<Mutex<Vec<Range<u64>>>>);

impl ReadRange for Remote {
    fn name(&self) -> String {
        format!("remote shard of {} bytes", self.0)
    }

    fn len(&self) -> u64 {
        self.0
    }

    fn read_range(&self, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        self.1.lock().unwrap().push(range.clone());
        Ok(vec![0; (range.end - range.start) as usize])
    }
}

#[test]
fn the_last_batch_of_pythia_is_one_range_of_the_last_shard() {
    let shards: Vec<_> = (0..21)
        .map(|shard| if shard < 20 { 30_000_000_000 } else { 78_336_000 })
        .map(|length| Remote(length, Arc::default()))
        .collect();
    let tokens =
        MegatronTokens::new(Shards::new(shards.clone()).unwrap(), PYTHIA.0, PYTHIA.1).unwrap();
    tokens.batch(Step(142_999), 1024).unwrap();
    let read: Vec<_> = shards.iter().map(|shard| shard.1.lock().unwrap().clone()).collect();
    assert!(read[..20].iter().all(Vec::is_empty));
    assert_eq!(read[20], std::slice::from_ref(&(74_139_648..78_336_000)));
    // Row 7,320,644 is the first that lies in two shards.
    tokens.read_rows(7_320_644..7_320_645).unwrap();
    let ends: Vec<_> = shards[..2].iter().map(|shard| shard.1.lock().unwrap()[0].clone()).collect();
    assert_eq!(ends, [29_999_999_112..30_000_000_000, 0..3_210]);
}

#[test]
fn of_an_index_only_what_is_asked_for_is_read() {
    let idx = Memory::new(index(8, 200_000, 3, 2));
    let bin = Memory::new(vec![0; 1_200_000]);
    let tokens = MegatronTokens::with_index(bin.clone(), idx.clone()).unwrap();
    tokens.read_rows(100_000..100_010).unwrap();
    let read = |bytes: &Memory| {
        bytes.1.lock().unwrap().iter().map(|range| range.end - range.start).sum::<u64>()
    };
    assert_eq!(read(&idx), 34 + 4 + 2 * 12 + 120);
    assert_eq!(read(&bin), 60);
    tokens.check_index().unwrap();
    assert_eq!(read(&bin), 60);
}

#[test]
fn bytes_that_break_their_promise_are_an_error() {
    #[derive(Debug)]
    struct Short;
    impl ReadRange for Short {
        fn name(&self) -> String {
            "short".to_owned()
        }
        fn len(&self) -> u64 {
            8
        }
        fn read_range(&self, range: Range<u64>) -> std::io::Result<Vec<u8>> {
            if range.start > 0 { Err(std::io::Error::other("offline")) } else { Ok(vec![0; 3]) }
        }
    }
    let tokens = MegatronTokens::new(Short, 2, TokenType::U16).unwrap();
    for (rows, part) in
        [(0..1, "short: bytes 0..4 were asked for: expected 4 bytes, got 3"), (1..2, "offline")]
    {
        let error = tokens.read_rows(rows).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains(part), "{error}");
    }
    let shards = Shards::new(vec![Remote(u64::MAX, Arc::default()), Remote(1, Arc::default())]);
    assert_eq!(shards.unwrap_err().kind(), ErrorKind::Format);
    assert_eq!(Shards::<Memory>::new(Vec::new()).unwrap_err().kind(), ErrorKind::Rows);
    let folder = tempfile::tempdir().unwrap();
    let error = MegatronTokens::open_bin(folder.path(), 1, TokenType::U16).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}

#[test]
fn shards_that_are_missing_or_in_another_order_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shard = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, [1, 0]).unwrap();
        path
    };
    let pythia = [0, 1, 2].map(|n| shard(&format!("document-{n:05}-of-00002.bin")));
    let counted = [0, 1].map(|n| shard(&format!("part-{n}-of-2.bin")));
    let unnamed = ["b.bin", "a-of-b.bin"].map(shard);
    let open = |paths: &[PathBuf]| MegatronTokens::open_shards(paths, 1, TokenType::U16);
    assert_eq!(open(&pythia).unwrap().rows(), 3);
    assert_eq!(open(&counted).unwrap().rows(), 2);
    assert_eq!(open(&unnamed).unwrap().rows(), 2);
    let [a, b, c] = pythia;
    for paths in [&[b.clone(), a.clone(), c.clone()][..], std::slice::from_ref(&a), &[a.clone(), c]]
    {
        let error = open(paths).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rows);
        assert!(error.to_string().contains("give every shard, in order"), "{error}");
    }
    assert_eq!(open(&[]).unwrap_err().kind(), ErrorKind::Rows);
}

proptest! {
    #[test]
    fn what_was_written_is_read_however_it_is_split(
        code in prop::sample::select(vec![3_u8, 4, 5, 8]),
        width in 1_usize..9,
        rows in 1_usize..12,
        seed in any::<u64>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ends in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let element = [TokenType::I16, TokenType::I32, TokenType::I64, TokenType::U16]
            [[3, 4, 5, 8].iter().position(|&one| one == code).unwrap()];
        let largest: u64 = match code { 3 => 1 << 15, 4 => 1 << 31, 5 => 1 << 32, _ => 1 << 16 };
        let size = match code { 4 => 4, 5 => 8, _ => 2 };
        let mut state = seed;
        let ids: Vec<u32> = (0..rows * width).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 20) % largest) as u32
        }).collect();
        let bytes: Vec<u8> =
            ids.iter().flat_map(|id| u64::from(*id).to_le_bytes()[..size].to_vec()).collect();
        let (mut start, mut end) = (ends.0.index(rows), ends.1.index(rows));
        if start > end { (start, end) = (end, start); }
        let expected = &ids[start * width..(end + 1) * width];

        let idx = index(code, rows as u64, i32::try_from(width).unwrap(), i64::try_from(size).unwrap());
        let tokens = MegatronTokens::with_index(Memory::new(&bytes[..]), Memory::new(idx)).unwrap();
        prop_assert_eq!((tokens.rows(), tokens.width(), tokens.token_type()), (rows, width, element));
        let found = tokens.read_rows(start..end + 1).unwrap();
        prop_assert_eq!(found.ids(), expected);
        tokens.check_index().unwrap();

        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let parts = cuts.windows(2).map(|cut| Memory::new(&bytes[cut[0]..cut[1]])).collect();
        let tokens = MegatronTokens::new(Shards::new(parts).unwrap(), width, element).unwrap();
        let found = tokens.read_rows(start..end + 1).unwrap();
        prop_assert_eq!(found.ids(), expected);
    }
}
