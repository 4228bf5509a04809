//! Measures how the layers of a language model settle over pre-training.
//!
//! For every checkpoint of a training run it compares what Attention and MLP write to the residual
//! stream with what they write at the end (CKA), measures how many dimensions the writing weights
//! and their gradients use (proportional effective rank, PER), and relates the two over layers
//! (Matthews correlation, MCC). It implements "Tending Towards Stability: Convergence Challenges in
//! Small Language Models" (Diehl Martinez, Lesci and Buttery, Findings of EMNLP 2024).
//!
//! # Should you use this crate?
//!
//! Yes, for a whole study. For one measure on data of your own, depend on the crate that has it:
//!
//! | you have | crate | re-exported as |
//! |---|---|---|
//! | activations (any matrices of paired rows) | `settling-cka` | [`cka`] |
//! | weights or gradients (any matrix) | `settling-rank` | [`rank`] |
//! | two binary variables | `settling-mcc` | [`mcc`] |
//! | checkpoint files | `settling-checkpoint` | [`checkpoint`] |
//! | a `config.json`, names of tensors | `settling-models` | [`models`] |
//! | token files or text | `settling-tokens` | [`tokens`] |
//! | records of a study | `settling-records`, `settling-analysis` | [`records`], [`analysis`] |
//! | tables to draw | `settling-figures` | `figures` (feature) |
//! | a model to observe | `settling-capture` | `capture` (feature) |
//! | the name of a model on the Hugging Face hub | `settling-hub` | `hub` (feature) |
//!
//! The program `settling` (crate `settling-cli`) does it all from a terminal.
//!
//! # A study
//!
//! A [`Protocol`] fixes every choice between a checkpoint and the tables: [`Protocol::corrected`]
//! is the paper's definitions computed soundly, [`Protocol::published`] what the paper's released
//! code computes, and a TOML file any other; a study takes several at once. A [`Study`] takes any
//! [`CheckpointSeries`](settling_core::CheckpointSeries),
//! [`TokenSource`](settling_core::TokenSource) and [`ModelAdapter`], so your own files, token rows
//! and models plug in.
//!
//! [`Study::plan`] says what is to be done, [`Plan::forecast`] what that takes, and [`Plan::run`]
//! does it. Each step is one atomic unit of a [`Store`]: a study that is killed is resumed by
//! running it again, and several processes may do a [`Shard`] each. [`Study::write_tables`] turns
//! the records into `records.csv`, `records.parquet`, `mcc.csv`, `settling.csv`, `summary.csv` and
//! `manifest.json`; [`records`] reads tables back, [`Manifest::read`] and [`read_spectra`] the
//! rest.
//!
//! ```no_run
//! # #[cfg(feature = "capture")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use settling::{Protocol, Store, Study, TransformerAdapter};
//! use settling::{capture::Engine, checkpoint::StepDirectories, tokens::NpyTokens};
//!
//! let study = Study::new(Store::open("out")?, [Protocol::corrected()])?;
//! let series = StepDirectories::open("suite/pythia-70m")?;
//! let rows = NpyTokens::open("rows.npy")?;
//! let adapter = TransformerAdapter::new(Engine::default());
//! let observed = study.plan("pythia-70m", &series, &adapter, Some(&rows))?.run(&mut |_| {})?;
//! study.write_tables(&[observed])?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "capture"))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! - `capture`:
//!   [`TransformerAdapter`](https://docs.rs/settling/latest/settling/struct.TransformerAdapter.html),
//!   which runs models through libtorch (`settling-capture`). Without it nothing here links C++.
//! - `hub`: checkpoints and token rows from the Hugging Face hub (`settling-hub`). Without it
//!   nothing here opens sockets.
//! - `figures`: figures and the report (`settling-figures`).
//! - `doc-only`: builds and checks `capture` without libtorch; nothing can be linked or run.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapter;
mod error;
mod hash;
mod names;
mod plan;
mod protocol;
mod run;
mod shard;
mod store;
mod study;
mod tables;
mod training;

#[cfg(feature = "capture")]
pub use adapter::TransformerAdapter;
pub use adapter::{ModelAdapter, SiteWeight};
pub use error::{Error, ErrorKind};
pub use names::check_model_name;
pub use plan::{Cost, Forecast, Plan, RowsUsed, Speeds};
pub use protocol::{Combine, GradientBatches, Gradients, PerOver, Pers, Protocol, Rows};
pub use run::{ModelStudy, Progress, StepStudy};
pub use shard::Shard;
pub use store::{Store, StoredSpectrum, Unit, read_spectra};
pub use study::Study;
pub use tables::{AuditManifest, Manifest, ModelManifest, StepManifest, TableFiles};
pub use training::TrainingData;

pub use settling_analysis as analysis;
#[cfg(feature = "capture")]
pub use settling_capture as capture;
pub use settling_checkpoint as checkpoint;
pub use settling_cka as cka;
pub use settling_core as core;
#[cfg(feature = "figures")]
pub use settling_figures as figures;
#[cfg(feature = "hub")]
pub use settling_hub as hub;
pub use settling_mcc as mcc;
pub use settling_models as models;
pub use settling_rank as rank;
pub use settling_records as records;
pub use settling_tokens as tokens;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
