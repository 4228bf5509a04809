//! One binary, so that libtorch is linked once: models against Hugging Face transformers, and
//! singular values and CKA on a device.

mod configurations;
mod faults;
mod golden;
mod linalg;
mod model;
mod precision;
mod selection;
mod settings;
mod support;
mod tensors;
