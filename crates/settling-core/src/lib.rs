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
//! | [`Positions`] | which token positions of a sequence count as observations |
//! | [`Inputs`] | how much of a token row is fed to the model |
//! | [`LossReduction`] | how the losses of a batch become one |
//!
//! # The traits
//!
//! | trait | question it answers | implemented by |
//! |---|---|---|
//! | [`TensorSource`] | what tensors has this checkpoint, and what is in one? | `settling-checkpoint` |
//! | [`CheckpointSeries`] | which steps are there, and how is one opened? | `settling-checkpoint` |
//! | [`ReadRange`] | which bytes are where, in a file here or on a server? | [`LocalFile`], `settling-hub` |
//! | [`TokenSource`] | which token rows are evaluated? | `settling-tokens` |
//! | [`Capture`] | what does the model write? | `settling-capture` |
//! | [`CaptureSink`] | what takes the captured rows? | any closure, [`Activations`] |
//!
//! Matrices are row-major with rows as observations everywhere: [`MatView`]. Matrices of ndarray,
//! nalgebra, faer, candle and tch become one in a line each:
//! [from other libraries](MatView#from-other-libraries).
//!
//! # Features
//!
//! `serde` (off by default): [`Step`] as a number; [`Component`], [`Signal`], [`View`], [`Site`]
//! and [`Positions`] as the text they display as; [`Spectrum`] as the list of its values, checked
//! when it is read.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod activations;
mod capture;
mod error;
mod loss;
mod mat;
mod owned;
mod ranges;
#[cfg(feature = "serde")]
mod serialize;
mod series;
mod site;
mod spectrum;
mod step;
mod tensor;
mod tokens;

pub use activations::Activations;
pub use capture::{Capture, CaptureSink};
pub use error::{BoxError, Error, ErrorKind};
pub use loss::LossReduction;
pub use mat::MatView;
pub use owned::Mat;
pub use ranges::{LocalFile, ReadRange};
pub use series::CheckpointSeries;
pub use site::{Component, Positions, Signal, Site, View};
pub use spectrum::Spectrum;
pub use step::Step;
pub use tensor::{Dtype, TensorData, TensorMeta, TensorSource};
pub use tokens::{Inputs, TokenBatch, TokenSource};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
