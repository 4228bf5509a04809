//! Texts into ids, as transformers (tests/golden/tokenizers.py), and packed into rows.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use settling_testkit::train_tokenizer;
use settling_tokens::{ErrorKind, Tokenizer};

/// What a tokenizer's file says besides its vocabulary cuts nothing, fills up nothing, adds nothing
/// and leaves nothing to chance.
#[test]
fn a_text_gives_the_ids_of_transformers_whatever_the_file_says_of_training() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tokenizers.json");
    let golden: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 18);
    for case in cases {
        let mut stored = golden["tokenizers"][case["tokenizer"].as_u64().unwrap() as usize].clone();
        for (key, value) in case["changes"].as_object().unwrap() {
            match (key.as_str(), value) {
                ("model", Value::Object(model)) => {
                    for (key, value) in model {
                        stored["model"][key] = value.clone();
                    }
                }
                _ => stored[key] = value.clone(),
            }
        }
        let tokenizer = Tokenizer::from_json(&stored.to_string()).unwrap();
        let again = Tokenizer::from_json(&tokenizer.to_json().unwrap()).unwrap();
        let texts: Vec<String> = serde_json::from_value(case["texts"].clone()).unwrap();
        let right: Vec<Vec<u32>> = serde_json::from_value(case["ids"].clone()).unwrap();
        for (text, right) in texts.iter().zip(&right) {
            for tokenizer in [&tokenizer, &again] {
                assert_eq!(&tokenizer.encode(text).unwrap(), right, "{}: {text:?}", case["name"]);
            }
        }
        // Several texts at once are the same, one behind the other; empty ones are left out.
        let Ok(end) = tokenizer.end_of_text() else { continue };
        let packed: Vec<u32> = right
            .iter()
            .filter(|ids| !ids.is_empty())
            .flat_map(|ids| ids.iter().copied().chain([end]))
            .collect();
        assert_eq!(tokenizer.pack(&texts, 1).unwrap().ids(), packed, "{}", case["name"]);
    }
}

/// A tokenizer of the letters a to c and of these special tokens, from id 3 on.
fn letters(special: &[&str]) -> String {
    let tokens: Vec<Value> = special
        .iter()
        .enumerate()
        .map(|(place, token)| {
            json!({"id": place + 3, "content": token, "special": true, "single_word": false,
                   "lstrip": false, "rstrip": false, "normalized": false})
        })
        .collect();
    let model = json!({"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2}, "merges": []});
    json!({"version": "1.0", "added_tokens": tokens, "model": model}).to_string()
}

#[test]
fn the_end_of_a_text_is_found_or_asked_for() {
    // By what published tokenizers call it, if there is one.
    for end in ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"] {
        let tokenizer = Tokenizer::from_json(&letters(&["<s>", end, "<pad>"])).unwrap();
        assert_eq!(tokenizer.end_of_text().unwrap(), 4, "{end}");
        assert_eq!(tokenizer.pack(&["ab", "c"], 5).unwrap().ids(), [0, 1, 4, 2, 4]);
    }
    for (special, parts) in [
        (&["</s>", "<|endoftext|>"][..], &["has </s> and <|endoftext|>", "with_end_of_text"][..]),
        (&["[CLS]", "[SEP]"], &["none of <|endoftext|> ", "[CLS] [SEP]", "with_end_of_text"]),
        (&[], &["none of <|endoftext|> ", "with_end_of_text"]),
    ] {
        let tokenizer = Tokenizer::from_json(&letters(special)).unwrap();
        let error = tokenizer.pack(&["ab"], 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tokenizer);
        assert!(parts.iter().all(|part| error.to_string().contains(part)), "{error}");
        // What needs no end goes on.
        assert_eq!(tokenizer.encode("ab").unwrap(), [0, 1]);
    }
    // By who asks, any token.
    let tokenizer = Tokenizer::from_json(&letters(&["[CLS]", "[SEP]"])).unwrap();
    let chosen = tokenizer.clone().with_end_of_text("[SEP]").unwrap();
    assert_eq!(chosen.pack(&["a"], 2).unwrap().ids(), [0, 4]);
    let error = tokenizer.with_end_of_text("<eos>").unwrap_err().to_string();
    assert!(error.contains("<eos>") && error.contains("[CLS] [SEP]"), "{error}");
}

#[test]
fn the_files_beside_a_tokenizer_say_what_ends_a_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    fs::write(&path, letters(&["<|endoftext|>", "<|im_end|>", "</s>"])).unwrap();
    let open = || Tokenizer::from_file(&path);
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    assert!(open().unwrap().end_of_text().unwrap_err().to_string().contains("</s>"));
    write("special_tokens_map.json", r#"{"eos_token": {"content": "</s>", "lstrip": false}}"#);
    assert_eq!(open().unwrap().end_of_text().unwrap(), 5);
    write("tokenizer_config.json", r#"{"eos_token": null, "model_max_length": 1e30}"#);
    assert_eq!(open().unwrap().end_of_text().unwrap(), 5);
    write("tokenizer_config.json", r#"{"eos_token": "<|im_end|>"}"#);
    assert_eq!(open().unwrap().end_of_text().unwrap(), 4);
    // As some editors on Windows save it.
    write("tokenizer_config.json", "\u{feff}{\"eos_token\": \"<|im_end|>\"}");
    assert_eq!(open().unwrap().end_of_text().unwrap(), 4);
    assert_eq!(open().unwrap().with_end_of_text("a").unwrap().end_of_text().unwrap(), 0);
    write("tokenizer_config.json", r#"{"eos_token": "<|gone|>"}"#);
    let error = open().unwrap().end_of_text().unwrap_err().to_string();
    assert!(error.contains("tokenizer_config.json") && error.contains("<|gone|>"), "{error}");
    for damaged in [r#"{"eos_token": 7}"#, "{", r#"{"eos_token": {"content": 7}}"#] {
        write("tokenizer_config.json", damaged);
        let error = open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.to_string().contains("tokenizer_config.json"), "{error}");
    }
}

#[test]
fn documents_without_a_token_are_passed_over() {
    let tokenizer = Tokenizer::from_json(&letters(&["</s>"])).unwrap();
    assert_eq!(tokenizer.pack(&["", "ab", "", "c", ""], 5).unwrap().ids(), [0, 1, 3, 2, 3]);
    for (documents, part) in [
        (&[][..], "0 documents give 0 tokens"),
        (&["", ""], "2 documents give 0 tokens"),
        (&["a", ""], "2 documents give 2 tokens: too few for one row of 3"),
    ] {
        let error = tokenizer.pack(documents, 3).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rows);
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(tokenizer.pack(&["a"], 0).unwrap_err().kind(), ErrorKind::Rows);
}

#[test]
fn a_text_about_the_end_of_text_does_not_end() {
    let tokenizer =
        Tokenizer::from_json(&train_tokenizer(&["<|endoftext|>"], 257).unwrap()).unwrap();
    let ids = tokenizer.encode("<|endoftext|>").unwrap();
    assert_eq!(ids.len(), 13, "one token per byte");
    assert!(!ids.contains(&0));
}

#[test]
fn packing_joins_documents_with_the_end_of_text() {
    let documents = ["ab", "c", "defg"];
    let tokenizer = Tokenizer::from_json(&train_tokenizer(&documents, 257).unwrap()).unwrap();
    // One token per byte: a b 0 c 0 d e f g 0, in rows of 4, the last two dropped.
    let rows = tokenizer.pack(&documents, 4).unwrap();
    let byte = |text: &str| tokenizer.encode(text).unwrap()[0];
    assert_eq!(rows.row(0), [byte("a"), byte("b"), 0, byte("c")]);
    assert_eq!(rows.row(1), [0, byte("d"), byte("e"), byte("f")]);
    assert_eq!(rows.rows(), 2);
    assert_eq!(tokenizer.pack(&documents, 11).unwrap_err().kind(), ErrorKind::Rows);
}
