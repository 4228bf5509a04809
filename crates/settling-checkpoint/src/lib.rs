//! Reads the checkpoints of a training run, tensor by tensor, from Hugging Face's files.
//!
//! # Should you use this crate?
//!
//! Yes, if you want tensors of checkpoints on disk from Rust and care what happens when a file is
//! not what it should be. Every claim of a header is checked against the file before it is
//! believed, and a message names the file and the tensor. One tensor is read without the others, so
//! that peak memory is the tensor. Files are read and not mapped into memory: a file that is cut
//! while it is open is an error, not a crash. This crate opens no sockets.
//!
//! # Formats
//!
//! Two families of formats are read, in one file or in shards under an index: safetensors, and what
//! PyTorch writes. The latter is a zip archive since PyTorch 1.6, and was a row of pickles before;
//! tensors saved by Python's `pickle.dump` are a pickle with such rows within it. A pickle is a
//! program. It is interpreted by a machine that knows the functions that rebuild tensors and calls
//! nothing, so that nothing in a file is ever executed, whatever its origin; a value that is no
//! tensor is passed over, whatever it is. For a format that is not read (TorchScript, whole pickled
//! modules, tar archives, GGUF, `.distcp` folders) the error says what it is and what to do. The
//! details are at [`Checkpoint`].
//!
//! # Where to begin
//!
//! | you have, or want | use |
//! |---|---|
//! | a folder with `config.json` and weights, or a single file of weights | [`Checkpoint`] |
//! | a folder of folders `step<N>`, or named by another [`StepPattern`] | [`StepDirectories`] |
//! | what Hugging Face's libraries have downloaded of a model, one step per revision | [`HubCache`] |
//! | the weights, gradients and activations that Pico's trainer saves at every step | [`PicoDynamics`] |
//! | to know whether the checkpoints of a series are what their names say | [`Audit`] |
//! | to know whether two checkpoints are the same | [`content_hash`], [`TensorHashes`] |
//! | to write a file that appears whole or not at all | [`write_safetensors`] |
//!
//! Run an audit first: published series have had the final weights, or one shard of them, under the
//! names of other steps.
#![forbid(unsafe_code)]

mod audit;
mod checkpoint;
mod error;
mod files;
mod formats;
mod hash;
mod series;

pub use audit::{
    Audit, AuditReport, AuditedStep, ChangedSetting, Finding, FindingKind, FindingName, ListedFile,
    Severity, Verdict, paper_steps, pythia_steps,
};
pub use checkpoint::Checkpoint;
pub use error::{Error, ErrorKind};
pub use formats::write_safetensors;
pub use hash::{TensorHash, TensorHashes, content_hash};
pub use series::{
    HubCache, PicoCommit, PicoContent, PicoDynamics, PicoSplit, StepDirectories, StepPattern,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
