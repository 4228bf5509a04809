//! The public API of `settling-cka`, in one test binary.

mod arbitrary;
mod data;
mod estimators;
mod golden;
mod hard;
mod inference;
mod invariants;
mod kernels;
mod many;
mod refusals;
mod reliability;
mod scales;
mod single;
mod statistics;
