//! .npy files that NumPy wrote (tests/golden/make.py), and damaged ones.

use std::path::{Path, PathBuf};

use crate::damage::{every_change, every_cut};
use settling_core::{TokenBatch, TokenSource};
use settling_tokens::{Error, ErrorKind, NpyMatrix, NpyTokens, write_npy};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read(path: &Path) -> Result<TokenBatch, Error> {
    let tokens = NpyTokens::open(path)?;
    tokens.read_rows(0..tokens.rows())
}

#[test]
fn integer_arrays_read_as_numpy_wrote_them() {
    let wide = [0, 1, 2, 50276, 7, 6, 5, 4, 65535, 0, 300, 1];
    for name in [
        "int32",
        "int64",
        "uint16",
        "uint32",
        "int8",
        "uint8",
        "big-i4",
        "fortran",
        "fortran-big",
        "version-2",
        "version-3",
        "python-2",
        "quotes",
        "names",
    ] {
        let tokens = NpyTokens::open(golden(&format!("{name}.npy"))).unwrap();
        assert_eq!((tokens.rows(), tokens.width()), (3, 4), "{name}");
        let right = wide.map(|id| if name.ends_with("int8") { id % 128 } else { id });
        for start in 0..3 {
            for end in start + 1..=3 {
                let found = tokens.read_rows(start..end).unwrap();
                assert_eq!(found.ids(), &right[4 * start..4 * end], "{name} {start}..{end}");
            }
        }
    }
}

#[test]
fn matrices_of_any_type_and_order_are_the_numbers_of_numpy() {
    let right = [0.5, -2.0, 1024.0, 2_f64.powi(-14), 2_f64.powi(-24), -0.0];
    for name in ["float16", "float32", "float64", "big-f2", "big-f4", "big-f8", "fortran"] {
        let matrix = NpyMatrix::open(golden(&format!("matrix-{name}.npy"))).unwrap();
        assert_eq!((matrix.rows(), matrix.columns()), (2, 3), "{name}");
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&matrix.read().unwrap()), bits(&right), "{name}");
        assert_eq!(matrix.read_rows(1..2).unwrap(), right[3..], "{name}");
        assert_eq!(matrix.read_rows(1..3).unwrap_err().kind(), ErrorKind::Rows);
    }
    let read = |name: &str| NpyMatrix::open(golden(name)).unwrap().read();
    assert_eq!(read("matrix-int8.npy").unwrap(), [-128.0, 127.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!(read("negative.npy").unwrap(), [1.0, 2.0, 3.0, -1.0]);
    let odd = read("matrix-nan.npy").unwrap();
    assert!(odd[0].is_nan() && odd[1..] == [f64::INFINITY, f64::NEG_INFINITY, 1.0], "{odd:?}");
    let error = read("matrix-exact.npy").unwrap_err().to_string();
    assert!(error.contains("row 0, column 1: f64 has no 9007199254740993"), "{error}");
}

/// The reading of long columns and of long rows goes piece by piece.
#[test]
fn large_arrays_are_read_in_pieces() {
    // Of one byte each: 1,500 rows of 1,500, and columns longer than is read at once.
    for (rows, columns) in [(1_500, 1_500), (3 << 20, 2), (2, 3 << 20)] {
        let value = |row: usize, column: usize| (row * 31 + column * 17) % 251;
        for fortran in [false, true] {
            let (truth, bytes): (_, Vec<u8>) = if fortran {
                let cells = (0..columns).flat_map(|at| (0..rows).map(move |row| (row, at)));
                ("True", cells.map(|(row, at)| value(row, at) as u8).collect())
            } else {
                let cells = (0..rows).flat_map(|row| (0..columns).map(move |at| (row, at)));
                ("False", cells.map(|(row, at)| value(row, at) as u8).collect())
            };
            let header =
                format!("{{'descr':'|u1','fortran_order':{truth},'shape':({rows},{columns})}}");
            let start = [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..]].concat();
            let file = [&start, header.as_bytes(), &bytes].concat();
            let tokens = NpyTokens::new(file).unwrap();
            for range in [0..rows, 1..2, rows / 2..rows] {
                let found = tokens.read_rows(range.clone()).unwrap();
                let mut ids = found.ids().iter();
                for row in range {
                    for column in 0..columns {
                        assert_eq!(ids.next().copied(), Some(value(row, column) as u32));
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_no_table_of_tokens_is_named() {
    for (name, kind, part) in [
        (
            "flat.npy",
            ErrorKind::Format,
            "expected the shape (rows, tokens per row), found (12,): give one dimension its second",
        ),
        ("number.npy", ErrorKind::Format, "found (): a single number"),
        ("cube.npy", ErrorKind::Format, "found (3, 2, 2): join dimensions"),
        (
            "float.npy",
            ErrorKind::Format,
            "expected token ids, integers such as int32 or uint16, found the dtype <f4",
        ),
        ("truth.npy", ErrorKind::Format, "|b1 (truth values)"),
        ("complex.npy", ErrorKind::Format, "<c8 (complex numbers)"),
        ("text.npy", ErrorKind::Format, "<U5 (text)"),
        ("fields.npy", ErrorKind::Format, "no fields, found \"[('id', '<i4')]"),
        ("empty.npy", ErrorKind::Format, "has 0 rows of 4 elements"),
        ("narrow.npy", ErrorKind::Format, "has 4 rows of 0 elements"),
        ("ragged.npy", ErrorKind::Format, "different lengths"),
        ("two.npy", ErrorKind::Format, "176 after them: is the shape wrong, or are there several"),
        ("negative.npy", ErrorKind::Token, "row 1, column 1: -1 is no token id"),
        ("archive.npz", ErrorKind::Format, "an .npz: save one array with numpy.save"),
        ("u16.parquet", ErrorKind::Format, "it is Parquet"),
        ("megatron-u16.idx", ErrorKind::Format, "it is the .idx of a Megatron data set"),
        ("make.py", ErrorKind::Format, "is not a .npy file"),
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

#[test]
fn a_cut_or_changed_matrix_gives_as_many_numbers_or_an_error() {
    for name in ["matrix-float16.npy", "matrix-fortran.npy", "python-2.npy"] {
        let whole = std::fs::read(golden(name)).unwrap();
        let read = |bytes: &[u8]| NpyMatrix::new(bytes.to_vec())?.read();
        let right = read(&whole).unwrap();
        every_cut(&whole, |cut, what| {
            assert_eq!(read(cut).unwrap_err().kind(), ErrorKind::Format, "{name} {what}");
        });
        every_change(&whole, |changed, what| match read(changed) {
            Ok(found) => assert_eq!(found.len(), right.len(), "{name} {what}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Format, "{name} {what}: {error}"),
        });
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
    assert!(error.to_string().contains("48 bytes, found 49: 1 after them"), "{error}");
}

/// Found by fuzzing: a parser of headers took for ever.
#[test]
fn a_header_of_brackets_is_an_error_at_once() {
    for bracket in ["{", "[", "(", "{[("] {
        let text = format!("{} 'shape': (3, 4), ", bracket.repeat(2_000));
        let header = [b"\x93NUMPY\x01\0", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()];
        let begin = std::time::Instant::now();
        let file = [&header.concat()[..], &[0; 48]].concat();
        let errors = [NpyTokens::new(file.clone()).err(), NpyMatrix::new(file).err()];
        for error in errors.map(Option::unwrap) {
            assert_eq!(error.kind(), ErrorKind::Format, "{error}");
        }
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
        (6, &[0], "version 0.0"),
        (6, &[9], "version 9.0"),
        (6, &[1, 1], "version 1.1"),
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
fn a_shape_that_the_file_does_not_have_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.npy");
    for (shape, part) in [
        ("(9223372036854775808, 4)", "take more than 2^64 bytes, found 12"),
        ("(4294967296, 4294967296)", "take more than 2^64 bytes, found 12"),
        ("(2147483648, 1073741824)", "take 9223372036854775808 bytes, found 12"),
        ("(0, 18446744073709551615)", "has 0 rows"),
        ("(1, 4)", "(1, 4) elements of 4 bytes take 16 bytes, found 12: is the file cut, or the"),
        ("(1, 2)", "take 8 bytes, found 12: 4 after them: is the shape wrong"),
        ("()", "found ()"),
        ("(3)", "under 'shape', found \"(3), }\""),
        ("(-3, 1)", "under 'shape', found \"(-3, 1), }\""),
    ] {
        let mut text = format!("{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}");
        text.push_str(&" ".repeat(117 - text.len()));
        text.push('\n');
        let file = [b"\x93NUMPY\x01\x00\x76\x00".as_slice(), text.as_bytes(), &[0; 12]].concat();
        std::fs::write(&path, file).unwrap();
        let error = NpyTokens::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format, "{shape}");
        assert!(error.to_string().contains(part), "{error}");
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
    // To the byte as NumPy does.
    let rows = read(&golden("uint16.npy")).unwrap();
    write_npy(&path, &rows).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(golden("uint16.npy")).unwrap());
    let nowhere = folder.path().join("missing/rows.npy");
    let batch = TokenBatch::new(vec![1], 1).unwrap();
    assert_eq!(write_npy(&nowhere, &batch).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no partial file is left");
}
