//! The output folder of a study when something goes wrong: at every call that reads or changes it,
//! at any time, with others at work on it.
#![cfg(target_os = "linux")]

#[path = "../diagonal/mod.rs"]
mod diagonal;

mod calls;
mod child;
mod disk_full;
mod places;
mod processes;
mod tree;
