//! Text into token rows, and rows held to a vocabulary.

mod documents;
mod ending;
mod tokenizer;
mod vocabulary;

pub use documents::{Document, read_json_lines, read_text_files};
pub use tokenizer::Tokenizer;
pub use vocabulary::check_vocabulary;
