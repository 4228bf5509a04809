//! How the crates fit together: whole studies of small suites.

mod configurations;
mod devices;
mod hub;
mod protocols;
mod schema;
mod study;
