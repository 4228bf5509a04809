//! Which files of a revision are the checkpoint.

use std::collections::HashSet;

use crate::listing::{FileHash, RemoteFile};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Safetensors,
    Pytorch,
}

impl Format {
    pub(super) const ALL: [Self; 2] = [Self::Safetensors, Self::Pytorch];

    pub(super) fn single(self) -> &'static str {
        match self {
            Self::Safetensors => "model.safetensors",
            Self::Pytorch => "pytorch_model.bin",
        }
    }

    /// The files of a revision that hold its weights in this format; none, if it has no such.
    fn of(self, files: &[RemoteFile]) -> Vec<RemoteFile> {
        let named = |name: &str| files.iter().find(|file| file.path == name).cloned();
        if let Some(single) = named(self.single()) {
            return vec![single];
        }
        let Some(index) = named(&format!("{}.index.json", self.single())) else {
            return Vec::new();
        };
        std::iter::once(index)
            .chain(files.iter().filter(|file| self.is_shard(file)).cloned())
            .collect()
    }

    fn is_shard(self, file: &RemoteFile) -> bool {
        let (start, end) = match self {
            Self::Safetensors => ("model-", ".safetensors"),
            Self::Pytorch => ("pytorch_model-", ".bin"),
        };
        file.path.starts_with(start) && file.path.ends_with(end) && !file.path.contains('/')
    }
}

/// Whether a file is of a checkpoint's weights: whole, or a shard.
pub(super) fn is_weights(file: &RemoteFile) -> bool {
    Format::ALL.into_iter().any(|format| file.path == format.single() || format.is_shard(file))
}

/// The files with the weights, for each revision's files: in one format for all, if that can be.
pub(super) fn choose(revisions: &[Vec<RemoteFile>]) -> Vec<Vec<RemoteFile>> {
    let by_format = Format::ALL
        .map(|format| revisions.iter().map(|files| format.of(files)).collect::<Vec<_>>());
    let everywhere =
        by_format.iter().filter(|weights| weights.iter().all(|files| !files.is_empty()));
    // Of equals, `max_by_key` takes the last.
    if let Some(best) = everywhere.rev().max_by_key(|weights| different(weights)) {
        return best.clone();
    }
    let [safetensors, pytorch] = by_format;
    let either = safetensors.into_iter().zip(pytorch);
    either
        .map(|(safetensors, pytorch)| if safetensors.is_empty() { pytorch } else { safetensors })
        .collect()
}

/// How many different contents there are.
fn different(weights: &[Vec<RemoteFile>]) -> usize {
    let contents =
        weights.iter().map(|files| files.iter().map(|file| &file.hash).collect::<Vec<&FileHash>>());
    contents.collect::<HashSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: char) -> RemoteFile {
        let hash = FileHash::Sha256(content.to_string().repeat(64));
        RemoteFile { path: path.to_owned(), size: 1, hash }
    }

    fn paths(chosen: &[Vec<RemoteFile>]) -> Vec<Vec<&str>> {
        chosen.iter().map(|files| files.iter().map(|file| file.path.as_str()).collect()).collect()
    }

    #[test]
    fn one_format_is_read_and_safetensors_first() {
        let both =
            |content| vec![file("model.safetensors", content), file("pytorch_model.bin", content)];
        assert_eq!(
            paths(&choose(&[both('a'), both('b')])),
            [["model.safetensors"], ["model.safetensors"]]
        );
        let bin = |content| vec![file("pytorch_model.bin", content)];
        assert_eq!(
            paths(&choose(&[bin('a'), both('b')])),
            [["pytorch_model.bin"], ["pytorch_model.bin"]]
        );
    }

    #[test]
    fn a_converted_copy_of_other_steps_is_not_read() {
        // The safetensors of every step are those of the last one.
        let step =
            |content| vec![file("model.safetensors", 'z'), file("pytorch_model.bin", content)];
        let chosen = choose(&[step('a'), step('b'), step('z')]);
        assert_eq!(paths(&chosen), [["pytorch_model.bin"]; 3]);
    }

    #[test]
    fn without_a_common_format_each_is_read_as_it_is() {
        let (safetensors, bin) =
            (vec![file("model.safetensors", 'a')], vec![file("pytorch_model.bin", 'b')]);
        let none = vec![file("README.md", 'c'), file("training_args.bin", 'd')];
        let chosen = choose(&[safetensors, bin, none]);
        assert_eq!(paths(&chosen), [vec!["model.safetensors"], vec!["pytorch_model.bin"], vec![]]);
    }

    #[test]
    fn shards_come_with_their_index() {
        let files = vec![
            file("old/pytorch_model-00001-of-00002.bin", 'e'),
            file("pytorch_model-00001-of-00002.bin", 'a'),
            file("pytorch_model-00002-of-00002.bin", 'b'),
            file("pytorch_model.bin.index.json", 'c'),
        ];
        let expected = [
            "pytorch_model.bin.index.json",
            "pytorch_model-00001-of-00002.bin",
            "pytorch_model-00002-of-00002.bin",
        ];
        assert_eq!(paths(&choose(&[files])), [expected]);
    }
}
