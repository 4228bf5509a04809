//! Text into token rows, and rows held to a vocabulary.

mod documents;
mod tokenizer;
mod vocabulary;

pub use documents::{Document, read_json_lines, read_text_files};
pub use tokenizer::{END_OF_TEXT, Tokenizer};
pub use vocabulary::check_vocabulary;
