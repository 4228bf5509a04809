//! Checkpoints and token rows of published suites, from the Hugging Face hub.
//!
//! | you want | use |
//! |---|---|
//! | the checkpoints of a model, one a revision | [`HubSeries`] |
//! | to know before downloading whether they are what their names say | [`HubSeries::listing`] and [`Audit::run_listing`](settling_checkpoint::Audit::run_listing) |
//! | a few tensors of a large checkpoint | [`HubSeries::open_remote`] |
//! | a few rows of a large data set | [`training_data`], [`Repository::open_bytes`] |
//! | what Pico's trainer recorded | [`HubSeries::of_pico_dynamics`] |
//! | one file, in the cache | [`Repository::fetch_path`] |
//! | to know how a suite names its steps | [`Suite`] |
//!
//! ```no_run
//! use settling_checkpoint::StepPattern;
//! use settling_core::{CheckpointSeries, Step, TensorSource};
//! use settling_hub::{Hub, HubSeries};
//!
//! let repository = Hub::from_env()?.model("EleutherAI/pythia-70m-deduped")?;
//! let series = HubSeries::open(&repository, &StepPattern::default(), Some(&[Step(1000)]))?;
//! let checkpoint = series.open(Step(1000))?;
//! println!("{} tensors", checkpoint.tensors().len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! - **One cache.** Files lie where Hugging Face's Python library puts and finds them, and its
//!   environment variables are honoured: [`HubSettings::from_env`]. Offline, everything that is
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
//! # What it is not
//!
//! It uploads nothing and lists no models. The `hf-hub` crate does, and does the talking here: what
//! we add is what it lacks. It needs a C compiler to build (for TLS), and is the only crate of this
//! workspace that opens sockets.

#![forbid(unsafe_code)]

mod bytes;
mod cache;
mod connection;
mod data;
mod download;
mod error;
mod event;
mod hub;
mod names;
mod repository;
mod series;
mod settings;
mod suites;
mod tree;
mod weights;

pub use bytes::RemoteBytes;
pub use data::training_data;
pub use error::{Error, ErrorKind};
pub use event::Event;
pub use hub::Hub;
pub use repository::{Commit, FileHash, RemoteFile, Repository, Revision};
pub use series::{HubCheckpoint, HubSeries};
pub use settings::HubSettings;
pub use suites::{StepNames, Suite};

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
