//! A model in memory and what can be asked of it: activations, intermediates, gradients.

mod activations;
mod batch;
mod gradients;
mod record;
pub(crate) mod transformer;
