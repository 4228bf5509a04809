//! One binary, so that libtorch is linked once.

mod faults;
mod golden;
mod model;
mod precision;
mod selection;
mod settings;
mod support;
