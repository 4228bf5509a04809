//! The public interface, against other implementations and against mathematics.

mod association;
mod bootstrap;
mod coverage;
mod golden;
mod inference;
mod properties;
mod rational;
mod serialize;
mod undefined;
