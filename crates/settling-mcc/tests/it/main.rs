//! The public interface, against other implementations and against mathematics.

mod golden;
mod properties;
mod undefined;
