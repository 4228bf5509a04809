//! The program `settling`, as its users run it.

mod commands;
mod program;
#[cfg(unix)]
mod refusals;

#[cfg(all(feature = "capture", unix))]
mod cluster;
#[cfg(not(feature = "capture"))]
mod lean;
#[cfg(feature = "capture")]
mod models;
#[cfg(feature = "capture")]
mod study;
