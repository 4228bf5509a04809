//! Reads the checkpoints of a training run, tensor by tensor, from Hugging Face's files.
//!
//! # Should you use this crate?
//!
//! Yes, if you want tensors of checkpoints on disk from Rust and care what happens when a file is
//! not what it should be: every claim of a header is checked against the file before it is
//! believed, and a message names the file and the tensor. One tensor is read without the others
//! (peak memory is the tensor), by plain reads and not by a memory map, so a file that is cut while
//! it is open is an error and not a crash. It opens no sockets.
//!
//! Two families of formats are read, in one file or in shards under an index: safetensors, and what
//! PyTorch writes, which is zip archives since PyTorch 1.6, rows of pickles before, and a pickle
//! with such rows within it when tensors are saved by Python's `pickle.dump`. A pickle is a
//! program; here it is interpreted by a machine that knows the functions that rebuild tensors and
//! refuses every other name, so that nothing in a file is ever executed, whatever its origin. What
//! is not read says what it is and what to do: TorchScript, whole pickled modules, tar archives.
//! The details are at [`Checkpoint`].
//!
//! - [`Checkpoint`]: a folder with `config.json` and weights, or a single file of weights.
//! - [`StepDirectories`]: a folder of folders `step<N>`, or named by another [`StepPattern`].
//! - [`HubCache`]: what Hugging Face's libraries have downloaded of a model, one step a revision.
//! - [`PicoDynamics`]: the weights, gradients and activations that Pico's trainer saves at every
//!   step.
//! - [`Audit`]: whether the checkpoints of a series are what their names say. Do this first:
//!   published series have had the final weights, or one shard of them, under the names of other
//!   steps.
//! - [`content_hash`] and [`TensorHashes`]: what makes two checkpoints the same.
//! - [`write_safetensors`]: writes a file that appears whole or not at all.
#![forbid(unsafe_code)]

mod audit;
mod checkpoint;
mod error;
mod files;
mod formats;
mod hash;
mod series;

pub use audit::{
    Audit, AuditReport, AuditedStep, ChangedSetting, Finding, FindingKind, ListedFile, Severity,
    Verdict, paper_steps, pythia_steps,
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
