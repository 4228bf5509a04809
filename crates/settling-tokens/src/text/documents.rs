//! Text files and JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, ErrorKind};
use crate::ranges::format_of;

/// How many characters of a field's name a message shows.
const LONGEST_NAME: usize = 40;

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
    let text = std::str::from_utf8(without_mark(&content)).map_err(|error| {
        let place = error.valid_up_to() + content.len() - without_mark(&content).len();
        let cause = format_of(&content).map(|format| format!(": it is {format}"));
        let message = format!("byte {place} is not UTF-8{}", cause.unwrap_or_default());
        Error::at(ErrorKind::Format, path, message)
    })?;
    Ok(Document { name: path.display().to_string(), text: text.to_owned() })
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
        let line = if number == 1 { without_mark(&bytes) } else { &bytes };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let fault = |message: String| {
            Error::at(ErrorKind::Format, path, format!("line {number}: {message}"))
        };
        let value: Value = serde_json::from_slice(line).map_err(|error| {
            let cause = format_of(line).filter(|_| number == 1);
            let cause = cause.map_or(String::new(), |format| format!(": the file is {format}"));
            fault(format!("expected a JSON object, found {error}{cause}"))
        })?;
        let Value::Object(mut object) = value else {
            let found = kind(&value);
            return Err(fault(format!("expected a JSON object, found {found}: one on each line")));
        };
        let text = match object.remove(field) {
            Some(Value::String(text)) => text,
            Some(other) => {
                let found = kind(&other);
                return Err(fault(format!("expected a string in `{field}`, found {found}")));
            }
            None => {
                let short = |key: &String| key.chars().take(LONGEST_NAME).collect();
                let fields: Vec<String> = object.keys().take(8).map(short).collect();
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

/// Some editors begin a file with a mark that is no text.
pub(super) fn without_mark(content: &[u8]) -> &[u8] {
    content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content)
}
