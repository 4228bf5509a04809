//! The public API on synthetic records.

mod main_figure;
mod mcc_figure;
mod saving;
mod study;
mod weight_figure;
