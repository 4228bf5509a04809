//! Writes a safetensors file, whole or not at all.

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use safetensors::tensor::View;
use settling_core::{Dtype, TensorData};

use crate::error::{Error, ErrorKind};

/// Writes tensors as a safetensors file that appears whole or not at all: it is written beside its
/// place under another name, brought to disk, and renamed.
///
/// # Errors
///
/// If the file cannot be written, or a name occurs twice.
pub fn write_safetensors(
    path: impl AsRef<Path>,
    tensors: &[(String, TensorData<'_>)],
) -> Result<(), Error> {
    write_path(path.as_ref(), tensors)
}

/// Sets apart what two threads write at the same time.
static COUNTER: AtomicU64 = AtomicU64::new(0);

fn write_path(path: &Path, tensors: &[(String, TensorData<'_>)]) -> Result<(), Error> {
    let mut names: Vec<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::at(
            ErrorKind::Format,
            path,
            format!("tensor `{}` occurs twice", twice[0]),
        ));
    }
    let views =
        tensors.iter().map(|(name, data)| Ok((name.as_str(), Borrowed::new(path, name, data)?)));
    let views = views.collect::<Result<Vec<_>, Error>>()?;
    let bytes = safetensors::serialize(views, None)
        .map_err(|error| Error::at(ErrorKind::Format, path, error))?;

    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = format!("{}.{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    let partial = path.with_file_name(format!(".{name}.{unique}.partial"));
    let write = || {
        let mut file = fs::File::create(&partial)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&partial);
        Error::io("write", path, error)
    })
}

struct Borrowed<'a> {
    dtype: safetensors::Dtype,
    data: &'a TensorData<'a>,
}

impl<'a> Borrowed<'a> {
    fn new(path: &Path, name: &str, data: &'a TensorData<'_>) -> Result<Self, Error> {
        let dtype = match data.dtype() {
            Dtype::Bool => safetensors::Dtype::BOOL,
            Dtype::U8 => safetensors::Dtype::U8,
            Dtype::I8 => safetensors::Dtype::I8,
            Dtype::U16 => safetensors::Dtype::U16,
            Dtype::I16 => safetensors::Dtype::I16,
            Dtype::U32 => safetensors::Dtype::U32,
            Dtype::I32 => safetensors::Dtype::I32,
            Dtype::U64 => safetensors::Dtype::U64,
            Dtype::I64 => safetensors::Dtype::I64,
            Dtype::F16 => safetensors::Dtype::F16,
            Dtype::Bf16 => safetensors::Dtype::BF16,
            Dtype::F32 => safetensors::Dtype::F32,
            Dtype::F64 => safetensors::Dtype::F64,
            other => {
                let message = format!("tensor `{name}`: the format has no element type {other}");
                return Err(Error::at(ErrorKind::Dtype, path, message));
            }
        };
        Ok(Self { dtype, data })
    }
}

impl View for Borrowed<'_> {
    fn dtype(&self) -> safetensors::Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.data.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.data.bytes())
    }

    fn data_len(&self) -> usize {
        self.data.bytes().len()
    }
}
