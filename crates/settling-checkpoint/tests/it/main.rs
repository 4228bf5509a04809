//! The public interface.

mod audit;
mod contents;
mod golden;
mod meaning;
#[cfg(target_os = "linux")]
mod memory;
mod models;
mod pickle_refusals;
mod pickle_values;
mod pico;
mod pieces;
mod pytorch;
mod pytorch_refusals;
mod refusals;
mod series;
mod values;
