//! The public API of `settling-cka`, in one test binary.

mod data;
mod estimators;
mod golden;
mod inference;
mod invariants;
mod kernels;
mod many;
mod refusals;
mod reliability;
mod single;
mod statistics;
