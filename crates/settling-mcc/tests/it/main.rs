//! The public interface, against other implementations and against mathematics.

mod coverage;
mod golden;
mod properties;
mod undefined;
