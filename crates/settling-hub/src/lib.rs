//! Checkpoints and token rows of published suites, from the Hugging Face hub.
//!
//! # Should you use this crate?
//!
//! Yes, to read published training runs from Rust and to know that what is read is what was
//! published: revisions are resolved to commits, downloads verified and resumed, and what is too
//! large to download is read by byte ranges. The `hf-hub` crate does the talking below; use it
//! itself to upload, to search, or where one file of one model is all you want. This crate is the
//! heaviest of its workspace: some 260 packages, most of them for Xet, the hub's storage protocol,
//! which hf-hub cannot be built without; a C compiler (for TLS); and minutes of a first build. For
//! checkpoints that are on disk, use `settling-checkpoint` alone.
//!
//! | you want | use |
//! |---|---|
//! | the checkpoints of a model, one step per revision | [`HubSeries`] |
//! | to know before downloading whether they are what their names say | [`HubSeries::listing`] and [`Audit::run_listing`](settling_checkpoint::Audit::run_listing) |
//! | a few tensors of a large checkpoint | [`HubSeries::open_remote`] |
//! | a few rows of a large data set | [`training_data`], [`Repository::open_bytes`] |
//! | what Pico's trainer recorded | [`HubSeriesBuilder::pico_dynamics`] |
//! | one file, in the cache | [`Repository::fetch_path`] |
//! | to know how a suite names its steps | [`Suite`] |
//!
//! ```no_run
//! use settling_core::{CheckpointSeries, Step, TensorSource};
//! use settling_hub::{Hub, HubSeries};
//!
//! let hub = Hub::from_env()?;
//! let series = HubSeries::builder(&hub, "EleutherAI/pythia-70m-deduped")
//!     .steps(vec![Step(1000)])
//!     .open()?;
//! let checkpoint = series.open(Step(1000))?;
//! println!("{} tensors", checkpoint.tensors().len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **One cache.** Files lie where Hugging Face's Python library puts and finds them, and its
//!   environment variables are honored: [`HubSettings::from_env`]. Offline, everything that is
//!   cached works.
//! - **Nothing unverified.** Every file of the cache is compared with its size and hash each time
//!   it is fetched, whoever wrote it; what is damaged is removed and fetched again. (Byte ranges
//!   cannot be: see [`Repository::open_bytes`].)
//! - **Nothing lost.** A download that broke off goes on where it stopped. Several processes may
//!   want the same file: one fetches it.
//! - **Commits, not names.** A branch is resolved once, and what is fetched afterwards is of that
//!   commit.
//! - **The token goes to the hub and nowhere else.**
//!
//! Requests that fail in a way that may pass (no connection, silence, an error of the server, too
//! many requests) are made again, after the time that the server asks for or one that doubles.
//!
//! It uploads nothing and lists no models, and is the only crate of its workspace that opens
//! sockets.
#![forbid(unsafe_code)]

mod bytes;
mod cache;
mod client;
mod download;
mod error;
mod event;
mod hash;
mod hub;
mod listing;
mod names;
mod repository;
mod series;
mod settings;
mod suites;
mod training_data;

pub use bytes::RemoteBytes;
pub use error::{Error, ErrorKind};
pub use event::Event;
pub use hub::Hub;
pub use listing::{Commit, FileHash, RemoteFile, Revision};
pub use repository::Repository;
pub use series::{HubCheckpoint, HubSeries, HubSeriesBuilder};
pub use settings::HubSettings;
pub use suites::{StepNames, Suite};
pub use training_data::training_data;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
