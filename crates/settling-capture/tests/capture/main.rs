//! One binary, so that libtorch is linked once.

mod golden;
mod model;
mod support;
