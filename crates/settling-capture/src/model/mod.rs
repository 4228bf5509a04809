//! What a model is put together from, how it is run, and which of its tensors have a name.

pub(crate) mod activation;
pub(crate) mod attention;
pub(crate) mod loss;
pub(crate) mod network;
pub(crate) mod parameters;
pub(crate) mod parts;
pub(crate) mod pass;
pub(crate) mod point;
