//! The public interface.

mod configs;
