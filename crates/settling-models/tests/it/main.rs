//! The public interface.

mod accounted;
mod configs;
mod inventory;
mod published;
mod settings;
mod weight_blocks;
