//! Whether tensors are what they have to be for a model: of one, and not of another kind.

use std::path::Path;

use settling_core::{Dtype, TensorMeta};
use settling_models::{Architecture, Inventory};

use super::weight_file::WeightFile;
use crate::error::{Error, ErrorKind};

/// Whether the tensors can be the weights of one model of this architecture.
pub(super) fn check_meaning(
    folder: &Path,
    files: &[WeightFile],
    tensors: &[TensorMeta],
    architecture: &Architecture,
    config: &str,
) -> Result<(), Error> {
    let models = architecture.ambiguous_models(tensors);
    if !models.is_empty() {
        let shown = |start: &String| match start.trim_end_matches('.') {
            "" => "the one without a name before its own".to_owned(),
            name => format!("`{}`", name.escape_debug()),
        };
        let models: Vec<_> = models.iter().take(20).map(shown).collect();
        let message = format!(
            "has the weights of several models, and none is named as the one that is meant: {}; choose one with Checkpoint::part",
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
    check_quantization(folder, tensors, architecture, config)
}

/// A quantized model keeps the configuration of the one that it was made from, and has integers or
/// short floats and their scales in place of weights.
fn check_quantization(
    folder: &Path,
    tensors: &[TensorMeta],
    architecture: &Architecture,
    config: &str,
) -> Result<(), Error> {
    let Some(how) = quantization(config) else { return Ok(()) };
    let inventory = Inventory::new(tensors, architecture);
    let is_float = |dtype| matches!(dtype, Dtype::F16 | Dtype::Bf16 | Dtype::F32 | Dtype::F64);
    if inventory.is_complete() && inventory.weights.iter().all(|meta| is_float(meta.dtype)) {
        return Ok(());
    }
    let message = format!(
        "the model is quantized ({how}), and its files do not have the weights themselves: use the model that it was made from, or save model.dequantize()"
    );
    let path = folder.join("config.json");
    Err(Error::at(ErrorKind::UnsupportedArchitecture, &path, message))
}

fn quantization(config: &str) -> Option<String> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    let settings = config.get("quantization_config")?.as_object()?;
    let method = settings.get("quant_method").and_then(serde_json::Value::as_str);
    Some(method.unwrap_or("quantization_config").escape_debug().take(80).collect())
}
