//! Whether what a command writes is what it reads.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use settling::checkpoint::Checkpoint;

use crate::exit::Failure;

/// What a command reads: nothing of it may be written.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Files, and what they are on disk.
    files: Vec<File>,
    /// Folders of checkpoints, in which some names are read.
    folders: HashSet<PathBuf>,
}

#[derive(Debug)]
struct File {
    shown: PathBuf,
    place: PathBuf,
    identity: Option<Identity>,
}

/// What two links to one file have in common.
type Identity = (u64, u64);

/// Names that are read in the folder of a checkpoint, if they are there.
const READ: [&str; 7] = [
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "tokenizer_config.json",
];

/// How the names of files end that hold weights, tokens or settings.
const ENDS: [&str; 11] = [
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".pickle",
    ".pkl",
    ".npy",
    ".idx",
    ".index.json",
    "config.json",
];

/// Folders within folders: a suite, a model, a step, and what Hugging Face's cache has between.
const DEPTH: usize = 5;

impl Inputs {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Reads this file, if it is there.
    #[must_use]
    pub(crate) fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.add(path.as_ref());
        // Megatron's rows have their index beside them.
        if path.as_ref().extension().is_some_and(|end| end == "bin") {
            self.add(&path.as_ref().with_extension("idx"));
        }
        self
    }

    /// Reads these files.
    #[must_use]
    pub(crate) fn files(self, paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        paths.into_iter().fold(self, Self::file)
    }

    /// Reads this checkpoint.
    #[must_use]
    pub(crate) fn checkpoint(mut self, checkpoint: &Checkpoint) -> Self {
        let folder = checkpoint.folder();
        for file in checkpoint.files() {
            self.add(file);
        }
        for name in READ {
            self.add(&folder.join(name));
        }
        self.folders.insert(resolved(folder));
        self
    }

    /// Reads checkpoints in this folder and in those below it.
    #[must_use]
    pub(crate) fn checkpoints(mut self, folder: impl AsRef<Path>) -> Self {
        self.walk(folder.as_ref(), DEPTH);
        self
    }

    /// Reads checkpoints in the folders of this folder.
    #[cfg(feature = "capture")]
    #[must_use]
    pub(crate) fn checkpoints_below(self, folder: impl AsRef<Path>) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = entries.map(|entry| entry.path()).filter(|path| path.is_dir());
        folders.fold(self, Self::checkpoints)
    }

    fn add(&mut self, path: &Path) {
        let (shown, place) = (path.to_owned(), resolved(path));
        self.files.push(File { identity: identity(&place), shown, place });
    }

    fn walk(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        // A link may lead back.
        if !self.folders.insert(resolved(folder)) {
            return;
        }
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                if depth > 0 {
                    self.walk(&path, depth - 1);
                }
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if READ.contains(&&*name) || ENDS.iter().any(|end| name.ends_with(end)) {
                self.add(&path);
            }
        }
    }

    /// Refuses outputs that are inputs, by whatever path or link they are named, and files that
    /// would be taken for a part of a checkpoint once they are there.
    pub(crate) fn keep<P: AsRef<Path>>(
        &self,
        option: &str,
        outputs: impl IntoIterator<Item = P>,
    ) -> Result<(), Failure> {
        for output in outputs {
            let output = output.as_ref();
            let place = resolved(output);
            let identity = identity(&place);
            let is_output = |file: &&File| {
                file.place == place || (identity.is_some() && file.identity == identity)
            };
            if let Some(file) = self.files.iter().find(is_output) {
                return Err(Failure::usage(format!(
                    "{option}: {} would be written over {}, which is read: name another place",
                    output.display(),
                    file.shown.display()
                )));
            }
            let name = place.file_name().unwrap_or_default().to_string_lossy();
            let in_folder = place.parent().is_some_and(|parent| self.folders.contains(parent));
            if in_folder && READ.contains(&&*name) {
                return Err(Failure::usage(format!(
                    "{option}: {} would be taken for a part of the checkpoint beside it: name another place",
                    output.display()
                )));
            }
        }
        Ok(())
    }

    /// Refuses folders of results that are something that is `read`, or lie in it, or have it
    /// within.
    #[cfg(feature = "capture")]
    pub(crate) fn keep_apart(
        option: &str,
        results: impl IntoIterator<Item = impl AsRef<Path>>,
        read: &[PathBuf],
    ) -> Result<(), Failure> {
        for folder in results {
            let place = resolved(folder.as_ref());
            let meets = |one: &&PathBuf| {
                let one = resolved(one);
                place.starts_with(&one) || one.starts_with(&place)
            };
            if let Some(one) = read.iter().find(meets) {
                return Err(Failure::usage(format!(
                    "{option}: results would be written to {}, and {} is read: name another folder",
                    folder.as_ref().display(),
                    one.display()
                )));
            }
        }
        Ok(())
    }
}

/// The path without links, `.` and `..`, as far as it is there; what is not there yet follows by
/// its name. A link that leads to nothing yet is followed, too.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // As many as Linux follows.
    follow(&absolute, 40)
}

fn follow(path: &Path, links: usize) -> PathBuf {
    if let Ok(place) = path.canonicalize() {
        return place;
    }
    let Some(parent) = path.parent() else { return path.to_owned() };
    let parent = follow(parent, links);
    let place = match path.components().next_back() {
        Some(Component::ParentDir) => {
            return parent.parent().map_or(parent.clone(), Path::to_owned);
        }
        Some(Component::CurDir) | None => return parent,
        Some(name) => parent.join(name),
    };
    match fs::read_link(&place) {
        Ok(target) if links > 0 => follow(&parent.join(target), links - 1),
        _ => place,
    }
}

/// What the file is on disk, where the system tells.
fn identity(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn refused(inputs: &Inputs, output: &Path) -> bool {
        match inputs.keep("--out", [output]) {
            Ok(()) => false,
            Err(error) => {
                assert_eq!(error.exit, Exit::Usage);
                assert!(error.message.starts_with("--out: "), "{error}");
                true
            }
        }
    }

    #[test]
    fn an_input_is_known_by_every_path_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("in")).unwrap();
        fs::write(at("in/rows.npy"), "rows").unwrap();
        let inputs = Inputs::new().file(at("in/rows.npy"));
        for same in ["in/rows.npy", "in/./rows.npy", "in/../in/rows.npy", "new/../in/rows.npy"] {
            assert!(refused(&inputs, &at(same)), "{same}");
        }
        assert!(!refused(&inputs, &at("in/other.npy")) && !refused(&inputs, &at("rows.npy")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(at("in"), at("link")).unwrap();
            symlink(at("in/rows.npy"), at("file-link")).unwrap();
            fs::hard_link(at("in/rows.npy"), at("hard-link")).unwrap();
            for same in ["link/rows.npy", "file-link", "hard-link"] {
                assert!(refused(&inputs, &at(same)), "{same}");
            }
            // An input that is itself a link, and one that is not there yet.
            let inputs = Inputs::new().file(at("file-link")).file(at("later.npy"));
            symlink(at("later.npy"), at("to-later")).unwrap();
            for same in ["in/rows.npy", "later.npy", "to-later", "link/../later.npy"] {
                assert!(refused(&inputs, &at(same)), "{same}");
            }
        }
    }

    #[test]
    fn rows_of_megatron_have_their_index_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = Inputs::new().file(folder.path().join("rows.bin"));
        assert!(refused(&inputs, &folder.path().join("rows.idx")));
    }

    #[test]
    fn what_a_checkpoint_is_read_from_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("step1")).unwrap();
        fs::write(at("step1/model-1.safetensors"), "").unwrap();
        fs::write(at("step1/audit.json"), "").unwrap();
        let inputs = Inputs::new().checkpoints(folder.path());
        assert!(refused(&inputs, &at("step1/model-1.safetensors")));
        // Not there, and read as soon as it is.
        assert!(refused(&inputs, &at("step1/model.safetensors")));
        assert!(refused(&inputs, &at("step1/config.json")));
        assert!(!refused(&inputs, &at("step1/audit.json")));
        assert!(!refused(&inputs, &at("step1/x.safetensors")));
    }

    #[cfg(feature = "capture")]
    #[test]
    fn results_and_checkpoints_are_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let suite = folder.path().join("suite");
        fs::create_dir_all(suite.join("m/step0")).unwrap();
        let apart = |results: &str| {
            let results = folder.path().join(results);
            Inputs::keep_apart("--out", [results], &[suite.join("m")]).is_ok()
        };
        assert!(apart("out/m") && apart("suite/results/m"));
        assert!(!apart("suite/m") && !apart("suite/m/m") && !apart("suite") && !apart("."));
    }
}
