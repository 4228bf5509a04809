//! The public API on synthetic records.

mod drawn;
mod gallery;
mod layers;
mod main_figure;
mod mcc_figure;
mod report;
mod saving;
mod study;
mod suite;
mod thresholds;
mod unusual;
mod weight_figure;
