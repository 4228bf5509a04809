//! Whether tensors are what they have to be for a model: of one, and not of another kind.

use std::path::Path;

use settling_core::TensorMeta;
use settling_models::Architecture;

use super::weight_file::WeightFile;
use crate::error::{Error, ErrorKind};

/// Whether the tensors can be the weights of one model of this architecture.
pub(super) fn check_meaning(
    folder: &Path,
    files: &[WeightFile],
    tensors: &[TensorMeta],
    architecture: &Architecture,
) -> Result<(), Error> {
    let models = architecture.ambiguous_models(tensors);
    if !models.is_empty() {
        let shown = |start: &String| match start.trim_end_matches('.') {
            "" => "the one without a name before its own".to_owned(),
            name => format!("`{}`", name.escape_debug()),
        };
        let models: Vec<_> = models.iter().take(20).map(shown).collect();
        let message = format!(
            "has the weights of several models, and none is named as the one that is meant: {}; choose one (--part of the program, Checkpoint::part)",
            models.join(", ")
        );
        return Err(Error::at(ErrorKind::Format, folder, message));
    }
    for file in files {
        if let Some((key, value)) = file.other_meaning() {
            let value: String = value.chars().take(80).collect();
            let message = format!(
                "its metadata have `{}`: `{}`; expected weights as PyTorch has them: load it with what has written it, and save them as such",
                key.escape_debug(),
                value.escape_debug(),
            );
            return Err(Error::at(ErrorKind::Format, file.path(), message));
        }
    }
    Ok(())
}
