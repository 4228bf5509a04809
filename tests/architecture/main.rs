//! The invariants of docs/ARCHITECTURE.md, read off the workspace itself. A binary of its own: it
//! needs none of the libraries, and says so in seconds.

mod dependencies;
mod edges;
mod files;
mod invariants;
mod licenses;
mod public_api;
mod sources;
mod workspace;
