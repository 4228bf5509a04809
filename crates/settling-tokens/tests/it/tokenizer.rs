//! Texts packed into rows by a tokenizer that was trained here.

use settling_testkit::train_tokenizer;
use settling_tokens::{ErrorKind, Tokenizer};

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
