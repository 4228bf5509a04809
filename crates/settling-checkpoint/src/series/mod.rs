//! The checkpoints of one training run, as they lie on disk.

mod hub_cache;
mod pattern;
mod pico;
mod steps;

pub use hub_cache::HubCache;
pub use pattern::StepPattern;
pub use pico::{PicoCommit, PicoContent, PicoDynamics, PicoSplit};
pub use steps::StepDirectories;
