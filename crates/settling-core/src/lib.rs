//! The vocabulary and the narrow traits that the `settling` crates compose through.
//!
//! # Should you depend on this crate?
//!
//! If you want numbers, depend on the crate that computes them (`settling-rank`, `settling-cka`,
//! `settling-mcc`), or on the facade `settling` for a whole study. Depend on this one when you
//! *implement* a piece: your own checkpoint format, your own model, your own similarity measure. It
//! has no dependencies, does no I/O (but for reading a [`LocalFile`]) and contains no unsafe code,
//! so it costs nothing and changes rarely.
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
//! | [`Architecture`] | what a model is besides its weights: a [`GptNeox`], a [`Llama`] or a [`Gpt2`], its sizes, the names and shapes of its weights |
//! | [`WeightBlock`] | a weight matrix, or the part of it that belongs to one attention head |
//! | [`Positions`] | which token positions of a sequence count as observations |
//! | [`Inputs`] | how much of a token row is fed |
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
//! | [`CaptureSink`] | who takes the captured rows? | any closure, [`Activations`] |
//! | [`SingularValues`] | what is the spectrum of this matrix? | `settling-rank` |
//! | [`PairAccumulator`] | how similar are two streams of rows? | `settling-cka` |
//!
//! Matrices are row-major with rows as observations everywhere: [`MatView`].
#![forbid(unsafe_code)]

mod activations;
mod architecture;
mod capture;
mod gpt2;
mod layout;
mod llama;
mod mat;
mod measure;
mod names;
mod neox;
mod ranges;
mod series;
mod site;
mod spectrum;
mod step;
mod tensor;
mod tokens;
mod validate;
mod weight_block;

pub use activations::Activations;
pub use architecture::{Architecture, ModelSizes};
pub use capture::{Capture, CaptureSink, Gradients};
pub use gpt2::Gpt2;
pub use llama::{Llama, LlamaNames, LlamaNorm, RopeScaling, RotaryPairs};
pub use mat::MatView;
pub use measure::{PairAccumulator, SingularValues};
pub use names::CanonicalNames;
pub use neox::GptNeox;
pub use ranges::{LocalFile, ReadRange};
pub use series::CheckpointSeries;
pub use site::{Component, ParsePositionsError, ParseSiteError, Positions, Signal, Site, View};
pub use spectrum::{Spectrum, SpectrumError};
pub use step::{ParseStepError, Step};
pub use tensor::{Dtype, TensorData, TensorDataError, TensorMeta, TensorSource};
pub use tokens::{Inputs, ParseInputsError, TokenBatch, TokenBatchError, TokenSource};
pub use validate::ArchitectureError;
pub use weight_block::WeightBlock;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
