//! How the crates fit together: whole studies of small suites.

mod hub;
mod protocols;
mod schema;
mod study;
