//! Studies of a model that nothing here knows: what they measure, what they keep apart, and what
//! happens when something goes wrong.

mod algebra;
mod diagonal;
mod engines;
#[cfg(target_os = "linux")]
mod faults;
mod own_model;
