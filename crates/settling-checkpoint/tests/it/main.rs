//! The public interface.

mod audit;
mod contents;
mod golden;
#[cfg(target_os = "linux")]
mod memory;
mod models;
mod pickle_refusals;
mod pico;
mod pieces;
mod pytorch;
mod pytorch_refusals;
mod refusals;
mod series;
