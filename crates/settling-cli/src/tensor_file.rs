//! A safetensors file that is written while its tensors are made: nothing of them is held in
//! memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use settling::core::MatView;

use crate::exit::Failure;

/// A file that is being written beside its place under another name, and appears there whole or not
/// at all.
pub(crate) struct TensorFile {
    path: PathBuf,
    /// Until it has got its name.
    partial: Option<PathBuf>,
    file: File,
    tensors: BTreeMap<String, Slot>,
}

/// Where in the file the next rows of a tensor go, and where the tensor ends.
struct Slot {
    next: u64,
    end: u64,
}

impl TensorFile {
    /// Starts a file of f32 tensors, each with its name and shape; `definitions` go into its head.
    pub(crate) fn create(
        path: &Path,
        tensors: &[(String, [usize; 2])],
        definitions: &[(&str, String)],
    ) -> Result<Self, Failure> {
        let definitions =
            definitions.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        let mut head = Map::new();
        head.insert("__metadata__".to_owned(), Value::Object(definitions.collect()));
        let mut slots = BTreeMap::new();
        let mut end = 0;
        for (name, [rows, cols]) in tensors {
            let start = end;
            end += 4 * (*rows as u64) * (*cols as u64);
            let value =
                json!({ "dtype": "F32", "shape": [rows, cols], "data_offsets": [start, end] });
            head.insert(name.clone(), value);
            slots.insert(name.clone(), Slot { next: start, end });
        }
        let mut head = Value::Object(head).to_string().into_bytes();
        // The format wants the data aligned.
        head.resize(head.len().next_multiple_of(8), b' ');
        let data = 8 + head.len() as u64;
        for slot in slots.values_mut() {
            slot.next += data;
            slot.end += data;
        }

        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let partial = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        let fault = |error: io::Error| Failure::output(path, &error);
        let file = File::create(&partial).map_err(fault)?;
        let mut whole =
            Self { path: path.to_owned(), partial: Some(partial), file, tensors: slots };
        let length = (head.len() as u64).to_le_bytes();
        let written = whole.file.write_all(&length).and_then(|()| whole.file.write_all(&head));
        written.map_err(fault)?;
        Ok(whole)
    }

    /// Adds rows to a tensor.
    ///
    /// # Panics
    ///
    /// If the file has no such tensor, or no room for as many rows of it.
    pub(crate) fn append(&mut self, name: &str, rows: MatView<'_>) -> Result<(), Failure> {
        let slot = self.tensors.get_mut(name).unwrap_or_else(|| panic!("no tensor `{name}`"));
        let bytes: Vec<u8> =
            rows.iter_rows().flatten().flat_map(|value| value.to_le_bytes()).collect();
        let start = slot.next;
        slot.next += bytes.len() as u64;
        assert!(slot.next <= slot.end, "more rows of `{name}` than its shape says");
        let written =
            self.file.seek(SeekFrom::Start(start)).and_then(|_| self.file.write_all(&bytes));
        written.map_err(|error| Failure::output(&self.path, &error))
    }

    /// Brings the file to disk and gives it its name.
    ///
    /// # Panics
    ///
    /// If rows are missing.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        for (name, slot) in &self.tensors {
            assert_eq!(slot.next, slot.end, "rows of `{name}` are missing");
        }
        if let Some(partial) = &self.partial {
            let renamed = self.file.sync_all().and_then(|()| fs::rename(partial, &self.path));
            renamed.map_err(|error| Failure::output(&self.path, &error))?;
        }
        self.partial = None;
        Ok(())
    }
}

impl Drop for TensorFile {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            let _ = fs::remove_file(partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use settling::checkpoint::Checkpoint;
    use settling::core::TensorSource;

    #[test]
    fn tensors_arrive_piece_by_piece_and_the_file_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let shapes = [("b".to_owned(), [3, 2]), ("a".to_owned(), [2, 1])];
        let mut file = TensorFile::create(&path, &shapes, &[("rows", "7 \"ü\"".into())]).unwrap();
        file.append("b", MatView::new(&[1.0, 2.0], 1, 2)).unwrap();
        file.append("a", MatView::new(&[7.0, 8.0], 2, 1)).unwrap();
        file.append("b", MatView::with_row_stride(&[3.0, 4.0, 0.0, 5.0, 6.0], 2, 2, 3)).unwrap();
        assert!(!path.exists());
        file.finish().unwrap();

        let read = Checkpoint::open_file(&path).unwrap();
        let values = |name| read.read(name).unwrap().to_f32().unwrap();
        assert_eq!(values("a"), [7.0, 8.0]);
        assert_eq!(values("b"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(read.read("b").unwrap().shape(), [3, 2]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_is_given_up_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        fs::write(&path, "before").unwrap();
        drop(TensorFile::create(&path, &[("a".to_owned(), [2, 1])], &[]).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("none/x.safetensors");
        let error = TensorFile::create(&nowhere, &[], &[]).err().unwrap();
        assert_eq!(error.exit, crate::exit::Exit::Output);
        assert!(error.message.contains("none/x.safetensors"), "{error}");
    }
}
