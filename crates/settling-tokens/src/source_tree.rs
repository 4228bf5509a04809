use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A folder of source files, with a label that stands for it wherever it lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceTree {
    /// What names the folder on every machine: a package and its version, say.
    pub label: String,
    /// Where it is on this one.
    pub folder: PathBuf,
}

/// A text and where it is from; [`Tokenizer::pack`](crate::Tokenizer::pack) takes documents as they
/// are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// In a [`SourceTree`] its label and the path in it, with `/`; else the path, with the line
    /// behind it if it is of one.
    pub name: String,
    /// Its content.
    pub text: String,
}

impl AsRef<str> for Document {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Files above this size are mostly generated.
const LARGEST_FILE: u64 = 256 << 10;

/// Reads source files with the extension `extension` until `bytes` bytes of text are gathered, or
/// all if there are fewer.
///
/// The choice and the order depend on the names of the files, the seed and nothing else: not on
/// where the folders lie or in which order the file system lists them. Files above 256 KiB (mostly
/// generated) and files that are not UTF-8 are passed over; links are not followed.
///
/// # Errors
///
/// If a folder or a file cannot be read.
///
/// ```no_run
/// use settling_tokens::{SourceTree, read_documents};
///
/// let tree = SourceTree { label: "settling-0.1.0".to_owned(), folder: "crates/settling".into() };
/// let documents = read_documents(&[tree], "rs", 4 << 20, 1234)?;
/// # Ok::<(), settling_tokens::Error>(())
/// ```
pub fn read_documents(
    trees: &[SourceTree],
    extension: &str,
    bytes: usize,
    seed: u64,
) -> Result<Vec<Document>, Error> {
    let mut files = Vec::new();
    for tree in trees {
        list(&tree.folder, &tree.label, extension, &mut files)?;
    }
    // By hash and then by name: a random order that is the same everywhere.
    files.sort_by_cached_key(|(name, _)| (hash(name, seed), name.clone()));
    let mut documents = Vec::new();
    let mut gathered = 0;
    for (name, path) in files {
        if gathered >= bytes {
            break;
        }
        let content = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
        if let Ok(text) = String::from_utf8(content) {
            gathered += text.len();
            documents.push(Document { name, text });
        }
    }
    Ok(documents)
}

fn list(
    folder: &Path,
    label: &str,
    extension: &str,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Error> {
    let io = |error| Error::io("read", folder, error);
    for entry in fs::read_dir(folder).map_err(io)? {
        let entry = entry.map_err(io)?;
        let path = entry.path();
        // A name that is not UTF-8 has no place in an order that is the same on every machine.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{label}/{name}");
        let kind = entry.file_type().map_err(io)?;
        if kind.is_dir() {
            list(&path, &name, extension, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|found| found == extension) {
            let length = entry.metadata().map_err(io)?.len();
            if length <= LARGEST_FILE {
                files.push((name, path));
            }
        }
    }
    Ok(())
}

/// FNV-1a, finished by the mixer of SplitMix64 (FNV alone keeps similar names close together).
fn hash(name: &str, seed: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    let mixed = name
        .bytes()
        .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
