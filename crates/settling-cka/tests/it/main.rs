//! The public API of `settling-cka`, in one test binary.

mod data;
mod golden;
mod invariants;
mod refusals;
mod statistics;
