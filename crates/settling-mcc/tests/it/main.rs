//! The public interface, against other implementations and against mathematics.

mod coverage;
mod golden;
mod inference;
mod properties;
mod rational;
mod rules;
mod undefined;
