//! Text files as token rows, which a study evaluates a model on.
//!
//! Needs: a tokenizer.json, as it lies beside a model's weights, and text files in UTF-8.
//! Run:   cargo run -p settling-tokens --example rows_of_text -- tokenizer.json rows.npy *.txt
//! Gives: rows.npy, of 129 tokens per row: 128 are fed, and the last one is a target only.

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use settling_core::TokenSource;
use settling_tokens::{NpyTokens, Tokenizer, check_vocabulary, read_text_files, write_npy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tokenizer, out, files @ ..] = &arguments[..] else {
        return Err("expected a tokenizer.json, a file to write, and text files".into());
    };
    let tokenizer = Tokenizer::from_file(tokenizer)?;
    // One text after the other, with an end of text between them, cut into whole rows.
    let rows = tokenizer.pack(&read_text_files(files)?, 129)?;
    check_vocabulary(&rows, tokenizer.vocab_size())?;
    write_npy(out, &rows)?;

    let read = NpyTokens::open(out)?;
    println!("{} rows of {} tokens in {out}", read.rows(), read.width());
    let first = read.read_rows(0..1)?;
    println!("the first begins with {:?}", tokenizer.decode(&first.row(0)[..16])?);
    Ok(())
}
