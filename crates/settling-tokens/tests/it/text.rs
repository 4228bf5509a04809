//! Text files and JSON lines.

use crate::damage::{every_change, every_cut};
use settling_core::TokenBatch;
use settling_tokens::{ErrorKind, Tokenizer, check_vocabulary, read_json_lines, read_text_files};

#[test]
fn lines_and_files_become_rows_through_a_stored_tokenizer() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let stored = settling_testkit::train_tokenizer(&["ab"], 257).unwrap();
    let tokenizer = Tokenizer::from_file(at("tokenizer.json", stored.as_bytes())).unwrap();
    // A byte order mark, other fields, an empty line, Windows line ends, escapes, no newline at the
    // end.
    let lines =
        "\u{feff}{\"id\": 1, \"text\": \"ab\"}\r\n\n{\"text\": \"\\u0063\"}\n{\"text\": \"defg\"}";
    let from_lines = read_json_lines(at("lines.jsonl", lines.as_bytes()), "text").unwrap();
    let paths = [at("1.txt", "\u{feff}ab".as_bytes()), at("2.txt", b"c"), at("3.txt", b"defg")];
    let from_files = read_text_files(&paths).unwrap();
    let expected = tokenizer.pack(&["ab", "c", "defg"], 4).unwrap();
    assert_eq!(tokenizer.pack(&from_lines, 4).unwrap(), expected);
    assert_eq!(tokenizer.pack(&from_files, 4).unwrap(), expected);
    assert!(from_lines[1].name.ends_with("lines.jsonl:3"), "{}", from_lines[1].name);
    assert!(from_files[1].name.ends_with("2.txt"));

    let other = at("other.jsonl", b"{\"content\": \"x\"}\n");
    assert_eq!(read_json_lines(other, "content").unwrap()[0].text, "x");
    assert_eq!(read_json_lines(at("none.jsonl", b"\n"), "text").unwrap(), []);
}

#[test]
fn a_line_that_is_no_document_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.jsonl");
    for (line, part) in [
        (&b"{\"text\": \"x\""[..], "line 2: expected a JSON object, found EOF"),
        (b"[1]", "line 2: expected a JSON object, found an array"),
        (b"{\"text\": 7}", "line 2: expected a string in `text`, found a number"),
        (b"{\"text\": null}", "line 2: expected a string in `text`, found null"),
        (b"{\"body\": \"\", \"id\": 1}", "line 2: no field `text`: found `body`, `id`"),
        (b"{\"text\": \"\xff\"}", "line 2: "),
        (b"{\"text\": \"a\"} {}", "line 2: "),
    ] {
        std::fs::write(&path, [b"{\"text\": \"fine\"}\n", line].concat()).unwrap();
        let error = read_json_lines(&path, "text").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.to_string().contains(part), "{error}");
        assert!(error.to_string().contains("lines.jsonl"), "{error}");
    }
    // Nesting that would exhaust the stack.
    std::fs::write(&path, "[".repeat(1 << 20)).unwrap();
    assert_eq!(read_json_lines(&path, "text").unwrap_err().kind(), ErrorKind::Format);
    std::fs::write(&path, b"ab\xffc").unwrap();
    let error = read_text_files(&[&path]).unwrap_err();
    assert!(error.to_string().contains("byte 2 is not UTF-8"), "{error}");
    assert_eq!(read_text_files(&[folder.path()]).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(read_json_lines(folder.path(), "text").unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn files_that_are_no_text_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.jsonl");
    let utf16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, part) in [
        (&utf16[..], "UTF-16: save it as UTF-8"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "compressed by gzip"),
        (b"\x28\xb5\x2f\xfd\x04\0", "compressed by zstd"),
        (b"PAR1\x15\xff", "Parquet"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        for error in [read_json_lines(&path, "text").err(), read_text_files(&[&path]).err()] {
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::Format);
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    // One array instead of lines.
    std::fs::write(&path, b"[\n{\"text\": \"a\"}\n]\n").unwrap();
    let error = read_json_lines(&path, "text").unwrap_err().to_string();
    assert!(error.contains("line 1: expected a JSON object"), "{error}");
}

#[test]
fn long_lines_and_long_names_cost_what_they_take() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.jsonl");
    let long = "x".repeat(3 << 20);
    std::fs::write(&path, format!("{{\"text\": \"{long}\"}}\r\n{{\"text\": \"\"}}\r\n").as_bytes())
        .unwrap();
    let found = read_json_lines(&path, "text").unwrap();
    assert_eq!((found[0].text.len(), found[1].text.len(), found.len()), (3 << 20, 0, 2));
    std::fs::write(&path, format!("{{\"{long}\": \"\"}}").as_bytes()).unwrap();
    let error = read_json_lines(&path, "text").unwrap_err().to_string();
    assert!(error.contains("no field `text`: found `xxx") && error.len() < 500, "{}", error.len());
}

#[test]
fn cut_or_changed_lines_are_documents_or_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.jsonl");
    let whole = b"{\"text\": \"a\\n\"}\n{\"text\": \"b\"}\n";
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        read_json_lines(&path, "text")
    };
    let right = read(whole).unwrap();
    every_cut(whole, |cut, what| match read(cut) {
        // Between two lines, or before the last line feed.
        Ok(found) => assert_eq!(found, right[..found.len()], "{what}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Format, "{what}: {error}"),
    });
    every_change(whole, |changed, what| match read(changed) {
        Ok(found) => {
            // At most one text is another.
            assert_eq!(found.len(), 2, "{what}");
            let same = found.iter().zip(&right).filter(|(a, b)| a.text == b.text).count();
            assert!(same >= 1, "{what}");
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Format, "{what}: {error}");
            assert!(error.to_string().contains("lines.jsonl: line "), "{what}: {error}");
        }
    });
    let text = "aé".as_bytes();
    every_change(text, |changed, what| {
        std::fs::write(&path, changed).unwrap();
        match (read_text_files(&[&path]), std::str::from_utf8(changed)) {
            (Ok(found), Ok(text)) => assert_eq!(found[0].text, text, "{what}"),
            (Err(error), Err(_)) => assert!(error.to_string().contains("is not UTF-8"), "{error}"),
            other => panic!("{what}: {other:?}"),
        }
    });
}

#[test]
fn a_token_outside_the_vocabulary_is_named() {
    let batch = TokenBatch::new(vec![0, 1, 2, 3, 4, u32::MAX], 3).unwrap();
    check_vocabulary(&batch, 1 << 32).unwrap();
    for (size, part) in [
        (0, "row 0, column 0: token 0 is not in a vocabulary of 0"),
        (4, "row 1, column 1: token 4 is not in a vocabulary of 4"),
        (5, "row 1, column 2: token 4294967295"),
    ] {
        let error = check_vocabulary(&batch, size).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Token);
        assert!(error.to_string().contains(part), "{error}");
    }
}
