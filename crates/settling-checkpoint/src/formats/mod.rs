//! The formats of weights: what is in one file, its claims checked against its bytes.

mod fault;
mod pytorch;
mod safetensors_file;
mod write;

pub(crate) use fault::Fault;
pub(crate) use pytorch::PytorchFile;
pub(crate) use safetensors_file::SafetensorsFile;
pub use write::write_safetensors;
