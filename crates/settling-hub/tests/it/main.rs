//! The crate against a local server that speaks the hub's protocol (and is itself checked with the
//! official Python client).

mod access;
mod cache;
mod download;
mod listing;
mod processes;
mod python;
mod ranges;
mod series;
mod support;
