//! Text files and JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, ErrorKind};

/// A text and where it is from; [`Tokenizer::pack`](crate::Tokenizer::pack) takes documents as they
/// are.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// The path of its file, followed by `:` and the line if it is one of many in it.
    pub name: String,
    /// Its content.
    pub text: String,
}

impl AsRef<str> for Document {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Reads text files in UTF-8, one document per file, in the order given.
///
/// # Errors
///
/// If a file cannot be read or is not UTF-8.
pub fn read_text_files<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Document>, Error> {
    paths.iter().map(|path| read_text_file(path.as_ref())).collect()
}

fn read_text_file(path: &Path) -> Result<Document, Error> {
    let content = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
    let text = String::from_utf8(content).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Error::at(ErrorKind::Format, path, format!("byte {place} is not UTF-8"))
    })?;
    Ok(Document { name: path.display().to_string(), text: without_mark(text) })
}

/// Reads JSON lines: one object per line, whose string in `field` is a document. Empty lines are
/// passed over.
///
/// ```
/// use settling_tokens::{Tokenizer, read_json_lines};
///
/// # let path = std::env::temp_dir().join(format!("settling-lines-{}.jsonl", std::process::id()));
/// std::fs::write(&path, "{\"text\": \"to be\"}\n{\"text\": \"or not\", \"id\": 2}\n")?;
/// let documents = read_json_lines(&path, "text")?;
/// # std::fs::remove_file(&path)?;
/// assert_eq!(documents[1].text, "or not");
///
/// # let trained = settling_testkit::train_tokenizer(&documents, 257).unwrap();
/// # std::fs::write(path.with_extension("json"), trained)?;
/// let tokenizer = Tokenizer::from_file(path.with_extension("json"))?;
/// # std::fs::remove_file(path.with_extension("json"))?;
/// let rows = tokenizer.pack(&documents, 4)?;
/// assert_eq!(rows.rows(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If the file cannot be read, a line is not UTF-8 or no JSON object, or the field is missing or no
/// string; the line is named.
pub fn read_json_lines(path: impl AsRef<Path>, field: &str) -> Result<Vec<Document>, Error> {
    read_lines(path.as_ref(), field)
}

fn read_lines(path: &Path, field: &str) -> Result<Vec<Document>, Error> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut documents = Vec::new();
    let mut bytes = Vec::new();
    for number in 1_usize.. {
        bytes.clear();
        let read =
            file.read_until(b'\n', &mut bytes).map_err(|error| Error::io("read", path, error))?;
        if read == 0 {
            break;
        }
        let line = match number {
            1 => bytes.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(&bytes),
            _ => &bytes,
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let fault = |message: String| {
            Error::at(ErrorKind::Format, path, format!("line {number}: {message}"))
        };
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| fault(format!("expected a JSON object, found {error}")))?;
        let Value::Object(mut object) = value else {
            return Err(fault(format!("expected a JSON object, found {}", kind(&value))));
        };
        let text = match object.remove(field) {
            Some(Value::String(text)) => text,
            Some(other) => {
                let found = kind(&other);
                return Err(fault(format!("expected a string in `{field}`, found {found}")));
            }
            None => {
                let fields: Vec<_> = object.keys().take(8).map(String::as_str).collect();
                let found = fields.join("`, `");
                return Err(fault(format!("no field `{field}`: found `{found}`")));
            }
        };
        documents.push(Document { name: format!("{}:{number}", path.display()), text });
    }
    Ok(documents)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Some editors begin a file with a mark that is no text.
fn without_mark(text: String) -> String {
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}
