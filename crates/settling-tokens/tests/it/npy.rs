//! .npy files that NumPy wrote (tests/golden/make.py), and damaged ones.

use std::path::{Path, PathBuf};

use crate::damage::{every_change, every_cut};
use settling_core::{TokenBatch, TokenSource};
use settling_tokens::{Error, ErrorKind, NpyTokens, write_npy};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read(path: &Path) -> Result<TokenBatch, Error> {
    let tokens = NpyTokens::open(path)?;
    tokens.read_rows(0..tokens.rows())
}

#[test]
fn integer_arrays_read_as_numpy_wrote_them() {
    for name in ["int32.npy", "int64.npy", "uint16.npy", "uint32.npy", "big-i4.npy"] {
        let tokens = NpyTokens::open(golden(name)).unwrap();
        assert_eq!((tokens.rows(), tokens.width()), (3, 4), "{name}");
        let all = tokens.read_rows(0..3).unwrap();
        assert_eq!(all.ids(), [0, 1, 2, 50276, 7, 6, 5, 4, 65535, 0, 300, 1], "{name}");
        assert_eq!(tokens.read_rows(1..2).unwrap().ids(), [7, 6, 5, 4], "{name}");
    }
}

#[test]
fn what_is_no_table_of_tokens_is_named() {
    for (name, kind, part) in [
        ("fortran.npy", ErrorKind::Format, "Fortran"),
        ("flat.npy", ErrorKind::Format, "expected shape (rows, width), found [12]"),
        ("float.npy", ErrorKind::Format, "<f4"),
        ("empty.npy", ErrorKind::Format, "0 rows"),
        ("ragged.npy", ErrorKind::Format, "different lengths"),
        ("negative.npy", ErrorKind::Token, "row 1, column 1"),
        ("make.py", ErrorKind::Format, "not a .npy file"),
        ("absent.npy", ErrorKind::Io, "absent.npy"),
    ] {
        let error = read(&golden(name)).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(part) && error.to_string().contains(name), "{error}");
    }
    let tokens = NpyTokens::open(golden("int32.npy")).unwrap();
    for range in [0..4, 2..2, 3..4] {
        assert_eq!(tokens.read_rows(range).unwrap_err().kind(), ErrorKind::Rows);
    }
}

/// Row 46 of the fault matrix.
#[test]
fn a_cut_or_changed_file_gives_as_many_tokens_or_an_error() {
    let whole = std::fs::read(golden("int32.npy")).unwrap();
    let read = |bytes: &[u8]| {
        let tokens = NpyTokens::new(bytes.to_vec())?;
        tokens.read_rows(0..tokens.rows())
    };
    let right = read(&whole).unwrap();
    every_cut(&whole, |cut, what| {
        let error = read(cut).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{what}: {error}");
    });
    every_change(&whole, |changed, what| match read(changed) {
        Ok(found) => assert_eq!(found.ids().len(), right.ids().len(), "{what}"),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Format | ErrorKind::Token), "{error}");
            assert!(error.to_string().contains("in memory"), "{error}");
        }
    });
    // Every token is what its four bytes say.
    every_change(&whole[whole.len() - 48..], |data, what| {
        let expected: Vec<i32> =
            data.as_chunks().0.iter().map(|&id| i32::from_le_bytes(id)).collect();
        match read(&[&whole[..whole.len() - 48], data].concat()) {
            Ok(found) => assert!(
                found.ids().iter().map(|&id| i64::from(id)).eq(expected.into_iter().map(i64::from)),
                "{what}"
            ),
            Err(error) => assert!(
                error.kind() == ErrorKind::Token && expected.iter().any(|&id| id < 0),
                "{what}: {error}"
            ),
        }
    });
    let error = read(&[&whole[..], &[0]].concat()).unwrap_err();
    assert!(error.to_string().contains("more after them"), "{error}");
}

/// Found by fuzzing: the parser of headers took for ever.
#[test]
fn a_header_of_brackets_is_an_error_at_once() {
    for bracket in ["{", "[", "(", "{[("] {
        let text = format!("{} 'shape': (3, 4), ", bracket.repeat(30));
        let header = [b"\x93NUMPY\x01\0", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()];
        let begin = std::time::Instant::now();
        let error = NpyTokens::new([&header.concat()[..], &[0; 48]].concat()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{error}");
        assert!(begin.elapsed().as_secs() < 5, "{bracket}: {:?}", begin.elapsed());
    }
}

/// Row 46 of the fault matrix.
#[test]
fn a_start_that_is_none_is_an_error() {
    let whole = std::fs::read(golden("int32.npy")).unwrap();
    for (at, new, part) in [
        (0, &b"X"[..], "not a .npy file"),
        (0, b"PK\x03\x04", "not a .npy file"),
        (6, &[0], ""),
        (6, &[9], ""),
        // Version 2 has the header's length in four bytes: here nearly 4 GB.
        (6, &[2, 0, 0xff, 0xff, 0xff, 0xff], "claims a header of 4294967295 bytes"),
        (8, &[0xff, 0xff], "claims a header of 65535 bytes"),
        (8, &[0xff, 0x20], "is cut within its header"),
    ] {
        let mut bytes = whole.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        let error = NpyTokens::new(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_shape_that_would_overflow_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.npy");
    for shape in [
        "(9223372036854775808, 4)",
        "(4294967296, 4294967296)",
        "(0, 18446744073709551615)",
        "()",
        "(3)",
    ] {
        let mut text = format!("{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}");
        text.push_str(&" ".repeat(117 - text.len()));
        text.push('\n');
        let file = [b"\x93NUMPY\x01\x00\x76\x00".as_slice(), text.as_bytes(), &[0; 12]].concat();
        std::fs::write(&path, file).unwrap();
        assert_eq!(NpyTokens::open(&path).unwrap_err().kind(), ErrorKind::Format, "{shape}");
    }
}

#[test]
fn a_file_that_is_replaced_is_still_the_one_that_was_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.npy");
    let first = TokenBatch::new(vec![1, 2, 3, 4], 2).unwrap();
    write_npy(&path, &first).unwrap();
    let tokens = NpyTokens::open(&path).unwrap();
    write_npy(&path, &TokenBatch::new(vec![9; 8], 4).unwrap()).unwrap();
    assert_eq!(tokens.read_rows(0..2).unwrap(), first);
}

#[test]
fn written_rows_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.npy");
    for (ids, bytes) in [(vec![0, 65535, 3, 4], 2), (vec![0, 65536, u32::MAX, 4], 4)] {
        let batch = TokenBatch::new(ids, 2).unwrap();
        write_npy(&path, &batch).unwrap();
        assert_eq!(read(&path).unwrap(), batch);
        assert_eq!(
            std::fs::metadata(&path).unwrap().len() % 64,
            4 * bytes,
            "the header is a multiple of 64"
        );
    }
    let nowhere = folder.path().join("missing/rows.npy");
    let batch = TokenBatch::new(vec![1], 1).unwrap();
    assert_eq!(write_npy(&nowhere, &batch).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file is left");
}
