//! Captures what the layers of a transformer write to the residual stream, and the gradients of the
//! weights that write it, through libtorch on a CPU or a GPU; and singular values and CKA on a GPU.
//!
//! # Should you use this crate?
//!
//! Yes, if you want activations or weight gradients of a language model from Rust, for any purpose:
//! the rows arrive in a closure as plain `f32` matrices. It runs GPT-NeoX (the Pythia family),
//! Llama and its relatives (OLMo, OLMo 2, Mistral, SmolLM, Amber, TinyLlama, Pico) and GPT-2. If
//! you already have activations, you do not need it: `settling-cka` and `settling-rank` take any
//! matrix.
//!
//! # Linking
//!
//! This is the only crate of `settling` that links a C++ library: libtorch 2.11.0 ([`LIBTORCH`]),
//! what PyTorch itself is made of. The build takes it from the folder that the environment variable
//! `LIBTORCH` names, which has `lib/` and `include/` in it; that of the Python package `torch`
//! 2.11.0 is one. In the repository of `settling`, `cargo xtask libtorch` finds or fetches one, and
//! nothing needs to be set. A build that ends with `torch/torch.h: No such file or directory` has
//! none.
//!
//! | crate feature | what it does |
//! |---|---|
//! | `download-libtorch` | lets the build fetch libtorch where `LIBTORCH` is not set |
//! | `doc-only` | builds and checks everything without libtorch; nothing can be linked or run |
//!
//! What `cargo run` and `cargo test` start finds the libraries without further ado. A binary that
//! is started in another way needs to know where they are: by the environment variable
//! `LD_LIBRARY_PATH`, or by an *rpath*, the folder of the libraries written into the binary itself,
//! for which the `build.rs` of your package is one line. With a libtorch for CUDA the same line
//! links its CUDA part:
//!
//! ```no_run
//! println!("cargo::rustc-link-arg={}", std::env::var("DEP_SETTLING_CAPTURE_LINK").unwrap());
//! ```
//!
//! Cargo hands this variable to packages that name `settling-capture` among their own dependencies.
//! With the feature `doc-only` it is not set.
//!
//! # Example
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use settling_capture::{Error, Options, Transformer};
//! use settling_core::{Capture, MatView, Positions, Site, TokenBatch};
//! use settling_models::ModelSource;
//!
//! /// `checkpoint` is one of settling-checkpoint, or any ModelSource of your own.
//! fn show(checkpoint: &impl ModelSource, batch: &TokenBatch) -> Result<(), Error> {
//!     let architecture = Transformer::architecture_of(checkpoint)?;
//!     let options = Options { positions: Positions::Last, ..Options::default() };
//!     let mut model = Transformer::load(&architecture, checkpoint, &options)?;
//!     model.activations(batch, &mut |site: &Site, rows: MatView<'_>| {
//!         println!("{site}: {} x {}", rows.rows(), rows.cols());
//!         ControlFlow::Continue(())
//!     })
//! }
//! ```
//!
//! # What is computed
//!
//! The [sites](Options::sites) that were asked for, at the [positions](Options::positions) that
//! were asked for, and what they need: no output embedding for activations, nothing after the last
//! site, and of the last layer only those positions. A sink that has seen enough
//! [breaks](std::ops::ControlFlow::Break) and ends the pass. Any other tensor of the pass (queries,
//! hidden activations, the residual stream) is an [`Intermediate`] by its name.
//!
//! Memory, beside the weights: what one layer needs for a micro-batch, and the rows of one site; on
//! a GPU the rows of all sites of a micro-batch. A micro-batch that does not fit a GPU is halved
//! until it does.
//!
//! # Linear algebra
//!
//! [`DeviceSpectra`] and [`DeviceCka`] are what `settling-rank` and `settling-cka` do, on a GPU, by
//! the same traits; they need no model. On a CPU those crates are the better choice.
//! Singular values and CKA are computed in f64, and spectra certified one by one.
//!
//! # Numerics
//!
//! Weights are converted to the [`Precision`] asked for, whatever their type on disk; f32 unless
//! told otherwise, with TF32 off (libtorch's default). Against Hugging Face transformers on the
//! same weights, activations, logits, loss and gradients agree to 1e-5 relative in f32. Matrix
//! products round differently for different shapes, so two micro-batch sizes agree to rounding, not
//! to the bit.
//!
//! # Threads
//!
//! libtorch runs each operation on a thread pool of its own, one thread per core by default;
//! [`set_threads`] changes it, for calls from the thread that calls it. It is idle while a sink
//! runs, and everything here waits for it, so a sink may use all cores (a rayon pool, say) and the
//! two never compete. What does compete is several models at once: give each its share by
//! `set_threads`, called in the thread that runs it, or better, run them one after the other.
// libtorch is called through tch's safe wrappers only.
#![forbid(unsafe_code)]

mod device;
mod error;
mod failure;
mod family;
mod linalg;
mod model;
mod observe;
mod options;
mod precision;
mod tensor;
mod walk;

pub use device::{Device, set_threads};
pub use error::{Error, ErrorKind};
pub use linalg::cka::DeviceCka;
pub use linalg::spectra::DeviceSpectra;
pub use model::point::Intermediate;
pub use observe::transformer::Transformer;
pub use options::{Engine, LIBTORCH, Options};
pub use precision::Precision;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
