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
//! | two binary variables, or numbers over training to make such from | `settling-mcc` | [`mcc`] |
//! | checkpoint files | `settling-checkpoint` | [`checkpoint`] |
//! | token files or text | `settling-tokens` | [`tokens`] |
//! | records of a study | `settling-records` | [`records`] |
//! | a model to observe | `settling-capture` | `capture` (feature) |
//! | the name of a model on the Hugging Face hub | `settling-hub` | `hub` (feature) |
//!
//! # A study
//!
//! A [`Protocol`] fixes every choice between a checkpoint and the tables: [`Protocol::corrected`]
//! is the paper's definitions computed soundly, [`Protocol::published`] what the paper's released
//! code computes, and a TOML file any other; a study takes several at once. [`study_model`] takes
//! anything that is a [`CheckpointSeries`](settling_core::CheckpointSeries), a
//! [`TokenSource`](settling_core::TokenSource) and a [`Subject`], so your own files, tokens and
//! models plug in. Each step is one atomic unit of a [`Store`]: a study that is killed is resumed
//! by running it again, and several processes may do a [`Shard`] each. [`write_tables`] turns the
//! records into `records.csv`, `records.parquet`, `mcc.csv`, `settling.csv`, `summary.csv` and
//! `manifest.json`; [`records`] reads tables back, [`Manifest::read`] and [`read_spectra`] the
//! rest.
//!
//! ```no_run
//! # #[cfg(feature = "capture")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use settling::{TransformerSubject, Protocol, Settings, Store, study_model, write_tables};
//! use settling::{capture::Options, checkpoint::StepDirectories, tokens::NpyTokens};
//! use settling_core::CheckpointSeries;
//!
//! let series = StepDirectories::open("suite/pythia-70m")?;
//! let last = *series.steps()?.last().ok_or("no steps")?;
//! let subject = TransformerSubject { architecture: series.open(last)?.architecture()?, options: Options::default() };
//! let settings = Settings {
//!     protocols: vec![Protocol::corrected()],
//!     training: None,
//!     steps: None,
//!     shard: None,
//!     reference_memory: 4 << 30,
//!     engine: "libtorch cpu f32".to_owned(),
//! };
//! let store = Store::open("out")?;
//! let tokens = NpyTokens::open("rows.npy")?;
//! let study = study_model("pythia-70m", &series, &tokens, &subject, &settings, &store, &mut |_| {})?;
//! write_tables(&store, &settings, &[study])?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "capture"))]
//! # fn main() {}
//! ```
//!
//! # Features
//!
//! - `capture`: [`TransformerSubject`], which runs models through libtorch (`settling-capture`).
//!   Without it nothing here links C++.
//! - `hub`: checkpoints and token rows from the Hugging Face hub (`settling-hub`). Without it
//!   nothing here opens sockets.
//! - `doc-only`: builds and checks `capture` without libtorch; nothing can be linked or run.
#![forbid(unsafe_code)]

mod cost;
mod error;
mod manifest;
mod measure;
mod plan;
mod protocol;
mod reference;
mod remaining;
mod report;
mod rows;
mod run;
mod settling_table;
mod shard;
mod spectra;
mod store;
mod stored;
mod study;
mod subject;
mod summary;
mod training;
#[cfg(feature = "capture")]
mod transformer;
mod variables;

pub use cost::Cost;
pub use error::{Error, ErrorKind};
pub use manifest::{AuditManifest, Manifest, ModelManifest, StepManifest};
pub use protocol::{
    Average, CkaEstimator, Combine, Early, EarlyWindow, GradientBatches, Gradients, Large, PerOver,
    PerSites, Pers, Protocol, Rows, SubBatches, Summary, SummarySteps, Views,
};
pub use remaining::{Remaining, remaining};
pub use report::{Tables, write_tables};
pub use settling_table::settling_table;
pub use shard::Shard;
pub use store::{Store, Unit};
pub use stored::{StoredSpectrum, read_spectra};
pub use study::{ModelStudy, Progress, RowsUsed, Settings, StepStudy, study_model};
pub use subject::{SiteWeight, Subject};
pub use summary::summarise;
pub use training::TrainingData;
#[cfg(feature = "capture")]
pub use transformer::TransformerSubject;
pub use variables::{
    LayerTrajectories, LayerVariables, layer_trajectories, layer_variables, mcc_table,
};

#[cfg(feature = "capture")]
pub use settling_capture as capture;
pub use settling_checkpoint as checkpoint;
pub use settling_cka as cka;
pub use settling_core as core;
#[cfg(feature = "hub")]
pub use settling_hub as hub;
pub use settling_mcc as mcc;
pub use settling_rank as rank;
pub use settling_records as records;
pub use settling_tokens as tokens;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
