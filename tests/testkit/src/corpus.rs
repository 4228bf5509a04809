//! Text to train on: source code that is the same on every machine.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// A folder of source files, with a label that stands for it wherever it lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceTree {
    /// What names the folder on every machine: a package and its version, say.
    pub label: String,
    /// Where it is on this one.
    pub folder: PathBuf,
}

/// A text and where it is from; `settling_tokens::Tokenizer::pack` takes documents as they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// In a [`SourceTree`] its label and the path in it, with `/`; else the path, followed
    /// by the line if it is one of many.
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
/// use settling_testkit::{SourceTree, read_documents};
///
/// let tree = SourceTree { label: "settling-0.1.0".to_owned(), folder: "crates/settling".into() };
/// let documents = read_documents(&[tree], "rs", 4 << 20, 1234)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_documents(
    trees: &[SourceTree],
    extension: &str,
    bytes: usize,
    seed: u64,
) -> io::Result<Vec<Document>> {
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
        let content = fs::read(&path)?;
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
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A name that is not UTF-8 has no place in an order that is the same on every machine.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{label}/{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(&path, &name, extension, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|found| found == extension) {
            let length = entry.metadata()?.len();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_the_same_wherever_the_folders_lie() {
        let folder = tempfile::tempdir().unwrap();
        let mut lists = Vec::new();
        for place in ["here", "there/deeper"] {
            let root = folder.path().join(place);
            fs::create_dir_all(root.join("src")).unwrap();
            for index in 0..20 {
                fs::write(root.join(format!("src/{index}.rs")), format!("// file {index}\n"))
                    .unwrap();
            }
            fs::write(root.join("src/binary.rs"), [0xff, 0xfe]).unwrap();
            fs::write(root.join("notes.md"), "not Rust").unwrap();
            fs::write(root.join("generated.rs"), "x".repeat(300 << 10)).unwrap();
            let tree = SourceTree { label: "package-1.0".to_owned(), folder: root };
            lists.push(read_documents(std::slice::from_ref(&tree), "rs", usize::MAX, 7).unwrap());
            let other_seed =
                read_documents(std::slice::from_ref(&tree), "rs", usize::MAX, 8).unwrap();
            assert_ne!(other_seed, *lists.last().unwrap());
            assert_eq!(
                read_documents(&[tree], "rs", 25, 7).unwrap().len(),
                3,
                "10 or 11 bytes each, until 25"
            );
        }
        assert_eq!(lists[0], lists[1]);
        assert_eq!(lists[0].len(), 20);
        assert!(lists[0][0].name.starts_with("package-1.0/src/"));
    }
}
