//! The public interface.

mod configs;
mod inventory;
mod published;
mod settings;
mod weight_blocks;
