//! The vocabulary and the narrow traits that the `settling` crates compose through.
//!
//! # Should you depend on this crate?
//!
//! If you want numbers, depend on the crate that computes them (`settling-rank`, `settling-cka`, `settling-mcc`), or on the
//! facade `settling` for a whole study. Depend on this one when you *implement* a piece: your own checkpoint format, your own
//! model, your own similarity measure. It has no dependencies, does no I/O (but for reading a
//! [`LocalFile`]) and contains no unsafe code, so it costs nothing and
//! changes rarely.
//!
//! # The words
//!
//! | word | meaning |
//! |---|---|
//! | [`Step`] | how many optimizer updates a checkpoint has seen |
//! | [`Component`] | Attention or MLP |
//! | [`View`] | which map of the component is looked at |
//! | [`Site`] | layer, component and view: one place in a model where something is measured |
//! | [`Signal`] | activation, weight or gradient |
//! | [`GptNeox`] | the architecture of a model: its sizes, and the names and shapes of its weights |
//! | [`Positions`] | which token positions of a sequence count as observations |
//!
//! # The traits
//!
//! | trait | question it answers | implemented by |
//! |---|---|---|
//! | [`TensorSource`] | what tensors has this checkpoint, and what is in one? | `settling-checkpoint` |
//! | [`CheckpointSeries`] | which steps are there, and how is one opened? | `settling-checkpoint` |
//! | [`ReadRange`] | which bytes are where, in a file here or on a server? | [`LocalFile`], `settling-hub` |
//! | [`TokenSource`] | which token rows are evaluated? | `settling-tokens` |
//! | [`Capture`], [`Gradients`] | what does the model write, and how would training change it? | `settling-capture` |
//! | [`CaptureSink`] | who takes the captured rows? | any closure |
//! | [`SingularValues`] | what is the spectrum of this matrix? | `settling-rank` |
//! | [`PairAccumulator`] | how similar are two streams of rows? | `settling-cka` |
//!
//! Matrices are row-major with rows as observations everywhere: [`MatView`].
#![forbid(unsafe_code)]

mod capture;
mod mat;
mod measure;
mod neox;
mod ranges;
mod series;
mod site;
mod spectrum;
mod step;
mod tensor;
mod tokens;

pub use capture::{Capture, CaptureSink, Gradients};
pub use mat::MatView;
pub use measure::{PairAccumulator, SingularValues};
pub use neox::{GptNeox, GptNeoxError};
pub use ranges::{LocalFile, ReadRange};
pub use series::CheckpointSeries;
pub use site::{Component, ParsePositionsError, Positions, Signal, Site, View};
pub use spectrum::{Spectrum, SpectrumError};
pub use step::{ParseStepError, Step};
pub use tensor::{Dtype, TensorData, TensorDataError, TensorMeta, TensorSource};
pub use tokens::{TokenBatch, TokenBatchError, TokenSource};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
